package import ControlLoop
import Domain

// Is a worker that was told to go, and is still busy when its time is up, asked for back?
//
// Of a pool whose target is followed, by the policy that stands. Whether the target gives it back is the target's word.

package struct DrainOracle: Oracle {
    package static let name = "drains"
    /// Seconds after a drain's time within which the worker is asked for.
    package static let bound: Int64 = 15
    /// When each was asked for last, by log time.
    private var askedBack: [String: LogTime] = [:]
    /// When the service told each to go.
    private var drainedAt: [String: LogTime] = [:]

    package init() {}

    package mutating func requested(_ request: DrivenLoop.Request, _ run: Simulation) {
        switch request {
        case .uncordon(_, let back): askedBack[back.worker] = run.time.now
        case .resize(_, _, _, let uncordoning): for back in uncordoning { askedBack[back.worker] = run.time.now }
        case .drain, .remove, .release: break
        }
    }

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        for event in commit where event.kind == .workerDraining && event.source == "/greenroom" { drainedAt[event.subject] = event.at }
    }

    package mutating func settled(_ run: Simulation) {
        guard run.isUntroubled, let loop = run.loop, loop.state.position == run.ledger.seq else { return }
        let (now, bound) = (run.time.now, Self.bound * 1_000_000)
        guard run.time.passed - run.calmSince > bound else { return }
        let followed = Set(loop.state.poolStandings.filter(\.isFollowed).map(\.name))
        for (name, worker) in run.ledger.workers.sorted(by: { $0.key < $1.key }) where worker.isChosen && !worker.residents.isEmpty {
            guard followed.contains(worker.pool), let pool = run.ledger.pools[worker.pool], let policy = pool.policy,
                let drained = drainedAt[name], now.microseconds(since: pool.policyAt) > bound
            else { continue }
            // It may be busy only since a while ago: actors of agents that start by themselves.
            let busySince = worker.residents.compactMap { run.ledger.actors[$0]?.since }.max() ?? now
            let due = max(drained.adding(seconds: policy.drainTimeoutSeconds), busySince)
            if now.microseconds(since: due) > bound, askedBack[name].map({ $0 < drained }) ?? true {
                fail(run, "\(name) is told to go since \(drained.rfc3339), holds \(worker.residents.sorted()), and isn't asked back")
            }
        }
    }
}
