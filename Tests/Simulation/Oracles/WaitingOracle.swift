import ControlLoop
package import Domain

// Does nobody wait where a worker is free for it?

package struct WaitingOracle: Oracle {
    package static let name = "waiting"

    package init() {}

    package mutating func settled(_ run: Simulation) {
        guard let loop = run.loop, let log = run.log, loop.state.position == run.ledger.seq, log.head.seq == run.ledger.seq else { return }
        guard run.isUntroubled else { return }
        for problem in Self.problems(run.ledger, at: run.time.now).prefix(2) { fail(run, problem) }
    }

    /// Who has waited for longer than a moment, and for whom a worker of its pool is free. One whose paused state lies on a node may
    /// wait for that; one whose tenant has used up its quota must.
    package static func problems(_ ledger: Ledger, at now: LogTime) -> [String] {
        ledger.waiting.compactMap { name in
            guard let actor = ledger.actors[name], !actor.isPausedOnNode else { return nil }
            // Whoever waits in a pool whose workers are taken takes one; nobody is placed there.
            guard !isUnclaimed(actor.pool, ledger) else { return nil }
            if let quota = ledger.quota(of: actor), ledger.running(actor.tenant, of: actor.pool) >= quota { return nil }
            let usable = ledger.usablePools(of: actor)
            let free = ledger.workers.sorted { $0.key < $1.key }.first { _, worker in
                usable.contains(worker.pool) && !isUnclaimed(worker.pool, ledger) && !worker.isDraining
                    && ledger.used(worker) < worker.slots
                    && worker.hasLabels(actor.selector)
            }
            return free.map { "\(name) waits, and \($0.key) is free" }
        }
    }

    private static func isUnclaimed(_ pool: String, _ ledger: Ledger) -> Bool { ledger.pools[pool]?.policy?.isUnclaimed ?? false }
}
