import Autoscaling
import Domain

// Does no tenant get more slots than its quota?
//
// A placement says which state it looked at. In that state, with all that was given from it to the same tenant, the tenant must have
// stayed within the quota of its pool's policy. That agents run where nobody placed them counts, and is nobody's fault here.

package struct QuotaOracle: Oracle {
    package static let name = "quotas"
    private var past = PastLedgers()

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        past.note(ledger)
        var given: [String: Int] = [:]
        for event in commit where event.kind == .actorPlaced && event.source == "/greenroom" {
            guard let asOf = event.integer("asOf"), let ledger = past[asOf], let actor = ledger.actors[event.subject],
                let quota = ledger.quota(of: actor)
            else { continue }
            given["\(actor.pool) \(actor.tenant)", default: 0] += 1
            let (running, more) = (ledger.running(actor.tenant, of: actor.pool), given["\(actor.pool) \(actor.tenant)"] ?? 0)
            if running + more > quota {
                fail(
                    run,
                    "\(event.subject) is placed for \(actor.tenant) of \(actor.pool), whose quota is \(quota): \(running) run, and \(more) are placed at once"
                )
            }
        }
    }
}
