// Where was a subject last heard of, and which numbers has a source used?
//
// Three numbers a name: the pool it was last known in and its last position (as a subject), and its highest decimal id (as
// a source: a higher one is certainly new). They are worked out from events alone; a checkpoint saves going through them
// all at opening. Changes of a commit under way are noted, to be kept or taken back with it.

import Domain
import Synchronization

final class SubjectIndex: Sendable {
    struct State: Sendable {
        /// Indexed by a name's number; 0 where there is none.
        fileprivate(set) var pools: [UInt32] = [0]
        fileprivate(set) var lastSeqs: [Int64] = [0]
        /// −1 where the source has sent no decimal id.
        fileprivate(set) var highestIDs: [Int64] = [-1]
        fileprivate var undo: [Undo] = []

        fileprivate struct Undo: Sendable {
            var subject: Int
            var source: Int
            var pool: UInt32
            var lastSeq: Int64
            var highestID: Int64
        }

        @inline(__always)
        func pool(of subject: NameID) -> NameID { subject.index < pools.count ? NameID(pools[subject.index]) : .none }

        @inline(__always)
        func lastSeq(of subject: NameID) -> Position { subject.index < lastSeqs.count ? lastSeqs[subject.index] : 0 }

        @inline(__always)
        func highestID(of source: NameID) -> Int64 { source.index < highestIDs.count ? highestIDs[source.index] : -1 }

        /// An event of `subject` at `seq`. `pool` is set where its kind says which pool the subject is in.
        @inline(__always)
        mutating func note(_ seq: Position, subject: NameID, pool: NameID?, source: NameID, integerID: Int64?) {
            makeRoom(for: subject.index, source: source.index)
            undo.append(Undo(
                subject: subject.index, source: source.index, pool: pools[subject.index], lastSeq: lastSeqs[subject.index],
                highestID: highestIDs[source.index]))
            lastSeqs[subject.index] = seq
            if let pool { pools[subject.index] = pool.rawValue }
            if let integerID, integerID > highestIDs[source.index] { highestIDs[source.index] = integerID }
        }

        mutating func keepNoted() { undo.removeAll(keepingCapacity: true) }

        mutating func dropNoted() {
            for change in undo.reversed() {
                pools[change.subject] = change.pool
                lastSeqs[change.subject] = change.lastSeq
                highestIDs[change.source] = change.highestID
            }
            undo.removeAll(keepingCapacity: true)
        }

        /// The subject's last position that is durable, while a commit may be under way.
        func durableLastSeq(of subject: NameID) -> Position {
            undo.first { $0.subject == subject.index }?.lastSeq ?? lastSeq(of: subject)
        }

        private mutating func makeRoom(for index: Int, source: Int) {
            // Few names are sources, and they come early.
            grow(&highestIDs, to: source, filling: -1)
            grow(&pools, to: max(index, source), filling: 0)
            grow(&lastSeqs, to: max(index, source), filling: 0)
        }

        /// By an eighth: doubled, a table of a million names would be half empty.
        private func grow<Value>(_ values: inout [Value], to index: Int, filling value: Value) {
            guard index >= values.count else { return }
            if index >= values.capacity { values.reserveCapacity(index + 1 + index / 8) }
            values.append(contentsOf: repeatElement(value, count: index + 1 - values.count))
        }
    }

    private let state = Mutex(State())

    func withState(_ body: (inout State) throws -> Void) rethrows { try state.withLock { try body(&$0) } }

    func durableLastSeq(of subject: NameID) -> Position { state.withLock { $0.durableLastSeq(of: subject) } }

    var bytes: Int { state.withLock { $0.pools.capacity * 4 + $0.lastSeqs.capacity * 8 + $0.highestIDs.capacity * 8 } }

    // MARK: - Checkpoint

    static let version = 1

    /// All three, as a checkpoint keeps them: their count, then each in one piece, little-endian. Only between commits.
    func encoded() -> [UInt8] {
        state.withLock { state in
            var out: [UInt8] = []
            out.reserveCapacity(8 + state.pools.count * 20)
            withUnsafeBytes(of: UInt64(state.pools.count).littleEndian) { out.append(contentsOf: $0) }
            state.pools.withUnsafeBytes { out.append(contentsOf: $0) }
            state.lastSeqs.withUnsafeBytes { out.append(contentsOf: $0) }
            state.highestIDs.withUnsafeBytes { out.append(contentsOf: $0) }
            // As many as there are names, though the last ones are no sources.
            out.append(contentsOf: repeatElement(0xFF, count: (state.pools.count - min(state.highestIDs.count, state.pools.count)) * 8))
            return out
        }
    }

    /// False where the bytes are not what `encoded` wrote.
    func restore(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { raw in
            guard raw.count >= 28 else { return false }
            let count = raw.loadUnaligned(as: UInt64.self)
            guard count > 0, count <= UInt64(UInt32.max), raw.count == 8 + Int(count) * 20 else { return false }
            let names = Int(count)
            var restored = State()
            restored.pools = Self.values(raw, from: 8, count: names)
            restored.lastSeqs = Self.values(raw, from: 8 + names * 4, count: names)
            restored.highestIDs = Self.values(raw, from: 8 + names * 12, count: names)
            let found = restored
            state.withLock { $0 = found }
            return true
        }
    }

    private static func values<Value: FixedWidthInteger>(_ raw: UnsafeRawBufferPointer, from start: Int, count: Int) -> [Value] {
        (0..<count).map { Value(littleEndian: raw.loadUnaligned(fromByteOffset: start + $0 * MemoryLayout<Value>.size, as: Value.self)) }
    }
}
