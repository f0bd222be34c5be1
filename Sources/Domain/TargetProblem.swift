// What is wrong with a pool's target, as its watch found it?
//
// Told by `pool.observed` in `problem` and `reason`, and forgotten with the next observation that has none. Nothing is decided
// by it: it is what `explain`, the pool's conditions and its object say.

package struct TargetProblem: Hashable, Sendable {
    /// PascalCase, as a condition has it.
    package var reason: String
    /// What, where, and what to do.
    package var text: String

    package init(reason: String, text: String) {
        self.reason = reason
        self.text = text
    }

    /// There is no such object.
    package static let notFound = "TargetNotFound"
    /// The server knows no such kind, or the kind has no `/scale`.
    package static let notScalable = "TargetNotScalable"
    /// The target, or its `/scale`, can't be read.
    package static let unreadable = "TargetUnreadable"
    /// It has replicas, and none of the namespace's pods is known to be its.
    package static let podsNotFound = "PodsNotFound"
    /// Its pods come, and don't get ready.
    package static let workersFailing = "WorkersFailing"

    /// It belongs to a target that another policy scales.
    package static let nested = "TargetNested"

    /// Whether the counts that came with it are the target's own.
    package var hasCounts: Bool { reason == Self.podsNotFound || reason == Self.workersFailing }
}
