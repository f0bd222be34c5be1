import Autoscaling
import Basics

// How many replicas may the target be told, so that no busy worker goes?
//
// Pure. `wanted` is how many workers the pool shall keep; those that drain come on top of it until they may go. Raising is
// free. Lowering may only take pods that hold nothing: those marked as removing (drained and found idle), and those that
// aren't ready and that nobody knows as busy, which are marked first. Controllers take pods that aren't ready before those that are,
// whatever their marks say: while one that isn't ready is busy, only others that aren't ready go. Replicas whose pods can't be told count as busy. For instance: 6 replicas, 3 wanted, pods a…c busy,
// d draining, e removing, f not ready: keep a…d, so 4; f is marked, and e and f go.

struct ScalePlan: Hashable, Sendable {
    var replicas: Int
    /// Pods that aren't ready, to be marked as removing before the count is lowered; newest first.
    var toMark: [String] = []

    /// - Parameters:
    ///   - current: the target's replicas now.
    ///   - pods: all pods of the target.
    ///   - unknown: how many more there may be.
    ///   - busy: names of pods that hold an actor.
    init(wanted: Int, current: Int, pods: [PodView], unknown: Int = 0, busy: Set<String>, removesHighestOrdinal: Bool = false) {
        let live = pods.filter(\.isLive)
        let draining = live.count { $0.drainingReason != nil && !$0.isRemoving }
        let goal = wanted.addingClamped(draining)
        guard goal < current else {
            replicas = goal
            return
        }
        let kept = live.filter { busy.contains($0.name) || ($0.isReady && !$0.isRemoving) || ($0.drainingReason != nil && !$0.isRemoving) }
        var least = kept.count.addingClamped(unknown)
        if !removesHighestOrdinal, live.contains(where: { busy.contains($0.name) && !$0.isReady }) {
            let safe = live.count { !$0.isReady && !busy.contains($0.name) && ($0.isRemoving || $0.drainingReason == nil) }
            least = max(least, live.count.addingClamped(unknown) - safe)
        }
        if removesHighestOrdinal { least = max(least, (kept.compactMap(\.ordinal).max() ?? -1).addingClamped(1)) }
        replicas = min(current, max(goal, least))
        let alreadyGoing = live.count { $0.isRemoving && !busy.contains($0.name) }
        // Pods that were never made needn't go.
        let toGo = live.count.addingClamped(unknown) - alreadyGoing - replicas
        guard toGo > 0 else { return }
        let candidates = live.filter { !$0.isReady && !$0.isRemoving && $0.drainingReason == nil && !busy.contains($0.name) }
        toMark = candidates.map(\.name).sorted(by: >).prefix(toGo).map { $0 }
    }
}

extension PodView {
    /// A StatefulSet's pods end in `-N`.
    var ordinal: Int? { ScaleTarget.ordinal(ofPod: name) }
}
