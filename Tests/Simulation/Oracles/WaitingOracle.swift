import ControlLoop
package import Domain

// Does nobody wait where a worker is free for it?

package struct WaitingOracle: Oracle {
    package static let name = "waiting"

    package init() {}

    package mutating func settled(_ run: Simulation) {
        guard let loop = run.loop, let log = run.log, loop.world.position == run.ledger.seq, log.head.seq == run.ledger.seq else { return }
        guard run.isUntroubled else { return }
        for problem in Self.problems(run.ledger, at: run.time.now).prefix(2) { fail(run, problem) }
    }

    /// Who has waited for longer than a moment, and for whom a worker of its pool is free. One whose paused state lies on a node may
    /// wait for that.
    package static func problems(_ ledger: Ledger, at now: LogTime) -> [String] {
        ledger.waiting.compactMap { name in
            guard let actor = ledger.actors[name], !actor.isPausedOnNode, actor.selector.isEmpty else { return nil }
            let free = ledger.workers.first {
                $0.value.pool == actor.pool && !$0.value.isDraining && $0.value.residents.count < $0.value.slots
            }
            return free.map { "\(name) waits, and \($0.key) is free" }
        }
    }
}
