package import Domain

// Does the service append only what has a cause?
//
// At rest, with nobody asking for anything, hours pass with a handful of events. On the way there the service's own events are at
// most so many for each that came from outside, and so many for each minute and pool.

package struct CausesOracle: Oracle {
    package static let name = "causes"
    private var own = 0
    package static let perEvent = 12
    package static let perMinuteAndPool = 40
    package static let atRest = 12

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        own += commit.count { $0.source == "/greenroom" }
        let minutes = Int(run.time.passed / 60_000_000) + 1
        let most = Self.perEvent * (run.senders.count + 10) + Self.perMinuteAndPool * minutes * run.schedule.pools.count
        if own > most { fail(run, "\(own) events of its own after \(run.senders.count) from outside and \(minutes) minutes") }
    }

    package mutating func rested(_ run: Simulation, eventsSince position: Position) {
        let more = Int(run.ledger.seq - position)
        if more > Self.atRest * run.schedule.pools.count { fail(run, "\(more) events in \(Simulation.quietSeconds) s at rest") }
    }
}
