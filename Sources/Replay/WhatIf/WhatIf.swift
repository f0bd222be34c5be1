import Autoscaling

// What would have happened under these policies?
//
// A pool's history becomes a trace and conditions, and the simulation runs them: arrivals, turn lengths and restores are
// the log's, worker starts are drawn from the log's own. The recorded policy is simulated as well, so that whoever reads the
// figures sees how far the simulation is from what happened.

public struct WhatIf: Sendable {
    /// One pool: what happened, what the recorded policy makes of it in simulation, and the policies asked about.
    public struct Answer: Sendable {
        public var history: PoolHistory
        public var runs: [SimulationResult]
    }

    public var policies: [SimulatedPolicy]
    public var seed: UInt64

    public init(policies: [SimulatedPolicy], seed: UInt64) {
        self.policies = policies
        self.seed = seed
    }

    /// The pool that a policy is for; nil for peers, which take any.
    public static func pool(of policy: SimulatedPolicy) -> String? {
        if case .policy(let policy, _) = policy { policy.pool } else { nil }
    }

    /// The policies that say something of `history`'s pool.
    public func policies(for history: PoolHistory) -> [SimulatedPolicy] {
        policies.filter { Self.pool(of: $0).map { $0 == history.pool } ?? true }
    }

    /// - Parameter parallelism: simulations at the same time.
    public func answer(_ history: PoolHistory, parallelism: Int) async -> Answer {
        let trace = history.trace
        let settings = history.settings(seed: seed)
        let simulated = [history.recordedPolicy].compactMap { $0 } + policies(for: history)
        var results = [SimulationResult?](repeating: nil, count: simulated.count)
        await withTaskGroup(of: (Int, SimulationResult).self) { group in
            for index in simulated.indices {
                if index >= max(1, parallelism), let done = await group.next() { results[done.0] = done.1 }
                group.addTask { (index, Simulation.run(trace, simulated[index], settings)) }
            }
            for await done in group { results[done.0] = done.1 }
        }
        return Answer(history: history, runs: [history.result] + results.compactMap { $0 })
    }
}
