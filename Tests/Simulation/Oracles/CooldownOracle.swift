import Autoscaling
import Domain

// Does no pool go to rest before its cooldown is over?
//
// The step below the first one comes at the earliest `cooldownPeriod` after the last moment at which somebody waited or held a slot;
// where nobody ever did, `initialCooldownPeriod` after the policy.

package struct CooldownOracle: Oracle {
    package static let name = "cooldowns"
    private var history = DemandHistory()
    /// Pools that something besides demand may have kept awake.
    private var others: Set<String> = []

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        history.note(ledger)
        for (name, pool) in ledger.pools where pool.policy.map({ $0.triggers.count > 1 || !$0.schedules.isEmpty }) ?? false {
            others.insert(name)
        }
        for event in commit {
            guard let decision = JudgedDecision(event, ledger), let trigger = decision.demandTrigger,
                let at = history.time(of: decision.asOf), decision.to < decision.first, decision.from > decision.to
            else { continue }
            judge(decision, trigger, at, run, ledger)
        }
    }

    private func judge(_ decision: JudgedDecision, _ trigger: Trigger, _ at: LogTime, _ run: Simulation, _ ledger: Ledger) {
        func isActive(_ moment: DemandHistory.Moment) -> Bool { Int64(moment.needed) * 1_000 > trigger.activationThresholdMilli }
        let seconds = decision.policy.cooldownPeriodSeconds
        let recent = history.moments(
            of: decision.pool, upTo: decision.asOf, after: at.adding(seconds: -seconds), under: decision.policySeq)
        if let moment = recent.last(where: isActive) {
            let end = moment.until.map { "until \($0.rfc3339)" } ?? "still"
            return fail(
                run, "\(decision.who) rests at \(at.rfc3339); \(moment.needed) actors were there \(end), less than \(seconds) s ago")
        }
        let initial = decision.policy.initialCooldownPeriodSeconds
        guard !others.contains(decision.pool), !history.everything(of: decision.pool, upTo: decision.asOf).contains(where: isActive),
            let policyAt = ledger.pools[decision.pool]?.policyAt
        else { return }
        if at.microseconds(since: policyAt) < Int64(initial) * 1_000_000 {
            fail(run, "\(decision.who) rests at \(at.rfc3339), less than \(initial) s after its policy")
        }
    }
}
