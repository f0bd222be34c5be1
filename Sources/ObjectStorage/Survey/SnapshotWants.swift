// Which snapshots does somebody want to know about?

/// An actor's latest snapshot in a store.
package struct SnapshotWant: Hashable, Sendable {
    package var actor: String
    package var uri: String
    /// Position of the last event that told of it.
    package var recordedAt: Int64
    /// What that event said; nil where it told no size.
    package var known: SnapshotPresence?

    package init(actor: String, uri: String, recordedAt: Int64, known: SnapshotPresence?) {
        self.actor = actor
        self.uri = uri
        self.recordedAt = recordedAt
        self.known = known
    }
}

/// Where they come from, one at a time.
package protocol SnapshotWanting: Sendable {
    /// The next, waiting for it; nil when there will be none, or the task is cancelled.
    func next() async -> SnapshotWant?
}
