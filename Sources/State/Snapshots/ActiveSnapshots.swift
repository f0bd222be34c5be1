import Basics
package import Domain
package import Placement

// Which snapshots do the actors that are awake, or paused, have?
//
// Of a suspended actor the record's position says all: its latest external snapshot is read from the log when it is wanted.
// Only an actor that holds a slot, or whose state lies on a node alone, has an entry here, so this is as large as what is
// active. Found by the actor's index; written in order of index.

package struct ActiveSnapshot: Hashable, Sendable {
    /// Its latest external snapshot, where a placement told.
    package internal(set) var external: SnapshotID?
    /// Bytes that the placement said are restored.
    package internal(set) var restoreBytes: Int64 = 0
    /// Its state on a node, until it runs again.
    package internal(set) var paused: PausedSnapshot?
    /// Position of the `actor.paused` that told of it.
    package internal(set) var pausedSeq: Position = 0
    /// The node dropped the paused snapshot: what the actor did since its external one is lost.
    package internal(set) var isPausedLost = false

    /// Nothing worth keeping once the actor holds no slot.
    package var isVoid: Bool { paused == nil && !isPausedLost }
}

package struct ActiveSnapshots: Sendable {
    private var entries = SlotMap<Int, ActiveSnapshot>()
    /// Whose paused snapshot it is.
    private var byPaused = SlotTable<SnapshotID>()

    package var count: Int { entries.count }
    package var indices: [Int] { entries.keys.sorted() }

    package subscript(_ actor: Int) -> ActiveSnapshot? { entries[actor] }

    package func actor(paused snapshot: SnapshotID) -> Int? { byPaused[snapshot] }

    package mutating func set(_ actor: Int, _ entry: ActiveSnapshot) {
        let old = entries.set(actor, entry)
        guard old?.paused != entry.paused else { return }
        if let paused = old?.paused { byPaused.remove(paused.snapshot) }
        if let paused = entry.paused { byPaused.set(paused.snapshot, actor) }
    }

    @discardableResult
    package mutating func remove(_ actor: Int) -> ActiveSnapshot? {
        guard let old = entries.remove(actor) else { return nil }
        if let paused = old.paused { byPaused.remove(paused.snapshot) }
        return old
    }
}

extension ActiveSnapshots {
    package func encode(into writer: inout ByteWriter) {
        writer.list(indices) { writer, actor in
            writer.integer(Int64(actor))
            let entry = entries[actor] ?? ActiveSnapshot()
            writer.optional(entry.external) { $0.integer($1.rawValue) }
            writer.integer(entry.restoreBytes)
            writer.optional(entry.paused) { writer, paused in
                writer.integer(paused.node.rawValue)
                writer.integer(paused.snapshot.rawValue)
                writer.integer(paused.bytes)
                writer.bool(paused.isBound)
            }
            writer.integer(entry.pausedSeq)
            writer.bool(entry.isPausedLost)
        }
    }

    package init(from reader: inout ByteReader) throws(ByteFault) {
        for _ in 0..<(try reader.count(bytesEach: 27)) {
            let actor = try reader.int()
            var entry = ActiveSnapshot()
            entry.external = try reader.optional { reader throws(ByteFault) in SnapshotID(rawValue: try reader.integer()) }
            entry.restoreBytes = try reader.integer()
            entry.paused = try reader.optional { reader throws(ByteFault) in
                PausedSnapshot(
                    node: NameID(try reader.integer()), snapshot: SnapshotID(rawValue: try reader.integer()), bytes: try reader.integer(),
                    isBound: try reader.bool())
            }
            entry.pausedSeq = try reader.integer()
            entry.isPausedLost = try reader.bool()
            set(actor, entry)
        }
    }
}
