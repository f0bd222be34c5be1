import Basics
import Domain
import EventLog
import Placement
import State

// What did the log say of a snapshot, at this position?
//
// A suspended actor's latest snapshot is kept as a position alone: its URI and size are read when a placement wants them.
// Those told or read last are kept, the oldest forgotten first, so that who is suspended and woken often is placed without
// a look into the file.

struct RecordedSnapshots {
    /// About 10 MB of them.
    static let limit = 65_536

    private let bodies: BodyLookup
    /// A ring, and where each position stands in it.
    private var known: [(position: Position, snapshot: RecordedSnapshot?)] = []
    private var places = SlotTable<Position>()
    private var next = 0
    private var hasRead = false
    private var hasFailed = false

    init(_ log: EventLog) { bodies = log.bodies }

    /// nil where the event names no snapshot, is no more in the log, or can't be read: see `takeFailure`.
    mutating func callAsFunction(_ position: Position) -> RecordedSnapshot? {
        if let place = places[position] { return known[place].snapshot }
        hasRead = true
        let found: RecordedSnapshot?
        do throws(LogError) { found = try bodies.recordedSnapshot(at: position) } catch {
            hasFailed = true
            return nil
        }
        keep(position, found)
        return found
    }

    /// Whether a read failed since this was asked last.
    mutating func takeFailure() -> Bool {
        defer { hasFailed = false }
        return hasFailed
    }

    /// Takes note of what a commit tells: those whose state was saved are the likeliest to be placed next.
    mutating func note(_ batch: CommittedBatch) {
        for event in batch.events where event.kind == .actorSuspended || event.kind == .actorPaused {
            keep(event.seq, batch.withBody(of: event) { RecordedSnapshot($0, at: batch.at) })
        }
    }

    /// No more questions for now: the file may be let go of.
    mutating func rest() {
        guard hasRead else { return }
        hasRead = false
        bodies.rest()
    }

    private mutating func keep(_ position: Position, _ snapshot: RecordedSnapshot?) {
        if known.count < Self.limit {
            known.append((position, snapshot))
            places.set(position, known.count - 1)
            return
        }
        places.remove(known[next].position)
        known[next] = (position, snapshot)
        places.set(position, next)
        next = (next + 1) % Self.limit
    }
}
