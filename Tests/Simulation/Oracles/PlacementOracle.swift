import Domain

// Is nobody placed on a worker that can't have it?
//
// A placement says which state it looked at. That state must have had the actor waiting, and the worker ready, of a pool that the
// actor may use, with a slot left beside all that was given from the same state.

package struct PlacementOracle: Oracle {
    package static let name = "placements"
    /// Ledgers of the last commits, by position: what a placement may have looked at.
    private var past: [(seq: Position, ledger: Ledger)] = []
    private static let kept = 64

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        past.append((ledger.seq, ledger))
        if past.count > Self.kept { past.removeFirst(past.count - Self.kept) }
        for problem in problems(commit) { fail(run, problem) }
    }

    private func problems(_ commit: [LoggedEvent]) -> [String] {
        var problems: [String] = []
        var given: [String: Int] = [:]
        for event in commit where event.kind == .actorPlaced && event.source == "/greenroom" {
            guard let asOf = event.integer("asOf"), let ledger = past.last(where: { $0.seq == Position(asOf) })?.ledger else { continue }
            let actor = ledger.actors[event.subject]
            guard let worker = ledger.workers[event.worker] else {
                problems.append("\(event.subject) is placed on \(event.worker), which isn't there")
                continue
            }
            if actor?.state != .waiting {
                problems.append("\(event.subject) is placed and doesn't wait: \((actor?.state ?? .unknown).statusName)")
            }
            if worker.isDraining { problems.append("\(event.subject) is placed on \(event.worker), which drains") }
            if worker.pool != actor?.pool {
                problems.append("\(event.subject) of \(actor?.pool ?? "no pool") is placed on \(event.worker) of \(worker.pool)")
            }
            given[event.worker, default: 0] += 1
            if worker.residents.count + (given[event.worker] ?? 0) > worker.slots {
                problems.append(
                    "\(event.worker) has \(worker.slots) slots, \(worker.residents.count) taken, and \(given[event.worker] ?? 0) are given at once"
                )
            }
        }
        return problems
    }
}
