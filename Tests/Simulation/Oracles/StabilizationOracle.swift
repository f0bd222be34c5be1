import Autoscaling
import Domain

// Is nothing taken away that was needed within the window, and nothing added that wasn't wanted for all of it?
//
// Judged by demand alone, read out of the log commit by commit: what a count was recommended at every moment of the window is at
// least what demand needed then, and at most that with the buffer, where nothing else speaks. Tolerances are allowed for.

package struct StabilizationOracle: Oracle {
    package static let name = "stabilization"
    private var history = DemandHistory()
    /// Without `behavior` nothing is taken that was needed within this.
    private static let legacyScaleDownSeconds = 300

    package init() {}

    package mutating func committed(_ commit: [LoggedEvent], before ledger: Ledger, _ run: Simulation) {
        history.note(ledger)
        for event in commit {
            guard let decision = JudgedDecision(event, ledger), let trigger = decision.demandTrigger,
                let at = history.time(of: decision.asOf)
            else { continue }
            if decision.to < decision.from { judgeDown(decision, trigger, at, run) }
            if decision.to > decision.from { judgeUp(decision, trigger, at, run) }
        }
    }

    private func judgeDown(_ decision: JudgedDecision, _ trigger: Trigger, _ at: LogTime, _ run: Simulation) {
        // The step to rest waits for the cooldown instead: see `CooldownOracle`.
        guard !decision.codes.contains("CooldownPassed") else { return }
        let (policy, behavior) = (decision.policy, decision.policy.behavior)
        let window = policy.behaviorGiven ? behavior.scaleDown.stabilizationWindowSeconds : Self.legacyScaleDownSeconds
        let tolerance = 1 + Double(behavior.scaleUp.tolerancePPM) / 1e6
        for moment in moments(decision, at, window) {
            let needed = Int((Self.ratio(moment.needed, trigger) / tolerance - 1e-9).rounded(.up))
            let least = min(decision.from, needed, max(policy.maxReplicaCount, decision.first))
            if decision.to < least {
                return fail(
                    run, "\(decision.who) takes what \(moment.needed) actors needed from \(moment.from.rfc3339) on, within \(window) s")
            }
        }
    }

    private func judgeUp(_ decision: JudgedDecision, _ trigger: Trigger, _ at: LogTime, _ run: Simulation) {
        let policy = decision.policy
        guard policy.behaviorGiven, policy.triggers.count == 1, policy.fallback == nil, policy.schedules.isEmpty, policy.busy == nil
        else { return }
        let window = policy.behavior.scaleUp.stabilizationWindowSeconds
        for moment in moments(decision, at, window) {
            guard let recommended = Self.most(moment, trigger, policy) else { return }
            let most = max(decision.from, decision.first, recommended, decision.busy)
            if decision.to > most {
                return fail(
                    run,
                    "\(decision.who) adds beyond \(most), what \(moment.demand) actors wanted from \(moment.from.rfc3339) on, within \(window) s"
                )
            }
        }
    }

    private func moments(_ decision: JudgedDecision, _ at: LogTime, _ window: Int) -> [DemandHistory.Moment] {
        let all = history.moments(
            of: decision.pool, upTo: decision.asOf, after: at.adding(seconds: -window), under: decision.policySeq)
        // What stands at the moment of the decision counts in any case.
        return window > 0 ? all : Array(all.suffix(1))
    }

    private static func ratio(_ actors: Int, _ trigger: Trigger) -> Double {
        Double(actors) * 1_000 / Double(trigger.thresholdMilli)
    }

    /// What was recommended at most; nil where more than a plain reading goes into it.
    private static func most(_ moment: DemandHistory.Moment, _ trigger: Trigger, _ policy: Policy) -> Int? {
        let down = Double(policy.behavior.scaleDown.tolerancePPM) / 1e6
        let ratio = Self.ratio(moment.demand, trigger)
        let wanted = max(Int((ratio + 1e-9).rounded(.up)), down < 1 ? Int((ratio / (1 - down) + 1e-9).rounded(.down)) : .max)
        let needed = (moment.demand + policy.slotsPerWorker - 1) / max(1, policy.slotsPerWorker)
        switch policy.buffer {
        case .fixed(let spare): return spare > 0 ? max(wanted, needed + spare) : wanted
        case .percent(let percent): return max(wanted, needed + (needed * percent + 99) / 100)
        case .surge: return nil
        }
    }
}
