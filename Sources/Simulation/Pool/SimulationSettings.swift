package import Domain

// Under which conditions does a pool run in a simulation?

package struct SimulationSettings: Hashable, Sendable {
    /// How long a worker takes from being asked for to being ready.
    package enum Start: Hashable, Sendable {
        case constant(microseconds: Int64)
        /// Drawn from these, each as likely as the others: durations that were measured. Not empty.
        case measured(microseconds: [Int64])
    }

    /// What the pool's count counts.
    package enum PoolKind: String, Hashable, Sendable, CaseIterable {
        /// Workers, busy or not; turns come back to them.
        case slots
        /// Workers that nobody has; a claim takes one for good.
        case unclaimed
    }

    package var start: Start
    /// What restoring an actor adds to its turn. It keeps the slot, and counts neither as wait nor as useful.
    package var resumeMicroseconds: Int64
    /// Turns that a worker of a peer runs at once; a policy says so itself.
    package var slotsPerWorker = 1
    /// Workers that are ready when the simulation begins; nil where the policy says so itself.
    package var initialReady: Int?
    /// When the simulation's zero was, for policies with schedules.
    package var beginsAt = LogTime.zero
    /// Victims of blind scale-downs, measured starts, actors and the sizes of their snapshots are drawn from it.
    package var seed: UInt64
    /// Where workers and snapshots are; nil simulates workers that are all alike.
    package var nodes: NodeSettings?
    package var poolKind = PoolKind.slots
    /// How long a claim waits, from the second of its creation, for a worker of the pool that isn't ready yet.
    package var claimGraceMicroseconds: Int64 = 2_000_000

    package init(start: Start = .constant(microseconds: 10_000_000), resumeMicroseconds: Int64 = 100_000, seed: UInt64 = 1) {
        self.start = start
        self.resumeMicroseconds = resumeMicroseconds
        self.seed = seed
    }

    var longestStartMicroseconds: Int64 {
        switch start {
        case .constant(let microseconds): microseconds
        case .measured(let microseconds): microseconds.max() ?? 0
        }
    }

    /// Commits of one run, at most; beyond, a scaler keeps waking itself up.
    static let mostCommits = 200_000_000
    /// Between two looks at whether the task was cancelled.
    static let commitsPerLook = 1_024
    /// Workers of one run at the same time, at most: what a policy may ask for.
    static let mostWorkers = 100_000
}
