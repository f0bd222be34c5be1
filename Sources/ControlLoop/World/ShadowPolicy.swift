import Autoscaling
import Domain

// What would another policy have made of this pool?
//
// A shadow looks at the same demand, signals and workers as the pool's own policy, and keeps count as if it were followed:
// each of its decisions starts from its last one. It begins where the pool stands when it is applied, with what the
// autoscaler remembers of the pool by then. Nothing here ever moves a worker, a target or the pool's own count.

struct ShadowPolicy: Sendable {
    /// Its own, without the namespace.
    let name: String
    var applied: AppliedPolicy
    var memory: AutoscalerMemory
    /// The count it would have made.
    var desired: Int
    var lastDecision: DecisionMark?
    /// What was found at the last commit that touched the pool, or the shadow.
    var evaluation: Evaluation?
    /// Of a world read back from a checkpoint: when that was.
    var evaluatedAt: LogTime?
    var timersFired: UInt64 = 0

    init(_ applied: AppliedPolicy, named name: String, memory: AutoscalerMemory, count: Int) {
        self.name = name
        self.applied = applied
        self.memory = memory
        desired = count
        self.memory.policyApplied(at: applied.at)
    }

    /// Its decision came back out of the log.
    mutating func decided(_ mark: DecisionMark) {
        lastDecision = mark
        guard mark.from != mark.to else { return }
        desired = mark.to
        memory.scaled(from: mark.from, to: mark.to, at: mark.at, policy: applied.policy)
    }
}

/// One of a pool's policies: its own, or a shadow by name.
struct PolicyKey: Hashable, Comparable, Sendable {
    var pool: Int
    var shadow: String?

    init(pool: Int, shadow: String? = nil) {
        self.pool = pool
        self.shadow = shadow
    }

    /// A pool's own policy comes before its shadows.
    static func < (a: PolicyKey, b: PolicyKey) -> Bool { (a.pool, a.shadow ?? "") < (b.pool, b.shadow ?? "") }
}

/// All that one policy's decision looks at, as it stands.
struct PolicyStanding {
    var applied: AppliedPolicy
    var observation: Observation
    var memory: AutoscalerMemory
    var evaluation: Evaluation
    var lastDecision: DecisionMark?
    var timersFired: UInt64
}
