// Where was a subject last heard of, and which numbers has a source used?
//
// A few numbers a name. Of a subject: the pool it was last known in, its last position, and whether it was an actor or a worker. Of a
// source: its highest decimal id (a higher one is certainly new), and in which pools it put actors and workers. They are worked out from events alone; a checkpoint saves going through them all at opening. Changes of a commit under way
// are noted, to be kept or taken back with it.

import Domain
import Synchronization

final class SubjectIndex: Sendable {
    /// As what a name was the subject of an event.
    struct Role: OptionSet, Sendable {
        let rawValue: UInt8
        static let actor = Role(rawValue: 1)
        static let worker = Role(rawValue: 2)

        init(rawValue: UInt8) { self.rawValue = rawValue }
        init(_ kind: EventKind) { self = kind.isAboutWorker ? .worker : kind.isNamespaced ? .actor : [] }
    }

    struct State: Sendable {
        /// Indexed by a name's number; 0 where there is none.
        fileprivate(set) var pools: [UInt32] = [0]
        fileprivate(set) var lastSeqs: [Int64] = [0]
        /// −1 where the source has sent no decimal id.
        fileprivate(set) var highestIDs: [Int64] = [-1]
        fileprivate(set) var roles: [UInt8] = [0]
        /// A pool in whose namespace a source puts all its actors and workers; 0 where it has put none, `mixed` where it knows
        /// several namespaces.
        fileprivate(set) var sourcePools: [UInt32] = [0]
        fileprivate var undo: [Undo] = []

        private static let mixed = UInt32.max

        fileprivate struct Undo: Sendable {
            var subject: Int
            var source: Int
            var pool: UInt32
            var lastSeq: Int64
            var highestID: Int64
            var role: UInt8
            var sourcePool: UInt32
        }

        @inline(__always)
        func pool(of subject: NameID) -> NameID { subject.index < pools.count ? NameID(pools[subject.index]) : .none }

        @inline(__always)
        func lastSeq(of subject: NameID) -> Position { subject.index < lastSeqs.count ? lastSeqs[subject.index] : 0 }

        @inline(__always)
        func highestID(of source: NameID) -> Int64 { source.index < highestIDs.count ? highestIDs[source.index] : -1 }

        /// Whether it was the subject of an event about an actor or a worker.
        @inline(__always)
        func isKnown(_ name: NameID) -> Bool { name.index < roles.count && roles[name.index] != 0 }

        @inline(__always)
        func isKnown(_ name: NameID, as role: Role) -> Bool { name.index < roles.count && roles[name.index] & role.rawValue != 0 }

        /// A pool in whose namespace the source puts all it speaks of; nil where there is none.
        func pool(ofSource source: NameID) -> NameID? {
            guard source.index < sourcePools.count, sourcePools[source.index] != 0, sourcePools[source.index] != Self.mixed else {
                return nil
            }
            return NameID(sourcePools[source.index])
        }

        /// What an event says of its subject and its source.
        struct Note {
            var seq: Position
            var subject: NameID
            /// Its own; none where its kind has none.
            var pool: NameID
            var worker: NameID
            var source: NameID
            var integerID: Int64?
            var role: Role
        }

        @inline(__always)
        mutating func note(_ note: Note, _ table: inout NameTable) {
            let (subject, source) = (note.subject.index, note.source.index)
            makeRoom(for: subject, source: source)
            undo.append(
                Undo(
                    subject: subject, source: source, pool: pools[subject], lastSeq: lastSeqs[subject], highestID: highestIDs[source],
                    role: roles[subject], sourcePool: sourcePools[source]))
            lastSeqs[subject] = note.seq
            if let integerID = note.integerID, integerID > highestIDs[source] { highestIDs[source] = integerID }
            roles[subject] |= note.role.rawValue
            if !note.pool.isNone {
                pools[subject] = note.pool.rawValue
                if !note.role.isEmpty, sourcePools[source] != note.pool.rawValue { noteNamespace(note.pool, ofSource: source, table) }
            } else if note.role == .actor, pools[subject] == 0 {
                // It runs there, so that is where it is.
                pools[subject] = pool(of: note.worker).rawValue
            }
        }

        private mutating func noteNamespace(_ pool: NameID, ofSource source: Int, _ table: NameTable) {
            if sourcePools[source] == 0 {
                sourcePools[source] = pool.rawValue
            } else if sourcePools[source] != Self.mixed, !table.haveOneNamespace(NameID(sourcePools[source]), pool) {
                sourcePools[source] = Self.mixed
            }
        }

        mutating func keepNoted() { undo.removeAll(keepingCapacity: true) }

        mutating func dropNoted() {
            for change in undo.reversed() {
                pools[change.subject] = change.pool
                lastSeqs[change.subject] = change.lastSeq
                highestIDs[change.source] = change.highestID
                roles[change.subject] = change.role
                sourcePools[change.source] = change.sourcePool
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
            grow(&sourcePools, to: source, filling: 0)
            grow(&roles, to: max(index, source), filling: 0)
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

    func withState<Result: Sendable>(_ body: (inout State) throws -> Result) rethrows -> Result { try state.withLock { try body(&$0) } }

    func durableLastSeq(of subject: NameID) -> Position { state.withLock { $0.durableLastSeq(of: subject) } }

    var bytes: Int {
        state.withLock {
            $0.pools.capacity * 4 + $0.lastSeqs.capacity * 8 + $0.highestIDs.capacity * 8 + $0.roles.capacity + $0.sourcePools.capacity * 4
        }
    }

    // MARK: - Checkpoint

    static let version = 2

    private static let bytesPerName = 25

    /// All of it, as a checkpoint keeps them: their count, then each in one piece, little-endian. Only between commits.
    func encoded() -> [UInt8] {
        state.withLock { state in
            var out: [UInt8] = []
            out.reserveCapacity(8 + state.pools.count * Self.bytesPerName)
            withUnsafeBytes(of: UInt64(state.pools.count).littleEndian) { out.append(contentsOf: $0) }
            state.pools.withUnsafeBytes { out.append(contentsOf: $0) }
            state.lastSeqs.withUnsafeBytes { out.append(contentsOf: $0) }
            state.highestIDs.withUnsafeBytes { out.append(contentsOf: $0) }
            // As many as there are names, though the last ones are no sources.
            out.append(contentsOf: repeatElement(0xFF, count: (state.pools.count - min(state.highestIDs.count, state.pools.count)) * 8))
            state.sourcePools.withUnsafeBytes { out.append(contentsOf: $0) }
            out.append(contentsOf: repeatElement(0, count: (state.pools.count - min(state.sourcePools.count, state.pools.count)) * 4))
            out.append(contentsOf: state.roles)
            return out
        }
    }

    /// False where the bytes are not what `encoded` wrote.
    func restore(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { raw in
            guard raw.count >= 8 + Self.bytesPerName else { return false }
            let count = raw.loadUnaligned(as: UInt64.self)
            guard count > 0, count <= UInt64(UInt32.max), raw.count == 8 + Int(count) * Self.bytesPerName else { return false }
            let names = Int(count)
            var restored = State()
            restored.pools = Self.values(raw, from: 8, count: names)
            restored.lastSeqs = Self.values(raw, from: 8 + names * 4, count: names)
            restored.highestIDs = Self.values(raw, from: 8 + names * 12, count: names)
            restored.sourcePools = Self.values(raw, from: 8 + names * 20, count: names)
            restored.roles = Array(raw[(8 + names * 24)...])
            let found = restored
            state.withLock { $0 = found }
            return true
        }
    }

    private static func values<Value: FixedWidthInteger>(_ raw: UnsafeRawBufferPointer, from start: Int, count: Int) -> [Value] {
        (0..<count).map { Value(littleEndian: raw.loadUnaligned(fromByteOffset: start + $0 * MemoryLayout<Value>.size, as: Value.self)) }
    }
}
