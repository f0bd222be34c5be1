package import Domain
package import EventLog
package import Placement

// What did the log say of a snapshot, at this position?

/// An external snapshot as the log told of it.
package struct RecordedSnapshot: Hashable, Sendable {
    package internal(set) var uri: String
    package internal(set) var external: ExternalSnapshot
}

extension BodyLookup {
    /// nil where the event names none, or is no more in the log.
    package func recordedSnapshot(at position: Position) throws(LogError) -> RecordedSnapshot? {
        try read(at: position) { RecordedSnapshot($0, at: $1) } ?? nil
    }
}

extension EventLog {
    /// For a single question.
    package func recordedSnapshot(at position: Position) -> RecordedSnapshot? {
        defer { bodies.rest() }
        return try? bodies.recordedSnapshot(at: position)
    }
}

extension RecordedSnapshot {
    /// nil where the event names none.
    package init?(_ body: EventBody, at: LogTime) {
        var uri: String?
        var bytes: Int64 = 0
        body.forEachMember { key, value in
            if key == "snapshot" { uri = body.text(value) }
            if key == "bytes" { bytes = max(0, body.integer(value) ?? 0) }
        }
        guard let uri else { return nil }
        self.init(uri: uri, external: ExternalSnapshot(snapshot: SnapshotID(uri), bytes: bytes, at: at))
    }
}
