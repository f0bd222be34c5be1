import Autoscaling
import Domain

// Who says how many workers there should be?
//
// One of these scales the pool of a simulation: a policy of ours through the live decision functions, or a peer as its
// specification describes it. It sees the pool after each instant at which something happened, and at the times it asked
// to be woken.

/// A pool as its scaler sees it.
struct PoolSnapshot: Hashable, Sendable {
    var at: LogTime
    /// The count last asked for.
    var replicas: Int
    var starting = 0
    var idle = 0
    var partial = 0
    var full = 0
    /// Taking no more turns, still running some.
    var drainingBusy = 0
    /// Turns that hold a slot.
    var resident = 0
    var waiting = 0
    /// 90th percentile of the last starts; nil before the first.
    var startMicroseconds: Int64?
    /// Of a pool of unclaimed workers.
    var claims: ClaimDemand?
    /// Claims that came since the beginning.
    var arrived = 0

    var ready: Int { idle + partial + full }
    var demand: Int { resident + waiting }
}

/// Which workers go when there are too many.
enum Victims: Hashable, Sendable {
    /// Those still starting, then idle ones, the youngest first; nobody else.
    case idle
    /// Those still starting, then any: a ReplicaSet doesn't know who is busy. Running turns are killed and start again.
    case blind
    /// As blind, but a victim finishes its turns before it goes and takes no more.
    case graceful
}

protocol SimulatedScaler: Sendable {
    var name: String { get }
    var slotsPerWorker: Int { get }
    var victims: Victims { get }
    /// Workers that are ready when the simulation begins.
    var initialReplicas: Int { get }
    /// When it wants to be asked though nothing happens.
    var nextWake: LogTime? { get }
    /// The count there should be from now on.
    mutating func replicas(for pool: PoolSnapshot) -> Int

    /// Said before the first question where answers are to be explained.
    mutating func keepReasons()
    /// Why `replicas(for:)` answered another count than the pool had.
    func reasons(for pool: PoolSnapshot, to count: Int) -> ScalingReasons
}

/// Why a count changed, in words.
struct ScalingReasons: Hashable, Sendable {
    /// What settled it.
    var code = ""
    /// A line a step.
    var lines: [String] = []
}

extension SimulatedScaler {
    mutating func keepReasons() {}
    func reasons(for pool: PoolSnapshot, to count: Int) -> ScalingReasons { ScalingReasons() }
}

extension PoolSnapshot {
    /// `demand 21 = 5 running + 16 waiting, 5 ready`
    var demandText: String { "demand \(demand) = \(resident) running + \(waiting) waiting, \(ready) ready" }
}
