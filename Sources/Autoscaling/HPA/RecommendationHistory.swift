import Basics
import Domain

// What has been recommended lately, and what does that leave of the newest recommendation?
//
// HPA samples its recommendation at each sync. Here a recommendation stands from the moment it arises until another one
// replaces it, and is then stamped with that moment, its last. Stabilization acts on every count that stood at any time
// within the window. Both kinds of caller use the same two queues and the same functions below.

/// The windows of one policy. Without `behavior` HPA stabilizes scale-down alone.
struct StabilizationWindows: Hashable, Sendable {
    /// `--horizontal-pod-autoscaler-downscale-stabilization`, which counts where no behavior is given.
    static let legacyScaleDown = Window(seconds: 300, countsItsEdge: true)

    /// nil: no behavior was given.
    var scaleUp: Window?
    var scaleDown: Window

    init(_ behavior: Behavior?) {
        scaleUp = behavior.map { Window(seconds: $0.scaleUp.stabilizationWindowSeconds) }
        scaleDown = behavior.map { Window(seconds: $0.scaleDown.stabilizationWindowSeconds) } ?? Self.legacyScaleDown
    }
}

package struct RecommendationHistory: Hashable, Sendable {
    /// The recommendation that stands; nil before the first.
    package internal(set) var standing: Int?
    /// What scale-down stabilization looks at.
    package internal(set) var highest = WindowMaximum()
    /// What scale-up stabilization looks at: values are negated, so that their maximum is the minimum.
    package internal(set) var lowestNegated = WindowMaximum()

    package init() {}
    package init(standing: Int?, highest: WindowMaximum, lowestNegated: WindowMaximum) {
        self.standing = standing
        self.highest = highest
        self.lowestNegated = lowestNegated
    }

    /// A sample, as HPA takes one at each sync.
    mutating func record(_ count: Int, at now: LogTime, keeping windows: StabilizationWindows) {
        highest.record(count, at: now, keeping: windows.scaleDown)
        lowestNegated.record(Self.negated(count), at: now, keeping: windows.scaleUp ?? Window(seconds: 0))
    }

    /// The recommendation is `count` from now on. The first one ever finds `current` in its place, as HPA records the
    /// count it meets when it starts: so the start of a service, or of a policy, shrinks nothing at once.
    mutating func stands(_ count: Int, current: Int, at now: LogTime, keeping windows: StabilizationWindows) {
        guard standing != count else { return }
        record(standing ?? current, at: now, keeping: windows)
        standing = count
    }

    /// HPA's `stabilizeRecommendation` without behavior: the highest that counts, even above the current count. With it,
    /// `stabilizeRecommendationWithBehaviors`: the current count, brought between the lowest and the highest that count.
    ///
    /// 4 recommended, 9 current, highest of the last 300 s 7: the answer is 7.
    func stabilized(_ recommended: Int, current: Int, at now: LogTime, windows: StabilizationWindows) -> Int {
        let high = highest.highest(with: recommended, in: windows.scaleDown, at: now)
        guard let up = windows.scaleUp else { return high }
        let low = Self.negated(lowestNegated.highest(with: Self.negated(recommended), in: up, at: now))
        return min(max(current, low), high)
    }

    /// When stabilization alone will next let the answer move from `held` towards `wanted`; nil where it doesn't hold it.
    func releases(held: Int, wanted: Int, at now: LogTime, windows: StabilizationWindows) -> LogTime? {
        if wanted < held { return highest.fallsBelow(held, in: windows.scaleDown, at: now) }
        if wanted > held, let up = windows.scaleUp { return lowestNegated.fallsBelow(Self.negated(held), in: up, at: now) }
        return nil
    }

    private static func negated(_ count: Int) -> Int { 0.subtractingClamped(count) }
}
