// Which snapshots does somebody want to know about?

/// An actor's latest snapshot in a store.
public struct SnapshotWant: Hashable, Sendable {
    public var actor: String
    public var uri: String
    /// Position of the last event that told of it.
    public var toldAt: Int64
    /// What that event said; nil where it told no size.
    public var known: SnapshotPresence?

    public init(actor: String, uri: String, toldAt: Int64, known: SnapshotPresence?) {
        self.actor = actor
        self.uri = uri
        self.toldAt = toldAt
        self.known = known
    }
}

/// Where they come from, one at a time.
public protocol SnapshotWanting: Sendable {
    /// The next, waiting for it; nil when there will be none, or the task is cancelled.
    func next() async -> SnapshotWant?
}
