// Which of the newest events has this id?
//
// An open-addressing table from an id's hash to its position, for the events since the newest run. The upper bits of the
// hash choose the slot, so the slots are almost in order already when the table becomes a run. One thread writes; a table
// that has been frozen is never written again and may be read from any.

final class DedupeTable: @unchecked Sendable {
    let firstSeq: Int64
    /// Events it is made for.
    let capacity: Int
    let offsetBits: Int
    private(set) var count = 0
    // Guarded by the writer until `freeze`; constant after it.
    private let memory: LargeMemory
    private let shift: UInt64

    init(firstSeq: Int64, capacity: Int) {
        self.firstSeq = firstSeq
        self.capacity = capacity
        offsetBits = DedupeEntry.offsetBits(forEvents: capacity)
        // At most half full: a probe that finds nothing ends after one or two slots.
        let bits = max(4, offsetBits + 1)
        shift = UInt64(64 - bits)
        memory = LargeMemory(words: 1 << bits, filledWith: DedupeEntry.empty)
    }

    private var slots: UnsafeMutableBufferPointer<UInt64> {
        @inline(__always) get { memory.words }
    }

    var lastSeq: Int64 { firstSeq + Int64(count) - 1 }
    var bytes: Int { slots.count * 8 }

    /// Brings the slot of `hash` into the cache; the value is only there to keep the load.
    @inline(__always)
    func touch(_ hash: UInt64) -> UInt64 { slots[Int(hash >> shift)] }

    /// False: no such id here.
    @inline(__always)
    func mayContain(_ hash: UInt64) -> Bool {
        var slot = Int(hash >> shift)
        while slots[slot] != DedupeEntry.empty {
            if DedupeEntry.matches(slots[slot], hash: hash, offsetBits: offsetBits) { return true }
            slot = (slot + 1) & (slots.count - 1)
        }
        return false
    }

    /// Calls `isIt` with each position whose hash matches, until it says yes; that position, or nil.
    @inline(__always)
    func find(_ hash: UInt64, _ isIt: (Int64) throws -> Bool) rethrows -> Int64? {
        var slot = Int(hash >> shift)
        while slots[slot] != DedupeEntry.empty {
            if DedupeEntry.matches(slots[slot], hash: hash, offsetBits: offsetBits) {
                let seq = firstSeq + Int64(DedupeEntry.offset(of: slots[slot], offsetBits: offsetBits))
                if try isIt(seq) { return seq }
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Adds the next position. Returns the slot, for `remove`.
    @inline(__always)
    func append(_ hash: UInt64) -> Int {
        precondition(count < capacity, "a dedupe table of \(capacity) events is full")
        var slot = Int(hash >> shift)
        while slots[slot] != DedupeEntry.empty { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = DedupeEntry.make(hash: hash, offset: count, offsetBits: offsetBits)
        count += 1
        return slot
    }

    /// Takes back what `append` added last; the slots in the order they were returned.
    func remove(_ added: [Int]) {
        for slot in added.reversed() { slots[slot] = DedupeEntry.empty }
        count -= added.count
    }

    /// All entries, sorted. Slots are nearly in order, so each entry moves a few places at most.
    func sortedEntries() -> [UInt64] {
        var entries: [UInt64] = []
        entries.reserveCapacity(count)
        // Entries that ran over the end lie before the first gap: the walk begins behind it and comes to them last.
        let gap = slots.firstIndex(of: DedupeEntry.empty) ?? 0
        for step in 0..<slots.count {
            let entry = slots[(gap + step) & (slots.count - 1)]
            guard entry != DedupeEntry.empty else { continue }
            entries.append(entry)
            var k = entries.count - 1
            while k > 0, entries[k - 1] > entry {
                entries[k] = entries[k - 1]
                k -= 1
            }
            entries[k] = entry
        }
        return entries
    }
}
