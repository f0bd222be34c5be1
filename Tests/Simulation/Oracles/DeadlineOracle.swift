import Domain

// Does nobody wait past the deadline of its request, and is each withdrawn once?

package struct DeadlineOracle: Oracle {
    package static let name = "deadlines"
    /// Seconds after a deadline within which the request is withdrawn.
    package static let bound: Int64 = 5
    /// Positions of requests that were withdrawn, by actor.
    private var withdrawn: [String: Set<Int>] = [:]

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        for event in commit where event.kind == .actorWithdrawn && event.source == "/greenroom" {
            guard event.string("reason") == "its deadline passed", let request = event.integer("request") else { continue }
            if !withdrawn[event.subject, default: []].insert(request).inserted {
                fail(run, "the request of position \(request) of \(event.subject) is withdrawn a second time at \(event.seq)")
            }
            guard let actor = ledger.actors[event.subject], actor.state == .waiting, actor.seq == Position(request) else { continue }
            guard let deadline = actor.deadline else {
                fail(run, "\(event.subject) is withdrawn at \(event.seq), and has no deadline")
                continue
            }
            if event.at < deadline { fail(run, "\(event.subject) is withdrawn at \(event.at.rfc3339), before \(deadline.rfc3339)") }
        }
    }

    package mutating func settled(_ run: Simulation) {
        guard run.isUntroubled, let loop = run.loop, loop.state.position == run.ledger.seq else { return }
        let bound = Self.bound * 1_000_000
        guard run.time.passed - run.calmSince > bound else { return }
        for name in run.ledger.waiting {
            guard let actor = run.ledger.actors[name], let deadline = actor.deadline else { continue }
            // It may have come to the log only just now.
            let due = max(deadline, actor.since)
            if run.time.now.microseconds(since: due) > bound { fail(run, "\(name) waits, and its deadline was \(deadline.rfc3339)") }
        }
    }
}
