package import Autoscaling
package import Domain

// What would another policy have made of this pool?
//
// A shadow looks at the same demand, signals and workers as the pool's own policy, and keeps count as if it were followed:
// each of its decisions starts from its last one. It begins where the pool stands when it is applied, with what the
// autoscaler remembers of the pool by then. Nothing here ever moves a worker, a target or the pool's own count.

package struct ShadowPolicy: Sendable {
    /// Its own, without the namespace.
    package let name: String
    package internal(set) var applied: AppliedPolicy { didSet { revision &+= 1 } }
    package internal(set) var memory: AutoscalerMemory
    /// The count it would have made.
    package internal(set) var desired: Int
    package internal(set) var lastDecision: DecisionMark? { didSet { revision &+= 1 } }
    /// What was found at the last commit that touched the pool, or the shadow, and from which observation.
    package internal(set) var evaluation: Evaluation?
    package private(set) var observed: Observation?
    /// Of a state read back from a checkpoint: when that was.
    package internal(set) var evaluatedAt: LogTime?
    package internal(set) var timersFired: UInt64 = 0 { didSet { revision &+= 1 } }
    /// Rises with whatever its decision looks at, but for the time. Counts within one run: in no checkpoint.
    package private(set) var revision: UInt64 = 0

    package init(_ applied: AppliedPolicy, named name: String, memory: AutoscalerMemory, count: Int) {
        self.name = name
        self.applied = applied
        self.memory = memory
        desired = count
        self.memory.policyApplied(at: applied.at)
    }

    /// Notes what it observes.
    package mutating func observe(_ observation: Observation) {
        if !observation.isSameButForTime(as: observed) { revision &+= 1 }
        observed = observation
    }

    /// Its decision came back out of the log.
    package mutating func decided(_ mark: DecisionMark) {
        lastDecision = mark
        guard mark.from != mark.to else { return }
        desired = mark.to
        memory.scaled(from: mark.from, to: mark.to, at: mark.at, policy: applied.policy)
    }
}

/// One of a pool's policies: its own, or a shadow by name.
package struct PolicyKey: Hashable, Comparable, Sendable {
    package internal(set) var pool: Int
    package internal(set) var shadow: String?

    package init(pool: Int, shadow: String? = nil) {
        self.pool = pool
        self.shadow = shadow
    }

    /// A pool's own policy comes before its shadows.
    package static func < (a: PolicyKey, b: PolicyKey) -> Bool { (a.pool, a.shadow ?? "") < (b.pool, b.shadow ?? "") }
}

/// Two of one policy are equal only where its decision looks at the same, but for the time.
package struct PolicyRevision: Hashable, Sendable {
    /// Of the policy in force: another of the same name counts anew.
    package internal(set) var policySeq: Position
    package internal(set) var number: UInt64
}

/// All that one policy's decision looks at, as it stands.
package struct PolicyStanding {
    package internal(set) var applied: AppliedPolicy
    package internal(set) var observation: Observation
    package internal(set) var memory: AutoscalerMemory
    package internal(set) var evaluation: Evaluation
    package internal(set) var lastDecision: DecisionMark?
}
