import Placement

// On which nodes does a simulated pool live, and what do actors restore there?

/// Who chooses the worker for a turn.
package enum SimulatedPlacement: String, Hashable, Sendable, CaseIterable {
    /// The live decision function, `Placer`.
    case greenroom
    /// Any worker with a free slot, each as likely as the others: agent-substrate's picker.
    case random
    /// The worker used most, then the oldest, without regard to snapshots.
    case firstFree = "first-free"
}

package struct NodeSettings: Hashable, Sendable {
    package static let countLimit = 1_024
    package static let actorsLimit = 10_000_000

    package var count: Int
    /// Bytes of snapshots that one node's cache holds; 0: it has none.
    package var cacheBytes: Int64 = SnapshotCache.Limits().assumedCapacityBytes
    /// Bytes a second from object storage, from the node's cache, and of a snapshot that was paused there.
    package var coldBytesPerSecond: Int64 = 400_000_000
    package var warmBytesPerSecond: Int64 = 1_000_000_000
    package var localBytesPerSecond: Int64 = 2_000_000_000
    /// Where a trace names no actors they are drawn from so many, the one at rank r as often as r to the power of `-zipfExponent`.
    package var actors = 2_000
    package var zipfExponent = 1.1
    /// Median of the snapshots' sizes where a trace doesn't say; also what a template's holds.
    package var snapshotBytes: Int64 = 256 << 20
    /// Of all actors, those that have no snapshot before their first turn and start from their template's.
    package var newActorShare = 0.0
    /// How long an actor stays paused on its node after a turn; 0: it is suspended at once.
    package var pauseMicroseconds: Int64 = 0
    package var placement = SimulatedPlacement.greenroom

    package init(count: Int) { self.count = count }
}
