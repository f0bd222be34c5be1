// What were a pool's counts over time, and which decisions moved them?
//
// What is recorded while a run goes on. Bounded: series thin themselves out, and decisions that are too many are merged
// with their neighbours: into one move, or the larger standing for both.

package struct PoolTimeline: Hashable, Sendable {
    /// Actors that hold a slot or wait for one.
    package private(set) var demand = StepSeries()
    /// Workers asked for.
    package private(set) var desired = StepSeries()
    /// Workers that can host actors, busy or not.
    package private(set) var ready = StepSeries()
    /// Workers that host at least one actor, draining ones included.
    package private(set) var busy = StepSeries()
    /// Changes of `desired`, in the order of their time.
    package private(set) var decisions: [ReportDecision] = []

    /// Decisions kept, at most.
    package static let mostDecisions = 4_096

    package init() {}

    /// What the counts are from `seconds` on.
    package mutating func note(atSeconds seconds: Double, demand: Int, desired: Int, ready: Int, busy: Int) {
        self.demand.append(demand, atSeconds: seconds)
        self.desired.append(desired, atSeconds: seconds)
        self.ready.append(ready, atSeconds: seconds)
        self.busy.append(busy, atSeconds: seconds)
    }

    package mutating func note(_ decision: ReportDecision) {
        decisions.append(decision)
        if decisions.count > Self.mostDecisions { mergePairs() }
    }

    private mutating func mergePairs() {
        decisions = stride(from: 0, to: decisions.count, by: 2).map { index in
            guard index + 1 < decisions.count else { return decisions[index] }
            let (first, second) = (decisions[index], decisions[index + 1])
            return first.continues(with: second) ? first.joined(with: second) : first.outweighing(second)
        }
    }
}
