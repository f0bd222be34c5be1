import Basics
import Autoscaling
import Views

// Which conditions follow from how a policy stands, and from what came of its object?
//
// Pure. The reasons are the codes of the why-chain where one of them is the cause, so that `kubectl describe`, `explain` and
// the metrics use one word for one thing.

/// What came of an object's spec.
enum SpecVerdict: Hashable, Sendable {
    /// The policy in effect is the object's.
    case applied
    /// The reader refuses it.
    case invalid(String)
    /// The loop refuses it: another policy is in the way.
    case refused(String)
    /// It couldn't be put into the log yet.
    case pending(String)
}

extension AutoscalerStatus {
    /// - Parameters:
    ///   - view: the policy in effect under the object's name, whatever it came from; nil where there is none.
    ///   - reason: the why-chain of its last decision.
    init(_ verdict: SpecVerdict, generation: Int?, _ view: PolicyStatusView?, reason: String) {
        self.generation = generation
        if let view {
            target = "\(view.policy.target.kind)/\(view.policy.target.name)"
            mode = view.policy.mode.rawValue
            digest = view.digest
            seq = view.seq
            desired = view.desired
            ready = view.ready
            lastDecision = view.lastDecision.map { Decision(seq: $0.seq, at: $0.at, from: $0.from, to: $0.to, reason: reason) }
        }
        conditions =
            [Self.ready(verdict, view)]
            + (view.map { [Self.active($0), Self.paused($0), Self.fallback($0), Self.limited($0)] } ?? Self.unknown)
    }

    private static let unknown = [Condition.Kind.active, .paused, .fallback, .scalingLimited].map {
        Condition(kind: $0, holds: nil, reason: "NoPolicy", message: "no policy of this name is in effect")
    }

    private static func ready(_ verdict: SpecVerdict, _ view: PolicyStatusView?) -> Condition {
        let last = view.map { "; the policy in effect is that of position \($0.seq)" } ?? "; no policy is in effect"
        switch verdict {
        case .invalid(let problems): return Condition(kind: .ready, holds: false, reason: "Invalid", message: problems + last)
        case .refused(let why): return Condition(kind: .ready, holds: false, reason: "Refused", message: why + last)
        case .pending(let why):
            return Condition(kind: .ready, holds: false, reason: "NotApplied", message: "\(why); it is tried again" + last)
        case .applied: break
        }
        guard let view else {
            return Condition(
                kind: .ready, holds: false, reason: "NotApplied", message: "the policy was taken away by another way; it is applied again")
        }
        if let problem = view.targetProblem { return Condition(kind: .ready, holds: false, reason: problem.reason, message: problem.text) }
        if let problem = view.scaleProblem {
            return Condition(kind: .ready, holds: false, reason: "ScaleFailed", message: "the target \(problem)")
        }
        if let problem = view.workersFailing { return Condition(kind: .ready, holds: false, reason: "WorkersFailing", message: problem) }
        return Condition(
            kind: .ready, holds: true, reason: "PolicyApplied", message: "in effect since position \(view.seq) of the log" + timeAhead(view)
        )
    }

    private static let minuteSeconds = 60.0

    /// In whole minutes: they change about once an hour, and each change is a write.
    private static func timeAhead(_ view: PolicyStatusView) -> String {
        guard let seconds = view.logTimeAheadSeconds, seconds >= minuteSeconds else { return "" }
        return "; log time runs \(Int(clamping: seconds / minuteSeconds)) min ahead of the machine's clock, which was set back"
    }

    private static func active(_ view: PolicyStatusView) -> Condition {
        let known: [ReasonCode] = [
            .forcedActive, .formulaActive, .triggerActive, .scheduleActive, .cooldownRunning, .initialCooldownRunning, .inactive, .atRest,
        ]
        let code = view.lastDecision.flatMap { decision in known.first { decision.codes.contains($0) } }
        return Condition(
            kind: .active, holds: view.isActive, reason: code?.name ?? (view.isActive ? "Active" : "Inactive"),
            message: view.isActive
                ? "a trigger is above its activation threshold, a schedule runs, or activation is forced"
                : "no trigger is above its activation threshold")
    }

    private static func paused(_ view: PolicyStatusView) -> Condition {
        let pause = view.policy.pause
        guard view.isPaused else { return Condition(kind: .paused, holds: false, reason: "NotPaused", message: "scaling goes on") }
        let author = view.pausedBy.map { " by \($0)" } ?? ""
        if let count = pause.hold { return Condition(kind: .paused, holds: true, reason: "Held", message: "held at \(count)\(author)") }
        let (reason, words) =
            switch (pause.scaleIn, pause.scaleOut) {
            case (true, true): ("Paused", "neither up nor down")
            case (true, false): ("PausedScaleIn", "not down")
            default: ("PausedScaleOut", "not up")
            }
        return Condition(kind: .paused, holds: true, reason: reason, message: words + author)
    }

    private static func fallback(_ view: PolicyStatusView) -> Condition {
        guard view.isFallback else {
            return Condition(kind: .fallback, holds: false, reason: "TriggersResponse", message: "fallback.replicas is not used")
        }
        return Condition(
            kind: .fallback, holds: true, reason: "FallbackInEffect",
            message:
                "a trigger failed fallback.failureThreshold times; fallback.replicas is used: \(view.policy.fallback.map { "\($0.replicas)" } ?? "none")"
        )
    }

    /// HPA's ScalingLimited: true where a bound or a rate holds the count.
    private static func limited(_ view: PolicyStatusView) -> Condition {
        let limits: [(code: ReasonCode, message: String)] = [
            (
                .heldThroughUpdate,
                "a rolling update replaces the workers: the count is held until it is over, at most \(RollingUpdate.longestHoldSeconds / 60) minutes"
            ),
            (.tooManyReplicas, "more are wanted than maxReplicaCount \(view.policy.maxReplicaCount)"),
            (.tooFewReplicas, "fewer are wanted than the minimum"),
            (.scaleUpLimit, "a scaleUp policy limits the step"),
            (.scaleDownLimit, "a scaleDown policy limits the step"),
        ]
        guard let decision = view.lastDecision else {
            return Condition(kind: .scalingLimited, holds: false, reason: "NoDecision", message: "nothing was decided yet")
        }
        guard let limit = limits.first(where: { decision.codes.contains($0.code) }) else {
            return Condition(
                kind: .scalingLimited, holds: false, reason: ReasonCode.desiredWithinRange.name, message: "the count is what is wanted")
        }
        return Condition(kind: .scalingLimited, holds: true, reason: limit.code.name, message: limit.message)
    }
}
