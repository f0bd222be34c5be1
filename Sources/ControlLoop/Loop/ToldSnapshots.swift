import Domain
import EventLog
import Placement

// What did the log say of a snapshot, at this position?
//
// A suspended actor's latest snapshot is kept as a position alone: its URI and size are read when a placement wants them.
// Those read last are kept, as who waits is asked about again; when there are too many all are dropped.

struct ToldSnapshots {
    static let limit = 8_192

    private let read: (Position) -> ToldSnapshot?
    private var known: [Position: ToldSnapshot?] = [:]

    init(_ log: EventLog) { read = { log.toldSnapshot(at: $0) } }

    /// nil where the event names no snapshot, or is no more in the log.
    mutating func callAsFunction(_ position: Position) -> ToldSnapshot? {
        if let known = known[position] { return known }
        if known.count >= Self.limit { known.removeAll(keepingCapacity: true) }
        let found = read(position)
        known[position] = .some(found)
        return found
    }
}

extension EventLog {
    func toldSnapshot(at position: Position) -> ToldSnapshot? {
        guard let batch = try? eventWithoutNames(at: position), let event = batch.events.first else { return nil }
        return batch.withBody(of: event) { body in
            var uri: String?
            var bytes: Int64 = 0
            body.forEachMember { key, value in
                if key == "snapshot" { uri = body.text(value) }
                if key == "bytes" { bytes = max(0, body.integer(value) ?? 0) }
            }
            return uri.map { ToldSnapshot(uri: $0, external: ExternalSnapshot(snapshot: SnapshotID($0), bytes: bytes, at: batch.at)) }
        }
    }
}
