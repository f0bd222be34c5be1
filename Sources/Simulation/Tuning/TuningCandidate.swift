package import Autoscaling

// Which policies are tried?
//
// A candidate differs from the base in what the search may change: the buffer, how long scale-down waits, and the cooldown.
// First a coarse grid over all of them, then the neighbours of the best. Both are small, and named here.

package struct TuningCandidate: Hashable, Sendable {
    package var buffer: WarmBuffer
    package var stabilizationSeconds: Int
    package var cooldownSeconds: Int

    /// The base with this candidate's values. A direction whose limits are Kubernetes' default, which nobody chose, scales as
    /// far as is wanted.
    package func policy(from base: Policy) -> Policy {
        var policy = base
        policy.buffer = buffer
        policy.cooldownPeriodSeconds = cooldownSeconds
        if base.behavior.scaleUp.limits == Behavior.kubernetesDefault.scaleUp.limits { policy.behavior.scaleUp = Behavior.asNeeded.scaleUp }
        if base.behavior.scaleDown.limits == Behavior.kubernetesDefault.scaleDown.limits {
            policy.behavior.scaleDown = Behavior.asNeeded.scaleDown
        }
        policy.behaviorGiven = true
        policy.behavior.scaleDown.stabilizationWindowSeconds = stabilizationSeconds
        return policy
    }
}

enum TuningGrid {
    /// Policies simulated in one search, at most.
    static let mostCandidates = 1_000
    static let quantilesPPM = [
        500_000, 700_000, 800_000, 850_000, 900_000, 930_000, 950_000, 960_000, 970_000, 980_000, 985_000, 990_000, 995_000, 999_000,
    ]
    static let windowsSeconds = [300, 900, 3_600]
    static let stabilizationsSeconds = [0, 30, 120, 300]
    static let percents = [10, 20, 30, 50, 100]

    /// - Parameter peak: workers that the trace needs at most when nobody waits: no spare beyond that is of use.
    static func coarse(base: Policy, peak: Int, spanSeconds: Int) -> [TuningCandidate] {
        var buffers: [WarmBuffer] = []
        for window in windows(spanSeconds) {
            for quantile in quantilesPPM { buffers.append(.surge(quantilePPM: quantile, windowSeconds: window, min: 1)) }
        }
        buffers += spares(upTo: peak).map { .fixed($0) } + percents.map { .percent($0) }
        return buffers.flatMap { buffer in
            stabilizationsSeconds.filter { isSensible($0, buffer) }.map {
                TuningCandidate(buffer: buffer, stabilizationSeconds: $0, cooldownSeconds: base.cooldownPeriodSeconds)
            }
        }
    }

    /// A surge buffer holds by itself; stabilized for long it pays twice.
    private static func isSensible(_ stabilization: Int, _ buffer: WarmBuffer) -> Bool {
        if case .surge = buffer { stabilization <= 30 } else { true }
    }

    /// Windows longer than the trace learn nothing more.
    private static func windows(_ spanSeconds: Int) -> [Int] {
        let fitting = windowsSeconds.filter { $0 <= max(spanSeconds, 1) }
        return fitting.isEmpty ? [max(1, min(spanSeconds, PolicyLimits.surgeWindowSeconds))] : fitting
    }

    /// 0, 1, 2, 3, 5, 8, … and the peak.
    private static func spares(upTo peak: Int) -> [Int] {
        var spares = [0]
        var (a, b) = (1, 2)
        while a < peak {
            spares.append(a)
            (a, b) = (b, a + b)
        }
        return spares + [max(1, peak)]
    }

    /// What lies beside a candidate, halfway to its neighbours in the grid and out to other cooldowns.
    static func around(_ candidate: TuningCandidate) -> [TuningCandidate] {
        var found: [TuningCandidate] = []
        for buffer in beside(candidate.buffer) {
            for stabilization in Set([
                candidate.stabilizationSeconds, candidate.stabilizationSeconds / 2, max(15, candidate.stabilizationSeconds * 3 / 2),
            ]).sorted() {
                found.append(
                    TuningCandidate(
                        buffer: buffer, stabilizationSeconds: min(stabilization, PolicyLimits.stabilizationSeconds),
                        cooldownSeconds: candidate.cooldownSeconds))
            }
        }
        for cooldown in [candidate.cooldownSeconds / 4, candidate.cooldownSeconds / 2, candidate.cooldownSeconds * 2, 30, 900] {
            var other = candidate
            other.cooldownSeconds = min(cooldown, PolicyLimits.seconds)
            found.append(other)
        }
        return found
    }

    private static func beside(_ buffer: WarmBuffer) -> [WarmBuffer] {
        switch buffer {
        case .fixed(let spare):
            return [spare * 4 / 5, spare * 9 / 10, spare - 1, spare, spare + 1, spare * 11 / 10].filter { $0 >= 0 }.map { .fixed($0) }
        case .percent(let percent): return [percent * 4 / 5, percent * 9 / 10, percent, percent * 11 / 10].map { .percent($0) }
        case .surge(let quantile, let window, let min):
            let rest = 1_000_000 - quantile
            return [rest * 3 / 4, rest * 7 / 8, rest, rest * 9 / 8, rest * 5 / 4, rest * 3 / 2].flatMap { rest in
                [window, window * 2 / 3, window * 3 / 2].map {
                    .surge(
                        quantilePPM: 1_000_000 - Swift.max(1, Swift.min(rest, 999_999)),
                        windowSeconds: Swift.min(Swift.max(1, $0), PolicyLimits.surgeWindowSeconds), min: min)
                }
            }
        }
    }
}
