import Autoscaling
import Domain

// Does each decision keep to its policy, by a plain reading of the log?
//
// Bounds, and how much may be added or taken in a period. Where a policy has stood for less time than that, or somebody else had a
// say, nothing is claimed. Windows and cooldowns have oracles of their own.

package struct BoundsOracle: Oracle {
    package static let name = "bounds"
    private struct Change {
        var at: LogTime
        var from: Int
        var to: Int
    }
    private var changes: [String: [Change]] = [:]

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        for event in commit where event.kind == .scaleDecided && event.string("shadow") == nil {
            for problem in problems(event, ledger) { fail(run, problem) }
            guard let from = event.integer("from"), let to = event.integer("to"), from != to else { continue }
            // Nothing follows a recommendation.
            guard ledger.pools[event.pool]?.policy?.mode == .auto else { continue }
            // Counts of a poisoned log count like any other, as far as sums go.
            let most = 1 << 40
            changes[event.pool, default: []].append(Change(at: event.at, from: min(from, most), to: min(to, most)))
        }
    }

    private func problems(_ event: LoggedEvent, _ ledger: Ledger) -> [String] {
        guard let decision = JudgedDecision(event, ledger), let policyAt = ledger.pools[event.pool]?.policyAt else { return [] }
        let (policy, from, to, busy) = (decision.policy, decision.from, decision.to, decision.busy)
        let (first, who) = (decision.first, decision.who)
        var problems: [String] = []
        if to > max(policy.maxReplicaCount, first, busy) {
            problems.append("\(who) goes beyond \(policy.maxReplicaCount), with \(busy) busy")
        }
        if to < policy.minReplicaCount { problems.append("\(who) goes below \(policy.minReplicaCount)") }
        if to < busy { problems.append("\(who) leaves \(busy) busy workers no place") }
        guard policy.behaviorGiven, policy.mode == .auto, policy.foreignChange == .takeOver else { return problems }
        let rules = to > from ? policy.behavior.scaleUp : policy.behavior.scaleDown
        guard to != from, let rule = rules.limits.first, rules.limits.count == 1, rule.kind == .pods else { return problems }
        // What the policy of this moment can't answer for.
        let period = Int64(rule.periodSeconds) * 1_000_000
        guard event.at.microseconds(since: policyAt) > period else { return problems }
        func clipped(_ count: Int) -> Int { max(count, first) }
        // The decision was made a little before it was logged: what was done the other way round counts a little longer.
        func sum(_ slack: Int64, _ change: (Change) -> Int) -> Int {
            (changes[event.pool] ?? []).filter { event.at.microseconds(since: $0.at) < period + slack }.reduce(0) {
                $0 + max(0, change($1))
            }
        }
        let slack: Int64 = 5_000_000
        let added = sum(to > from ? 0 : slack) { clipped($0.to) - clipped($0.from) }
        let removed = sum(to > from ? slack : 0) { clipped($0.from) - clipped($0.to) }
        if to > from {
            // A schedule's minimum is reached at once, as the policy's own is.
            let scheduled = policy.schedules.map(\.minReplicaCount).max() ?? 0
            let most = max(clipped(from), clipped(from) - added + removed + rule.value, busy, policy.fallback?.replicas ?? 0, scheduled)
            if to > most {
                problems.append(
                    "\(who) adds more than \(rule.value) in \(rule.periodSeconds) s: at most \(most) after \(added) added and \(removed) removed"
                )
            }
        } else if to >= first, to > busy {
            // Nothing is claimed of a count that busy workers hold up: a pool that scales to zero keeps them, and isn't bound by a period.
            // What is above the maximum comes down to it at once, and goes on from there.
            let base = min(clipped(from), max(policy.maxReplicaCount, first))
            let least = min(base, base - added + removed - rule.value)
            if to < least {
                problems.append(
                    "\(who) removes more than \(rule.value) in \(rule.periodSeconds) s: at least \(least) after \(added) added and \(removed) removed"
                )
            }
        }
        return problems
    }
}
