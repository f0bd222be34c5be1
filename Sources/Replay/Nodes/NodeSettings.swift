import Placement

// On which nodes does a simulated pool live, and what do actors restore there?

/// Who chooses the worker for a turn.
public enum SimulatedPlacement: String, Hashable, Sendable, CaseIterable {
    /// The live decision function, `Placer`.
    case greenroom
    /// Any worker with a free slot, each as likely as the others: agent-substrate's picker.
    case random
    /// The worker used most, then the oldest, without regard to snapshots.
    case firstFree = "first-free"
}

public struct NodeSettings: Hashable, Sendable {
    public static let countLimit = 1_024
    public static let actorsLimit = 10_000_000

    public var count: Int
    /// Bytes of snapshots that one node's cache holds; 0: it has none.
    public var cacheBytes: Int64 = SnapshotCache.Limits().assumedCapacityBytes
    /// Bytes a second from object storage, from the node's cache, and of a snapshot that was paused there.
    public var coldBytesPerSecond: Int64 = 400_000_000
    public var warmBytesPerSecond: Int64 = 1_000_000_000
    public var localBytesPerSecond: Int64 = 2_000_000_000
    /// Where a trace names no actors they are drawn from so many, the one at rank r as often as r to the power of `-zipfExponent`.
    public var actors = 2_000
    public var zipfExponent = 1.1
    /// Median of the snapshots' sizes where a trace doesn't say; also what a template's holds.
    public var snapshotBytes: Int64 = 256 << 20
    /// Of all actors, those that have no snapshot before their first turn and start from their template's.
    public var newActorShare = 0.0
    /// How long an actor stays paused on its node after a turn; 0: it is suspended at once.
    public var pauseMicroseconds: Int64 = 0
    public var placement = SimulatedPlacement.greenroom

    public init(count: Int) { self.count = count }
}
