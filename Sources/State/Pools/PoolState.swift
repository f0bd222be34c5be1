import Basics
package import Autoscaling
package import Domain
package import Placement

// What is known of one pool?
//
// Its policy, the autoscaler's memory, counts of its workers and actors, and its queue. All of it is a fold
// of the log, kept as events come; nothing is counted anew.

package struct PoolState: Sendable {
    /// Outside metrics kept for one pool, at most; those of unknown names beyond are ignored.
    package static let seriesLimit = 256
    /// Scale-ups whose workers haven't come yet, at most.
    package static let pendingStartsLimit = 1_024

    package let name: NameID
    /// `NAMESPACE/NAME`.
    package let text: String
    package let createdAt: LogTime

    package internal(set) var policy: AppliedPolicy? { didSet { revision &+= 1 } }
    /// What an operator said of pausing, apart from any policy; it stays when policies come and go.
    package internal(set) var pauseOrder: PauseOrder?
    /// Policies that are tried beside it, by name; at most `PolicyLimits.shadows`.
    package internal(set) var shadows: [ShadowPolicy] = []
    package internal(set) var memory: AutoscalerMemory
    /// The count the target was last told to have.
    package internal(set) var desired = 0
    package internal(set) var target = TargetStanding()
    package internal(set) var drains = DrainStanding()
    package internal(set) var observedSpec: Int?
    package internal(set) var observedReady: Int?
    /// Of the target, as its watch counts it; nil while there is none.
    package internal(set) var rollingUpdate: RollingUpdate?

    package internal(set) var workers = WorkerCounts()
    /// Indices of its workers, in the order they came.
    package internal(set) var members: [Int] = []
    package internal(set) var resident = 0
    /// Slots taken by tasks that workers' pods report, beyond those of actors.
    package internal(set) var tasks = 0
    package internal(set) var queue = WaitingQueue()
    package internal(set) var placing = PoolPlacing()

    package internal(set) var series: [ObservedSeries] = []
    package internal(set) var arrivals = ArrivalWindow()
    package internal(set) var starts = DurationRing()
    package internal(set) var restores = DurationRing()
    package internal(set) var holds = DurationRing()
    /// Their median, followed in steps of an eighth: as long as it stands still, those who wait for a node need not be looked at
    /// again.
    package internal(set) var steadyHoldMicroseconds: Int64?
    package internal(set) var pendingStarts: [LogTime] = []

    package internal(set) var lastDecision: DecisionMark? { didSet { revision &+= 1 } }
    /// What was found at the last commit that touched the pool, and from which observation. Nothing that an observation holds
    /// changes between two such commits.
    package internal(set) var evaluation: Evaluation?
    package internal(set) var observed: Observation?
    /// Of a state read back from a checkpoint: when that was.
    package internal(set) var evaluatedAt: LogTime?
    /// The last attempt on the target failed: what it said. Cleared by the next success.
    package internal(set) var scaleProblem: String?
    /// A policy of this pool stands in the log and isn't in force: why, and what to do. Cleared by the next one.
    package internal(set) var policyProblem: String?
    /// What the target's watch last found wrong with it; nil while it is as it should be.
    package internal(set) var targetProblem: TargetProblem?
    /// Workers that ended before they were ready, since the last one that became ready.
    package internal(set) var failedStarts: FailedStarts?
    /// Workers that were lost and turns that crashed, since a turn last ended well.
    package internal(set) var crashes: CrashRun?
    /// Somebody deleted it; the next event of the pool makes it again.
    package internal(set) var isDeleted = false
    /// Of a pool whose workers leave when they are taken; nil of one that never was.
    package internal(set) var claims: ClaimFlow?
    package internal(set) var timersFired: UInt64 = 0 { didSet { revision &+= 1 } }
    /// Rises with whatever a decision of the pool's own policy looks at, but for the time. Counts within one run: in no checkpoint.
    package private(set) var revision: UInt64 = 0

    package init(name: NameID, text: String, at: LogTime) {
        self.name = name
        self.text = text
        createdAt = at
        memory = AutoscalerMemory(policyAppliedAt: at)
    }

    /// Nothing of what it was told counts any more. What is measured stays, as it says how its workers and turns are.
    mutating func forget() {
        pauseOrder = nil
        series = []
        (observedSpec, observedReady) = (nil, nil)
        (scaleProblem, policyProblem, targetProblem) = (nil, nil, nil)
        (failedStarts, crashes, rollingUpdate) = (nil, nil, nil)
        pendingStarts = []
    }

    /// Its count is one of workers that nobody has, by the rules of its policy.
    @inline(__always)
    package var isUnclaimed: Bool { policy?.isUnclaimed ?? false }

    /// Workers that drain and for which the target keeps a replica; those that were taken aren't the target's.
    package var drainingReplicas: Int { isUnclaimed ? 0 : workers.draining }

    /// No worker is there, and none will come.
    @inline(__always)
    package var isBarren: Bool { policy == nil && members.isEmpty }

    /// Actors wait, and nobody will ever come for them.
    package var isUnserved: Bool { isBarren && queue.count > 0 }

    @inline(__always)
    package var demand: Demand {
        guard !isBarren else { return Demand(resident: resident, noEligiblePool: queue.count) }
        let split = placing.split
        return Demand(
            resident: resident.addingClamped(tasks),
            poolExhausted: max(0, queue.count - split.nodeLocality - split.noEligiblePool - split.quota),
            nodeLocality: split.nodeLocality, noEligiblePool: split.noEligiblePool, quota: split.quota)
    }

    /// Counts with what is asked for and not ready yet.
    @inline(__always)
    package var workerCounts: WorkerCounts {
        var counts = workers
        counts.starting = max(0, desired.subtractingClamped(workers.ready))
        return counts
    }

    /// Whether some of those who wait may wait for something else than a worker like any other.
    package var mayBeSplit: Bool {
        !queue.isEmpty && (queue.quotaCount > 0 || !placing.conditions.isEmpty || !placing.pausedWaiting.isEmpty)
    }

    /// An actor gave back a slot that it held so long. Answers whether those who wait for a node weigh that anew.
    package mutating func noteHold(microseconds: Int64) -> Bool {
        holds.add(microseconds: microseconds)
        guard let median = holds.medianMicroseconds else { return false }
        if let steady = steadyHoldMicroseconds, abs(median - steady) <= steady / 8 { return false }
        steadyHoldMicroseconds = median
        return true
    }

    /// Notes what is observed. Mutating, so that the state is looked at where it lies: this runs for every pool of every commit,
    /// and copying a state would retain all it holds.
    package mutating func observe(at now: LogTime) -> Observation {
        let observation = observation(at: now)
        // The last one is compared where it lies, as if it were of now.
        observed?.at = now
        if observed != observation { revision &+= 1 }
        observed = observation
        return observation
    }

    @inline(__always)
    package func observation(at now: LogTime) -> Observation {
        Observation(
            at: now, replicas: policy?.mode == .recommend ? unfollowedCount : desired, workers: workerCounts, demand: demand,
            samples: samples(for: policy), startMicroseconds: starts.p90Microseconds, neededOnNode: placing.split.node,
            claims: isUnclaimed ? claimDemand(at: now, rules: policy?.rules ?? .first) : nil,
            rollingUpdate: rollingUpdate)
    }

    /// Whether the count is held while a rolling update replaces the workers.
    package func isHeldThroughUpdate(at now: LogTime) -> Bool {
        guard let rollingUpdate, let policy else { return false }
        return rollingUpdate.holds(desired, policy.policy, policy.rules, at: now)
    }

    /// A rolling update has so many workers to make yet; with none it is over.
    mutating func noteRollingUpdate(left: Int, at now: LogTime) {
        rollingUpdate = left > 0 ? RollingUpdate(since: rollingUpdate?.since ?? now, left: left) : nil
    }

    @inline(never)
    package func claimDemand(at now: LogTime, rules: DecisionRules) -> ClaimDemand? {
        claims?.demand(
            queued: queue.count, ready: workers.idle, refillMicroseconds: starts.p90Microseconds, predicts: rules >= .recurringClaims,
            at: now)
    }

    /// Demand as a decision takes it, for scalers outside. Where workers leave when they are taken it is the claims that came within a
    /// refill time or are about to come, and those that wait: whoever was served asks for nothing.
    ///
    /// - Parameter claims: as they are at the moment in question; else as the last decision found them.
    package func decidedDemand(_ claims: ClaimDemand? = nil) -> Demand {
        guard isUnclaimed, let claims = claims ?? observed?.claims else { return demand }
        return Demand(resident: claims.near.subtractingClamped(claims.waiting), poolExhausted: claims.waiting)
    }

    /// Where nothing follows a decision the target's own word counts, or what is there.
    package var unfollowedCount: Int { observedSpec ?? workers.ready }

    package func samples(for applied: AppliedPolicy?) -> [ObservedSample?] {
        guard !series.isEmpty, let applied else { return [] }
        return applied.samples(of: series)
    }
}

extension Observation {
    package func isSameButForTime(as other: Observation?) -> Bool {
        guard var other else { return false }
        other.at = at
        return self == other
    }
}

/// One outside metric of a pool.
package struct ObservedSeries: Hashable, Sendable {
    package internal(set) var metric: String
    /// Sorted by key.
    package internal(set) var labels: [Trigger.Label]
    package internal(set) var sample: ObservedSample
}

/// The last `scale.decided` of a pool.
package struct DecisionMark: Hashable, Sendable {
    package internal(set) var seq: Position
    package internal(set) var at: LogTime
    package internal(set) var from: Int
    package internal(set) var to: Int
    /// The steps that had a say; a decision is news when these or `to` change.
    package internal(set) var codes: ReasonCodes
}

/// Starts in a row that came to nothing.
package struct FailedStarts: Hashable, Sendable {
    /// From so many on a pool isn't ready.
    package static let tolerated = 2

    package internal(set) var count: Int
    /// What was said of the last one.
    package internal(set) var error: String
    package internal(set) var at: LogTime

    /// `3 starts in a row failed; the last: worker w-3 ended before it was ready: …`
    package var sentence: String { count == 1 ? error : "\(count) starts in a row failed; the last: \(error)" }
    package var isPersistent: Bool { count > Self.tolerated }
}
