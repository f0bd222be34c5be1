import Domain

// Is nobody placed on a worker that can't have it?
//
// A placement says which state it looked at. That state must have had the actor waiting, and the worker ready, of a pool that the
// actor may use, with a slot left beside all that was given from the same state.

package struct PlacementOracle: Oracle {
    package static let name = "placements"
    private var past = PastLedgers()

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        past.note(ledger)
        for problem in problems(commit) { fail(run, problem) }
    }

    private func problems(_ commit: [LoggedEvent]) -> [String] {
        var problems: [String] = []
        var given: [String: Int] = [:]
        for event in commit where event.kind == .actorPlaced && event.source == "/greenroom" {
            guard let asOf = event.integer("asOf"), let ledger = past[asOf] else { continue }
            let actor = ledger.actors[event.subject]
            guard let worker = ledger.workers[event.worker] else {
                problems.append("\(event.subject) is placed on \(event.worker), which isn't there")
                continue
            }
            if actor?.state != .waiting {
                problems.append("\(event.subject) is placed and doesn't wait: \((actor?.state ?? .unknown).statusName)")
            }
            if ledger.pools[worker.pool]?.policy?.isUnclaimed ?? false {
                problems.append("\(event.subject) is placed on \(event.worker), which is there to be taken")
            }
            if worker.isDraining { problems.append("\(event.subject) is placed on \(event.worker), which drains") }
            if let actor, !ledger.usablePools(of: actor).contains(worker.pool) {
                problems.append("\(event.subject) of \(actor.pool) is placed on \(event.worker) of \(worker.pool)")
            }
            if let actor, !worker.hasLabels(actor.selector) {
                problems.append("\(event.subject) asks for \(actor.selector), and is placed on \(event.worker) with \(worker.labels)")
            }
            given[event.worker, default: 0] += 1
            if ledger.used(worker) + (given[event.worker] ?? 0) > worker.slots {
                problems.append(
                    "\(event.worker) has \(worker.slots) slots, \(worker.residents.count) taken, and \(given[event.worker] ?? 0) are given at once"
                )
            }
        }
        return problems
    }
}
