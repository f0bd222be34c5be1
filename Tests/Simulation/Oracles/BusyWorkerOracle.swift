package import ControlLoop
import Domain

// Is no worker ended that holds an actor?
//
// The loop asks a target to remove a worker only when the log, as far as it goes at that moment, says that it is empty; and only one
// that it told to go before.

package struct BusyWorkerOracle: Oracle {
    package static let name = "busy workers"

    /// Workers to be removed, by the position that the loop had folded then: the ledger may come to it later.
    private var asked: [(worker: String, at: Position)] = []

    package init() {}

    package mutating func requested(_ request: DrivenLoop.Request, _ run: Simulation) {
        guard case .remove(_, let worker) = request, let loop = run.loop else { return }
        asked.append((worker, loop.state.position))
    }

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) { judge(ledger, run) }
    package mutating func settled(_ run: Simulation) { judge(run.ledger, run) }

    private mutating func judge(_ ledger: Ledger, _ run: Simulation) {
        for (worker, at) in asked where at <= ledger.seq {
            guard let known = ledger.workers[worker] else { continue }
            if !known.residents.isEmpty { fail(run, "\(worker) is to be removed, and holds \(known.residents.sorted())") }
            // What its pod says later doesn't count.
            if at == ledger.seq, ledger.used(known) > known.residents.count {
                fail(run, "\(worker) is to be removed, and its pod says that it is busy")
            }
            if !known.isChosen { fail(run, "\(worker) is to be removed, and was never told to go") }
        }
        asked.removeAll { $0.at <= ledger.seq }
    }
}
