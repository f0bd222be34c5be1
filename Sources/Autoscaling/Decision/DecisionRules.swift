// By which rules does a policy decide?
//
// What a decision means may change with a version of Greenroom; what was decided must not. So each policy takes effect under the
// rules of its time, the log says which (`policy.applied`, `rules`; 1 where it says nothing), and a replay follows them.

package enum DecisionRules: Int, Hashable, Comparable, Sendable {
    /// A schedule's minimum only lifts the count that everything else led to.
    case first = 1
    /// A schedule makes the pool active while it runs, and its floor is recommended like what a trigger asks for: when it ends,
    /// cooldown and stabilization hold the count, as they do after KEDA's cron scaler.
    case scheduleIsActivity = 2
    /// The count that a target has when it is first seen is where the pool begins, also while workers drain that others told to.
    case firstCountStands = 3

    /// A pool whose workers leave when they are taken keeps as many as claims may take while a replacement starts, and not one for each
    /// that was taken.
    case unclaimedIsSpare = 4

    /// Such a pool with a surge buffer has room for claims that came at the same moment of each round of a period before, and its buffer
    /// learns from the others.
    case recurringClaims = 5
    /// Actors that wait for their tenant's quota ask for no worker: one more wouldn't help them.
    case quotaIsNoDemand = 6
    /// While a rolling update replaces a target's workers, whoever is on them, its count stays (`RollingUpdate`).
    case sizeHeldThroughUpdate = 7

    package static let current = sizeHeldThroughUpdate

    package static func < (a: DecisionRules, b: DecisionRules) -> Bool { a.rawValue < b.rawValue }
}
