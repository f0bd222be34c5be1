public import Domain

// What does an operator see of pools, workers, actors and decisions?
//
// Views are plain values taken from folded state at one position. They are what HTTP answers and tables are made of;
// their Codable form is the JSON of `/v1/pools`, `/v1/workers`, `/v1/actors`, `/v1/policies` and `/v1/decisions`.

public struct PoolView: Codable, Hashable, Sendable {
    public var namespace: String
    public var name: String
    /// `KIND/NAME` of the scale target; empty without a policy.
    public var target: String
    public var mode: String
    public var min: Int
    public var max: Int
    /// What the target was last told, or, where nothing follows decisions (mode `recommend`), what the last one recommends.
    public var desired: Int
    public var ready: Int
    public var busy: Int
    public var idle: Int
    public var starting: Int
    public var draining: Int
    public var lost: Int
    public var demand: DemandView
    /// Age of the oldest waiting actor; nil where none waits.
    public var oldestWaitSeconds: Double?
    public var arrivalsPerSecond: ArrivalsView
    public var startSeconds: QuantilesView?
    public var restoreSeconds: QuantilesView?
    public var holdSeconds: QuantilesView?
    public var readyCondition: Bool
    public var active: Bool
    public var paused: Bool
    public var fallback: Bool
    /// What the target answered when it did not follow the last decision; nil while it does.
    public var reason: String?
    /// Who else set the target's replicas, when, and what the policy makes of it; nil since a policy was applied.
    public var foreignChange: String? = nil
    /// The same in numbers.
    public var foreignReplicas: ForeignReplicasView? = nil
    /// What is paused and who said so; nil where nothing is.
    public var pause: PauseView? = nil
    /// Workers that ended before they were ready, since one last became ready; nil where there are none.
    public var workersFailing: WorkersFailingView? = nil
    public var decisionSeq: Position?
    public var nextDeadline: String?
    public var ageSeconds: Double

    public struct DemandView: Codable, Hashable, Sendable {
        public var total: Int
        public var resident: Int
        public var waiting: Int
        /// Waiting actors by reason; reasons without any are left out.
        public var blocked: [String: Int]
    }

    public struct ArrivalsView: Codable, Hashable, Sendable {
        public var seconds10: Double
        public var minute1: Double
        public var minutes5: Double
    }

    public struct ForeignReplicasView: Codable, Hashable, Sendable {
        /// What we had left the target at, and what was found.
        public var expected: Int
        public var found: Int
        public var at: String
        /// Decisions don't reach the target meanwhile; else the next one began with what was found.
        public var yields: Bool
    }

    public struct PauseView: Codable, Hashable, Sendable {
        public var scaleIn: Bool
        public var scaleOut: Bool
        public var hold: Int?
        /// The token's name; nil where nobody has one, and where the policy itself says so.
        public var by: String?
        public var at: String
        /// Where in the log.
        public var seq: Position

        enum CodingKeys: String, CodingKey {
            case scaleIn = "in"
            case scaleOut = "out"
            case hold, by, at, seq
        }
    }

    public struct WorkersFailingView: Codable, Hashable, Sendable {
        /// In a row.
        public var count: Int
        public var error: String
        public var at: String
        /// All of it in words.
        public var text: String
        /// Whether they are so many that the pool counts as not ready.
        public var isPersistent: Bool
    }

    public struct QuantilesView: Codable, Hashable, Sendable {
        public var p50: Double
        public var p90: Double
    }
}

/// Names are within `namespace`; what is of another one is written `NAMESPACE/NAME`.
public struct WorkerView: Codable, Hashable, Sendable {
    public var namespace: String
    public var pool: String
    public var name: String
    /// What tells it from others that had or will have its name; nil where nobody said.
    public var uid: String? = nil
    /// FREE, BUSY, PARTIAL, DRAINING, STARTING or GONE.
    public var status: String
    public var actors: [String]
    public var node: String
    public var zone: String?
    public var ip: String?
    public var slots: Int
    public var used: Int
    public var ageSeconds: Double
}

/// Names are within `namespace`; a worker of another one is written `NAMESPACE/NAME`.
public struct ActorView: Codable, Hashable, Sendable {
    public var namespace: String
    public var pool: String
    public var template: String
    public var id: String
    /// STATUS_SUSPENDED, STATUS_WAITING, STATUS_RUNNING, …
    public var status: String
    public var worker: String?
    public var node: String?
    public var ip: String?
    public var version: Int64
    /// Seconds it has waited (waiting) or waited last (placed and later); nil where it never asked.
    public var waitedSeconds: Double?
    /// Why it waits.
    public var reason: String?
    /// Where its last clean snapshot is.
    public var snapshot: String?
    public var seq: Position
    public var ageSeconds: Double
    /// When it is expected to wake, where that is foretold or was meant to be; only where one actor is asked for.
    public var wake: WakeView? = nil
}

public struct PolicyView: Codable, Hashable, Sendable {
    public var namespace: String
    /// Its own; a pool's policy has the pool's.
    public var name: String
    /// nil from a service that doesn't tell yet.
    public var mode: String?
    /// The pool it is a shadow of, without the namespace; nil for a pool's own policy.
    public var shadowOf: String?
    public var digest: String
    /// Where in the log it took effect.
    public var seq: Position
    public var appliedAt: String
    /// The policy itself in canonical JSON.
    public var canonicalJSON: String
}

public struct DecisionView: Codable, Hashable, Sendable {
    public var pool: String
    /// The shadow that decided; nil for the pool's own policy.
    public var shadow: String?
    /// Position of the logged decision; nil for a preview.
    public var seq: Position?
    public var at: String
    public var from: Int
    public var to: Int
    public var direction: String
    /// The why-chain in words.
    public var reason: String
    /// The decision's own JSON (`why`, `inputs`, `digest`), as it stands in the log.
    public var json: String
}
