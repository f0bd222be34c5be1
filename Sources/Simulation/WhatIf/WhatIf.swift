import Autoscaling

// What would have happened under these policies?
//
// A pool's history becomes a trace and conditions, and the simulation runs them: arrivals, turn lengths and restores are
// the log's, worker starts are drawn from the log's own. The recorded policy is simulated as well, so that whoever reads the
// figures sees how far the simulation is from what happened.

package struct WhatIf: Sendable {
    /// One pool: what happened, what the recorded policy makes of it in simulation, and the policies asked about.
    package struct Answer: Sendable {
        package var history: PoolHistory
        package var runs: [SimulationResult]
        /// The same for a report; empty where none was asked for.
        package var drawn: [ReportRun]
        /// Triggers of the policies asked about that the log can't feed.
        package var leftOut: [String] = []
    }

    package var policies: [SimulatedPolicy]
    package var seed: UInt64

    package init(policies: [SimulatedPolicy], seed: UInt64) {
        self.policies = policies
        self.seed = seed
    }

    /// The pool that a policy is for; nil for peers, which take any.
    package static func pool(of policy: SimulatedPolicy) -> String? {
        if case .policy(let policy, _) = policy { policy.pool } else { nil }
    }

    /// The policies that say something of `history`'s pool.
    package func policies(for history: PoolHistory) -> [SimulatedPolicy] {
        policies.filter { Self.pool(of: $0).map { $0 == history.pool } ?? true }
    }

    /// - Parameters:
    ///   - parallelism: simulations at the same time.
    ///   - draws: whether a report is asked for.
    ///   - simulated: called with how many of the policies are done, and how many there are.
    package func answer(
        _ history: PoolHistory, parallelism: Int, draws: Bool = false, simulated done: @Sendable (Int, Int) -> Void = { _, _ in }
    ) async -> Answer {
        let trace = history.trace
        let settings = history.settings(seed: seed)
        let simulated = [history.recordedPolicy].compactMap { $0 } + policies(for: history)
        var results = [(result: SimulationResult, run: ReportRun?)?](repeating: nil, count: simulated.count)
        done(0, simulated.count)
        await withTaskGroup(of: (Int, (SimulationResult, ReportRun?)).self) { group in
            var count = 0
            func take(_ run: (Int, (SimulationResult, ReportRun?))) {
                results[run.0] = run.1
                count += 1
                done(count, simulated.count)
            }
            for index in simulated.indices {
                if index >= max(1, parallelism), let run = await group.next() { take(run) }
                group.addTask { (index, Self.run(trace, simulated[index], settings, draws)) }
            }
            for await run in group { take(run) }
        }
        return Answer(
            history: history, runs: [history.result] + results.compactMap { $0?.result },
            drawn: draws ? [history.drawn] + results.compactMap { $0?.run } : [], leftOut: policies(for: history).flatMap(\.leftOut))
    }

    private static func run(
        _ trace: ArrivalTrace, _ policy: SimulatedPolicy, _ settings: SimulationSettings, _ draws: Bool
    ) -> (SimulationResult, ReportRun?) {
        draws ? Simulation.recorded(trace, policy, settings) : (Simulation.run(trace, policy, settings), nil)
    }
}
