package import Domain

// What must an autoscaler remember between two decisions?
//
// Everything that KEDA and HPA keep in their processes' memory and lose with them: when the policy took effect, when the
// pool was last active, what was recommended, by how much it was scaled. Here it is a fold over logged facts: the same
// facts in the same order give the same memory, so a restart forgets nothing.
//
//     policy.applied  → policyApplied(at:)
//     each commit that touched the pool, each timer.fired  → advance(_:policy:), then decide
//     scale.decided   → scaled(from:to:at:policy:)
//
// Always: bounded (each list names its limit), and nothing in it is read from a clock.

package struct AutoscalerMemory: Hashable, Sendable {
    package internal(set) var policyAppliedAt: LogTime
    /// The last moment at which the pool was active; nil where it never was. A change of policy keeps it.
    package internal(set) var lastActiveAt: LogTime?
    /// Whether the pool was active when it was last evaluated.
    package internal(set) var isActive = false
    package internal(set) var recommendations = RecommendationHistory()
    package internal(set) var scaleEvents = ScaleEvents()
    /// What a surge buffer has learned; without one it stays as it is.
    package internal(set) var surge = SurgeBuffer()

    package init(policyAppliedAt: LogTime) { self.policyAppliedAt = policyAppliedAt }

    package init(
        policyAppliedAt: LogTime, lastActiveAt: LogTime?, isActive: Bool,
        recommendations: RecommendationHistory, scaleEvents: ScaleEvents, surge: SurgeBuffer = SurgeBuffer()
    ) {
        self.policyAppliedAt = policyAppliedAt
        self.lastActiveAt = lastActiveAt
        self.isActive = isActive
        self.recommendations = recommendations
        self.scaleEvents = scaleEvents
        self.surge = surge
    }

    /// A policy takes effect: the first or another one. What was learned of the pool stays.
    package mutating func policyApplied(at now: LogTime) { policyAppliedAt = now }

    /// The pool was evaluated at a commit or a timer, in the order of the log.
    package mutating func advance(_ evaluation: Evaluation, policy: Policy) {
        // It was active until this moment also where it is not any more.
        if evaluation.isActive || isActive { lastActiveAt = evaluation.at }
        isActive = evaluation.isActive
        if case .surge(let quantilePPM, let windowSeconds, _) = policy.buffer {
            surge.observe(
                evaluation.demand, at: evaluation.at, startMicroseconds: evaluation.startMicroseconds,
                quantilePPM: quantilePPM, windowSeconds: windowSeconds)
        }
        guard recommendations.standing != evaluation.recommended else { return }
        recommendations.stands(
            evaluation.recommended, current: evaluation.replicas, at: evaluation.at,
            keeping: StabilizationWindows(policy.hpaBehavior))
    }

    /// The pool's count was decided. The steps between zero (or idle) and the first step up are KEDA's, not HPA's: they
    /// take nothing of the rates' budget, and give nothing back.
    package mutating func scaled(from: Int, to: Int, at now: LogTime, policy: Policy) {
        let first = policy.firstStep
        scaleEvents.record(from: max(from, first), to: max(to, first), at: now, behavior: policy.hpaBehavior)
    }
}

extension Policy {
    /// `behavior` where the operator gave one; nil is HPA's path without it.
    var hpaBehavior: Behavior? { behaviorGiven ? behavior : nil }

    /// The count below which an active pool never is.
    var firstStep: Int { max(1, minReplicaCount) }

    /// Where an inactive pool rests.
    var restingCount: Int { idleReplicaCount ?? minReplicaCount }
}
