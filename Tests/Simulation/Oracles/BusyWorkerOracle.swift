package import ControlLoop
import Domain

// Is no worker ended that holds an actor?
//
// The loop asks a target to remove a worker only when the log, as far as it goes at that moment, says that it is empty; and only one
// that it told to go before.

package struct BusyWorkerOracle: Oracle {
    package static let name = "busy workers"

    package init() {}

    package mutating func requested(_ request: DrivenLoop.Request, _ run: Simulation) {
        guard case .remove(_, let worker) = request, let loop = run.loop, loop.world.position == run.ledger.seq || run.ledger.seq > 0 else { return }
        guard let known = run.ledger.workers[worker] else { return }
        if !known.residents.isEmpty { fail(run, "\(worker) is to be removed, and holds \(known.residents.sorted())") }
        if !known.isChosen { fail(run, "\(worker) is to be removed, and was never told to go") }
    }
}
