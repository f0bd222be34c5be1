package import ControlLoop
package import Domain
import EventLog

// Does the loop's state say of workers and actors what a plain reading of the log says?
//
// By that no actor is on two workers, and no slot is given twice, unless agents themselves said that they run there.

package struct StateOracle: Oracle {
    package static let name = "state"

    package init() {}

    package mutating func settled(_ run: Simulation) {
        guard let log = run.log, let loop = run.loop, loop.state.position == run.ledger.seq else { return }
        let workers = loop.state.workerStandings(log.names)
        let actors = loop.state.actorStandings(log.names)
        let problems = Self.problems(workers, actors, run.ledger) + Self.problems(loop.state.poolStandings, run.ledger)
        for problem in problems.prefix(3) { fail(run, problem) }
    }

    /// How many wait and how many hold a slot: what the demand of a decision is made of.
    package static func problems(_ pools: [PoolStanding], _ ledger: Ledger) -> [String] {
        pools.compactMap { pool in
            let actors = ledger.actors.values.filter { $0.pool == pool.name }
            let (waiting, resident) = (actors.count { $0.state == .waiting }, actors.count { $0.state.isResident })
            guard pool.waiting != waiting || pool.resident != resident else { return nil }
            return
                "\(pool.name) has \(pool.waiting) waiting and \(pool.resident) resident in the state; the log says \(waiting) and \(resident)"
        }
    }

    package static func problems(
        _ workers: [WorkerStanding], _ actors: [(name: String, state: ActorState, worker: String?)], _ ledger: Ledger
    ) -> [String] {
        var problems: [String] = []
        let expected = ledger.workers.sorted { $0.key < $1.key }.map {
            WorkerStanding(
                name: $0.key, pool: $0.value.pool, isDraining: $0.value.isDraining, slots: $0.value.slots,
                residents: $0.value.residents.sorted())
        }
        if workers != expected {
            for worker in workers where !expected.contains(worker) {
                problems.append(
                    "the state has \(worker); the log says \(expected.first { $0.name == worker.name }.map { "\($0)" } ?? "no such worker")"
                )
            }
            for worker in expected where !workers.contains(where: { $0.name == worker.name }) {
                problems.append("the log has \(worker), the state doesn't")
            }
        }
        for actor in actors {
            let known = ledger.actors[actor.name]
            if known?.state != actor.state || known?.worker != actor.worker {
                problems.append(
                    "the state has \(actor.name) \(actor.state.statusName) on \(actor.worker ?? "none"); the log says \((known?.state ?? .unknown).statusName) on \(known?.worker ?? "none")"
                )
            }
        }
        let held = workers.flatMap(\.residents)
        if Set(held).count != held.count { problems.append("an actor is on two workers: \(held.sorted())") }
        return problems
    }
}
