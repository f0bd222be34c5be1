import Basics
import Domain

// How far may the pool go from where it is, and where does it stop?
//
// HPA's rate policies and bounds (`horizontal.go`: calculateScaleUpLimitWithScalingRules,
// calculateScaleDownLimitWithBehaviors, convertDesiredReplicasWithBehaviorRate, and convertDesiredReplicasWithRules for
// a policy without behavior). A limit counts from what there was when its period began: current − added + removed.
// Percentages are 64-bit floats, rounded up on the way up (else 1 could never grow) and cut off on the way down.

enum RateLimit {
    /// `--horizontal-pod-autoscaler-sync-period`. The path without behavior allows a doubling for each sync; where no
    /// sync exists, that is a doubling of what there was one such period ago.
    static let syncPeriodSeconds = 15

    /// A limit, and which of the policy's rules gave it; nil where the direction is disabled or no rule was given.
    struct Answer: Hashable, Sendable {
        var limit: Int
        var rule: Int?
    }

    /// Pods 4 / 15 s and 100 % / 15 s from a start of 6: Max allows 12, Min 10.
    static func scaleUp(_ rules: Behavior.Rules, current: Int, events: ScaleEvents, at now: LogTime) -> Answer {
        guard rules.select != .disabled else { return Answer(limit: current, rule: nil) }
        var answer = Answer(limit: rules.select == .min ? .max : .min, rule: nil)
        for index in rules.limits.indices {
            let rule = rules.limits[index]
            let start = events.countAtStart(ofSeconds: rule.periodSeconds, current: current, at: now)
            let proposed =
                rule.kind == .pods
                ? start.addingClamped(rule.value) : Int(clamping: (Double(start) * (1 + Double(rule.value) / 100)).rounded(.up))
            if rules.select == .min ? proposed < answer.limit : proposed > answer.limit {
                answer = Answer(limit: proposed, rule: index)
            }
        }
        return answer
    }

    /// Pods 2 / 60 s and 10 % / 60 s from a start of 30: Max allows down to 27, Min to 28.
    static func scaleDown(_ rules: Behavior.Rules, current: Int, events: ScaleEvents, at now: LogTime) -> Answer {
        guard rules.select != .disabled else { return Answer(limit: current, rule: nil) }
        var answer = Answer(limit: rules.select == .min ? .min : .max, rule: nil)
        for index in rules.limits.indices {
            let rule = rules.limits[index]
            let start = events.countAtStart(ofSeconds: rule.periodSeconds, current: current, at: now)
            let proposed =
                rule.kind == .pods ? start.subtractingClamped(rule.value) : Int(clamping: Double(start) * (1 - Double(rule.value) / 100))
            if rules.select == .min ? proposed > answer.limit : proposed < answer.limit {
                answer = Answer(limit: proposed, rule: index)
            }
        }
        return answer
    }

    /// Without behavior: twice the count at the start of the sync, but always up to 4.
    static func legacyScaleUp(start: Int) -> Int { max(start.multipliedClamped(by: 2), 4) }

    /// When the next event leaves a period of these rules, which may free or take some of the budget.
    static func nextChange(_ rules: Behavior.Rules?, events: ScaleEvents, at now: LogTime) -> LogTime? {
        guard let rules else { return events.nextExpiry(periodSeconds: syncPeriodSeconds, at: now) }
        guard rules.select != .disabled else { return nil }
        var earliest: LogTime?
        for rule in rules.limits {
            guard let expiry = events.nextExpiry(periodSeconds: rule.periodSeconds, at: now) else { continue }
            earliest = earliest.map { min($0, expiry) } ?? expiry
        }
        return earliest
    }
}

/// A count brought within what the rates and bounds allow, and which of them spoke.
struct Limited: Hashable, Sendable {
    var count: Int
    /// HPA's reason of ScalingLimited.
    var code: ReasonCode
    /// Which of the direction's rules set the limit, where one did.
    var rule: Int?

    init(_ count: Int, _ code: ReasonCode, rule: Int? = nil) {
        self.count = count
        self.code = code
        self.rule = rule
    }

    /// With behavior. A bound is looked at only in the direction of the change.
    static func withBehavior(
        _ desired: Int, current: Int, bounds: ClosedRange<Int>, behavior: Behavior, events: ScaleEvents, at now: LogTime
    ) -> Limited {
        if desired > current {
            let rate = RateLimit.scaleUp(behavior.scaleUp, current: current, events: events, at: now)
            // A budget already overdrawn (its rules became stricter) takes nothing back.
            let limit = max(rate.limit, current)
            if bounds.upperBound > limit {
                return desired > limit ? Limited(limit, .scaleUpLimit, rule: rate.rule) : Limited(desired, .desiredWithinRange)
            }
            if desired > bounds.upperBound { return Limited(bounds.upperBound, .tooManyReplicas) }
        } else if desired < current {
            let rate = RateLimit.scaleDown(behavior.scaleDown, current: current, events: events, at: now)
            let limit = min(rate.limit, current)
            if bounds.lowerBound < limit {
                return desired < limit ? Limited(limit, .scaleDownLimit, rule: rate.rule) : Limited(desired, .desiredWithinRange)
            }
            if desired < bounds.lowerBound { return Limited(bounds.lowerBound, .tooFewReplicas) }
        }
        return Limited(desired, .desiredWithinRange)
    }

    /// Without behavior. `start` is the count at the start of the sync, `current` the one now.
    static func legacy(_ desired: Int, current: Int, start: Int, bounds: ClosedRange<Int>) -> Limited {
        if desired < bounds.lowerBound { return Limited(bounds.lowerBound, .tooFewReplicas) }
        let limit = max(RateLimit.legacyScaleUp(start: start), current)
        if bounds.upperBound > limit {
            return desired > limit ? Limited(limit, .scaleUpLimit) : Limited(desired, .desiredWithinRange)
        }
        return desired > bounds.upperBound ? Limited(bounds.upperBound, .tooManyReplicas) : Limited(desired, .desiredWithinRange)
    }
}
