import Autoscaling
import Domain
import Output

// Which commands would change a pool's size, or say more?
//
// One row for each obstacle, in the order in which an operator would try them. Every command here is one of ours,
// with the pool's name in it, so that it can be copied.

extension Explanation {
    struct Advice: Hashable, Sendable {
        var to: String
        var command: String
    }

    var commands: [Advice] {
        // A shadow's decisions are followed by nobody: nothing stands in its way.
        guard recorded.shadow == nil else { return [] }
        return forTheTarget + forTheDecision + forTheActors
    }

    private var name: String { recorded.pool }

    /// The workers don't become what was decided.
    private var forTheTarget: [Advice] {
        guard let pool, !pool.target.isEmpty else { return [] }
        var advice: [Advice] = []
        if pool.workersFailing != nil || !pool.readyCondition {
            advice.append(Advice(to: "see each failure", command: "greenroom history pool \(name) --since 1h"))
        }
        if let last = endedWorkers.last, endedWorkers.count >= Self.endedWorkersTold {
            advice.append(Advice(to: "see what a worker did", command: "greenroom history worker \(last.subject)"))
        }
        if pool.readyCondition, recorded.decision.to > pool.ready + pool.starting {
            advice.append(Advice(to: "see its workers", command: "greenroom get workers --pool \(name)"))
        }
        return advice
    }

    /// The decision is not what the triggers want.
    private var forTheDecision: [Advice] {
        let codes = recorded.decision.why.compactMap { ReasonCode(name: $0.code) }
        let edit = "greenroom policy export \(name) > policy.yaml; edit it; greenroom apply -f policy.yaml"
        var advice: [Advice] = []
        if pool?.paused == true || codes.contains(where: { [.held, .pausedScaleIn, .pausedScaleOut].contains($0) }) {
            advice.append(Advice(to: "let it scale again", command: "greenroom resume \(name)"))
        }
        switch recorded.decision.limitingReason.flatMap({ ReasonCode(name: $0.code) }) {
        case .tooManyReplicas, .aboveMaximum:
            let wanted = wantedNow.map { String($0) } ?? recorded.decision.limitingReason?["wanted"]?.text ?? "N"
            advice.append(Advice(to: "raise the maximum", command: "greenroom scale \(name) --max \(wanted)"))
        case .tooFewReplicas: advice.append(Advice(to: "lower the minimum", command: "greenroom scale \(name) --min 0"))
        case .scaleUpLimit, .scaleDownLimit, .scaleUpStabilized, .scaleDownStabilized, .scheduleFloor:
            advice.append(Advice(to: "change the policy", command: edit))
        default: break
        }
        if recorded.decision.why.contains(where: { Self.failureCodes.contains($0.code) }) {
            advice.append(
                Advice(to: "see the trigger's errors", command: "greenroom events --pool \(name) --kind queue.observed --since 10m"))
            advice.append(Advice(to: "set the count meanwhile", command: "greenroom hold \(name) \(max(recorded.decision.to, 1))"))
        }
        return advice
    }

    /// The actors don't get what the pool has.
    private var forTheActors: [Advice] {
        var advice: [Advice] = []
        if pool?.demand.blocked["quota"] ?? 0 > 0 {
            advice.append(Advice(to: "see who waits", command: "greenroom get actors --pool \(name) --status waiting -o wide"))
            advice.append(Advice(to: "raise its quota", command: "greenroom scale \(name) --quota TENANT=N"))
        }
        if let last = crashes.last {
            advice.append(Advice(to: "see what the actor did", command: "greenroom history actor \(last.subject)"))
        }
        return advice
    }
}
