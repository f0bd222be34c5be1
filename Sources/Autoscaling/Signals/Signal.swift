import Basics
import Domain

// What does a trigger say at this moment?
//
// A value, or that it has failed so and so many times in a row. A failed observation counts once when it arrives; a
// metric that stays silent counts once for each `staleAfterSeconds` that pass. `demand` never fails. Negative is zero.

package enum Signal: Hashable, Sendable {
    case value(milli: Int64)
    /// Failures in a row; 0 where the metric was never seen and nothing says when that becomes a failure.
    case failed(failures: Int)

    package var valueMilli: Int64? {
        if case .value(let milli) = self { milli } else { nil }
    }
}

/// A signal, and when it changes though nothing is observed.
struct TimedSignal: Hashable, Sendable {
    var signal: Signal
    var nextChange: LogTime?
}

extension Autoscaler {
    /// The signal of one trigger of the policy.
    package static func signal(
        _ index: Int, policy: Policy, observation: Observation, memory: AutoscalerMemory, rules: DecisionRules
    ) -> Signal {
        timedSignal(index, policy, observation, memory.policyAppliedAt, rules).signal
    }

    static func timedSignal(
        _ index: Int, _ policy: Policy, _ observation: Observation, _ policyAppliedAt: LogTime, _ rules: DecisionRules
    ) -> TimedSignal {
        switch policy.triggers[index].source {
        case .demand:
            // What was taken is served for good: only what may still take something is demand.
            if let claims = observation.claims {
                return TimedSignal(signal: .value(milli: milli(claims.near)), nextChange: claims.nextChange)
            }
            return TimedSignal(signal: .value(milli: milli(observation.demand.wanted(by: rules))))
        case .observed(_, _, let staleAfterSeconds):
            let sample = index < observation.samples.count ? observation.samples[index] : nil
            return timedSignal(
                sample, unseenSince: policyAppliedAt, at: observation.at,
                staleAfterSeconds: staleAfterSeconds, failureThreshold: policy.fallback?.failureThreshold)
        }
    }

    /// Last seen 130 s ago, stale after 60 s, one error since: 1 + ⌊130 ÷ 60⌋ = 3 failures, the next in 50 s.
    static func timedSignal(
        _ sample: ObservedSample?, unseenSince: LogTime, at now: LogTime, staleAfterSeconds: Int?, failureThreshold: Int?
    ) -> TimedSignal {
        let since = sample?.at ?? unseenSince
        let silent = silentPeriods(since: since, at: now, staleAfterSeconds: staleAfterSeconds)
        let failures = (sample?.consecutiveFailures ?? 0).addingClamped(silent)
        // Once the fallback has taken over, or where there is none, another failure changes nothing.
        let isCounting = failures == 0 || failures < failureThreshold ?? 0
        let next =
            isCounting
            ? staleAfterSeconds.flatMap { $0 > 0 ? since.adding(seconds: silent.addingClamped(1).multipliedClamped(by: $0)) : nil } : nil
        if failures == 0, let value = sample?.valueMilli {
            return TimedSignal(signal: .value(milli: max(value, 0)), nextChange: next)
        }
        return TimedSignal(signal: .failed(failures: failures), nextChange: next)
    }

    private static func silentPeriods(since: LogTime, at now: LogTime, staleAfterSeconds: Int?) -> Int {
        guard let staleAfterSeconds, staleAfterSeconds > 0, now > since else { return 0 }
        return Int(now.microseconds(since: since) / Int64(staleAfterSeconds).multipliedClamped(by: 1_000_000))
    }

    static func milli(_ count: Int) -> Int64 {
        let (product, overflow) = Int64(count).multipliedReportingOverflow(by: 1_000)
        return overflow ? .max : product
    }
}
