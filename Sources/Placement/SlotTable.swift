import Domain

// At which index of an array does this key's value lie?
//
// A hash table from keys to small numbers: open addressing, linear probing, at most half full, deletion by moving back what
// follows. Hashes are mixed numbers instead of the standard library's keyed ones: several times as fast, the same in every
// process, and its order never reaches an answer. Keys are numbers of names, and hashes of what trusted agents send.

protocol MixedKey: Equatable, Sendable {
    var mixed: UInt64 { get }
}

extension NameID: MixedKey {
    @inline(__always) var mixed: UInt64 { ByteHash.mix(UInt64(rawValue)) }
}

extension SnapshotID: MixedKey {
    @inline(__always) var mixed: UInt64 { ByteHash.mix(rawValue) }
}

struct SlotTable<Key: MixedKey>: Sendable {
    private struct Slot: Sendable {
        var key: Key
        /// -1: vacant.
        var value: Int32
    }

    private var slots: [Slot] = []
    private(set) var count = 0

    init() {}

    subscript(_ key: Key) -> Int? {
        guard count > 0 else { return nil }
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: key.mixed) & mask
        while slots[place].value >= 0 {
            if slots[place].key == key { return Int(slots[place].value) }
            place = (place + 1) & mask
        }
        return nil
    }

    mutating func set(_ key: Key, _ value: Int) {
        if (count + 1) * 2 > slots.count { grow(for: key) }
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: key.mixed) & mask
        while slots[place].value >= 0 {
            if slots[place].key == key {
                slots[place].value = Int32(value)
                return
            }
            place = (place + 1) & mask
        }
        slots[place] = Slot(key: key, value: Int32(value))
        count += 1
    }

    mutating func remove(_ key: Key) {
        guard count > 0 else { return }
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: key.mixed) & mask
        while slots[place].value >= 0, slots[place].key != key { place = (place + 1) & mask }
        guard slots[place].value >= 0 else { return }
        count -= 1
        // Whoever stands behind the gap and could stand in it moves there.
        var gap = place
        place = (place + 1) & mask
        while slots[place].value >= 0 {
            let home = Int(truncatingIfNeeded: slots[place].key.mixed) & mask
            if (place - home) & mask >= (place - gap) & mask {
                slots[gap] = slots[place]
                gap = place
            }
            place = (place + 1) & mask
        }
        slots[gap].value = -1
    }

    func forEach(_ body: (Key, Int) -> Void) {
        for slot in slots where slot.value >= 0 { body(slot.key, Int(slot.value)) }
    }

    private mutating func grow(for key: Key) {
        let old = slots
        slots = [Slot](repeating: Slot(key: key, value: -1), count: max(16, old.count * 2))
        count = 0
        for slot in old where slot.value >= 0 { set(slot.key, Int(slot.value)) }
    }
}
