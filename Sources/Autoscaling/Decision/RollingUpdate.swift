package import Domain

// How long does a rolling update of the target hold the count?
//
// A change of a WorkerPool's template or image ends all of its pods and makes others, whoever is on them. The actors that it throws off are
// no demand until somebody resumes them, and a worker that is asked for meanwhile may be one of the old template, which ends at once. So
// the count stays as it is.
//
// Always: a hold ends by itself. An update that doesn't get done (an image that can't be had) would hold the pool for good.

package struct RollingUpdate: Hashable, Sendable {
    /// As long as Kubernetes waits for a rollout to get on, before it says that it doesn't (`progressDeadlineSeconds`).
    package static let longestHoldSeconds = 600

    /// When it was first seen.
    package var since: LogTime
    /// Workers that it has to make yet.
    package var left: Int

    package init(since: LogTime, left: Int) {
        self.since = since
        self.left = left
    }

    package var holdEndsAt: LogTime { since.adding(seconds: Self.longestHoldSeconds) }

    /// Whether it keeps the count of a pool whose target has `count` workers. One at zero has nobody to be thrown off, and the count that an
    /// operator holds stands.
    package func holds(_ count: Int, _ policy: Policy, _ rules: DecisionRules, at now: LogTime) -> Bool {
        rules >= .sizeHeldThroughUpdate && count > 0 && policy.pause.hold == nil && now < holdEndsAt
    }
}
