package import Domain

// What does an operator see of pools, workers, actors and decisions?
//
// Views are plain values taken from folded state at one position. They are what HTTP answers and tables are made of;
// their Codable form is the JSON of `/v1/pools`, `/v1/workers`, `/v1/actors`, `/v1/policies` and `/v1/decisions`.

package struct PoolView: Codable, Hashable, Sendable {
    package var namespace: String
    package var name: String
    /// `KIND/NAME` of the scale target; empty without a policy.
    package var target: String
    package var mode: String
    package var min: Int
    package var max: Int
    /// What the target was last told, or, where nothing follows decisions (mode `recommend`), what the last one recommends.
    package var desired: Int
    package var ready: Int
    package var busy: Int
    package var idle: Int
    package var starting: Int
    package var draining: Int
    package var lost: Int
    package var demand: DemandView
    /// Age of the oldest waiting actor; nil where none waits.
    package var oldestWaitSeconds: Double?
    package var arrivalsPerSecond: ArrivalsView
    package var startSeconds: QuantilesView?
    package var restoreSeconds: QuantilesView?
    package var holdSeconds: QuantilesView?
    package var readyCondition: Bool
    package var active: Bool
    package var paused: Bool
    package var fallback: Bool
    /// What the target answered when it did not follow the last decision; nil while it does.
    package var reason: String?
    /// Who else set the target's replicas, when, and what the policy makes of it; nil since a policy was applied.
    package var foreignChange: String? = nil
    /// The same in numbers.
    package var foreignReplicas: ForeignReplicasView? = nil
    /// What is paused and who said so; nil where nothing is.
    package var pause: PauseView? = nil
    /// How many its triggers want now, before stabilization, rates, bounds and pauses; nil without a policy. The last decision names what
    /// they wanted then: while something limits the count, more that is wanted is no news.
    package var wanted: Int? = nil
    /// Workers that ended before they were ready, since one last became ready; else turns that crashed and workers that were lost, since a
    /// turn last ended well. nil where there are none.
    package var workersFailing: WorkersFailingView? = nil
    /// A rolling update of the target, through which the count is held; nil while there is none, and once it has taken too long.
    package var rollingUpdate: RollingUpdateView? = nil
    /// What its pods said of their own work; nil where the policy doesn't ask them.
    package var busyReports: BusyReportsView? = nil
    /// By how much log time runs ahead of the machine's clock, which was set back; nil where it doesn't. Its schedules come early by that.
    package var logTimeAheadSeconds: Double? = nil
    /// Of a pool of unclaimed sandboxes: how claims are served. nil of any other.
    package var claims: ClaimsView? = nil
    package var decisionSeq: Position?
    package var nextDeadline: String?
    package var ageSeconds: Double

    package struct DemandView: Codable, Hashable, Sendable {
        package var total: Int
        package var resident: Int
        package var waiting: Int
        /// Waiting actors by reason; reasons without any are left out.
        package var blocked: [String: Int]
    }

    package struct ArrivalsView: Codable, Hashable, Sendable {
        package var seconds10: Double
        package var minute1: Double
        package var minutes5: Double
    }

    package struct ForeignReplicasView: Codable, Hashable, Sendable {
        /// What we had left the target at, and what was found.
        package var expected: Int
        package var found: Int
        package var at: String
        /// Decisions don't reach the target meanwhile; else the next one began with what was found.
        package var yields: Bool
    }

    package struct PauseView: Codable, Hashable, Sendable {
        package var scaleIn: Bool
        package var scaleOut: Bool
        package var hold: Int?
        /// The token's name; nil where nobody has one, and where the policy itself says so.
        package var by: String?
        package var at: String
        /// Where in the log.
        package var seq: Position

        enum CodingKeys: String, CodingKey {
            case scaleIn = "in"
            case scaleOut = "out"
            case hold, by, at, seq
        }
    }

    package struct WorkersFailingView: Codable, Hashable, Sendable {
        /// In a row.
        package var count: Int
        package var error: String
        package var at: String
        /// All of it in words.
        package var text: String
        /// Whether they are so many that the pool counts as not ready.
        package var isPersistent: Bool
    }

    package struct RollingUpdateView: Codable, Hashable, Sendable {
        package var since: String
        /// Workers that it has to make yet.
        package var left: Int
        /// When the count is held no longer, also if the update goes on.
        package var heldUntil: String
    }

    package struct BusyReportsView: Codable, Hashable, Sendable {
        /// Where the answer comes from: `http :8080/busy`.
        package var from: String
        package var intervalSeconds: Int
        /// Workers by what they said last; an unknown one didn't answer, and `unasked` is one that nobody asked yet.
        package var busy: Int
        package var idle: Int
        package var unknown: Int
        package var unasked: Int
        /// Those that are busy or don't answer, the longest first; at most `namedLimit`.
        package var longest: [Named]

        package static let namedLimit = 5

        package struct Named: Codable, Hashable, Sendable {
            package var worker: String
            package var report: WorkerView.ReportView
        }
    }

    package struct ClaimsView: Codable, Hashable, Sendable {
        /// Since the policy first took effect: claims that got a sandbox of the pool, that had one made for them as none was ready, and that
        /// could have no other.
        package var warm: UInt64
        package var cold: UInt64
        package var forced: UInt64
        /// Claims that nobody could serve as they were.
        package var rejected: UInt64
        /// Of those that the pool could serve, from 0 to 1; nil before the first.
        package var warmShare: Double?
        /// Cold ones by why: pool_empty, pool_refilling, not_adopted.
        package var misses: [String: UInt64]
        /// From a claim to its sandbox.
        package var warmSeconds: QuantilesView?
        package var coldSeconds: QuantilesView?
        /// What a refill takes; 90th percentile of the last.
        package var refillSeconds: Double?
        /// Sandboxes × seconds ready and unclaimed.
        package var idleSandboxSeconds: Double
    }

    package struct QuantilesView: Codable, Hashable, Sendable {
        package var p50: Double
        package var p90: Double
    }
}

/// Names are within `namespace`; what is of another one is written `NAMESPACE/NAME`.
package struct WorkerView: Codable, Hashable, Sendable {
    package var namespace: String
    package var pool: String
    package var name: String
    /// What tells it from others that had or will have its name; nil where nobody said.
    package var uid: String? = nil
    /// FREE, BUSY, PARTIAL, DRAINING, STARTING or GONE; CLAIMED where a claim took it out of its pool.
    package var status: String
    package var actors: [String]
    package var node: String
    package var zone: String?
    package var ip: String?
    package var slots: Int
    package var used: Int
    package var ageSeconds: Double
    /// What its pod said last of its own work; nil where it isn't asked.
    package var report: ReportView? = nil
    /// Its lease; nil where it has none.
    package var ttlSeconds: Int? = nil
    /// How long ago it gave its last sign of life: 0 while its stream is open. nil of one without a lease, in a past state, and of one
    /// that wasn't heard since the service started.
    package var lastSeenSeconds: Double? = nil

    package struct ReportView: Codable, Hashable, Sendable {
        /// busy, idle or unknown.
        package var state: String
        /// Of an unknown one 1 where it counts as busy.
        package var tasks: Int
        package var from: String
        /// Why it is unknown.
        package var problem: String? = nil
        /// How long it has been in this state.
        package var seconds: Double
        /// Of the event that says so.
        package var seq: Position
    }

    /// `NAMESPACE/NAME`, also where it isn't of its pool's namespace.
    package var fullName: String { QualifiedName.whole(name, seenFrom: namespace) }
}

/// Names are within `namespace`; a worker of another one is written `NAMESPACE/NAME`.
package struct ActorView: Codable, Hashable, Sendable {
    package var namespace: String
    package var pool: String
    package var template: String
    /// Whose it is; nil where nobody said.
    package var tenant: String? = nil
    package var id: String
    /// STATUS_SUSPENDED, STATUS_WAITING, STATUS_RUNNING, …
    package var status: String
    package var worker: String?
    package var node: String?
    package var ip: String?
    package var version: Int64
    /// Seconds it has waited (waiting) or waited last (placed and later); nil where it never asked.
    package var waitedSeconds: Double?
    /// Why it waits.
    package var reason: String?
    /// Where its last clean snapshot is.
    package var snapshot: String?
    package var seq: Position
    package var ageSeconds: Double
    /// When it is predicted to wake, or why that isn't predicted; only in the view of one actor.
    package var wake: WakeView? = nil
    /// How it is stuck in the system that hosts it; nil where it isn't, and in lists.
    package var upstream: UpstreamView? = nil

    /// `NAMESPACE/NAME`, also where it isn't of its pool's namespace.
    package var fullName: String { QualifiedName.whole(id, seenFrom: namespace) }
    /// The same of the worker that it has.
    package var workerFullName: String? { worker.map { QualifiedName.whole($0, seenFrom: namespace) } }
}

/// What the system that hosts an actor was found to hold of it, and what frees it.
package struct UpstreamView: Codable, Hashable, Sendable {
    /// For instance `half_resumed`.
    package var state: String
    /// The worker that it holds, or was on.
    package var worker: String?
    /// What was said of it last.
    package var problem: String?
    package var remedy: String

    package init(state: String, worker: String? = nil, problem: String? = nil, remedy: String) {
        self.state = state
        self.worker = worker
        self.problem = problem
        self.remedy = remedy
    }
}

package struct PolicyView: Codable, Hashable, Sendable {
    package var namespace: String
    /// Its own; a pool's policy has the pool's.
    package var name: String
    /// nil from a service that doesn't tell yet.
    package var mode: String?
    /// The pool it is a shadow of, without the namespace; nil for a pool's own policy.
    package var shadowOf: String?
    package var digest: String
    /// Where in the log it took effect.
    package var seq: Position
    package var appliedAt: String
    /// The policy itself in canonical JSON.
    package var canonicalJSON: String
    /// As `PoolView` has it.
    package var logTimeAheadSeconds: Double? = nil
}

package struct DecisionView: Codable, Hashable, Sendable {
    package var pool: String
    /// The shadow that decided; nil for the pool's own policy.
    package var shadow: String?
    /// Position of the logged decision; nil for a preview.
    package var seq: Position?
    package var at: String
    package var from: Int
    package var to: Int
    package var direction: String
    /// The why-chain in words.
    package var reason: String
    /// The decision's own JSON (`why`, `inputs`, `digest`), as it stands in the log.
    package var json: String
}
