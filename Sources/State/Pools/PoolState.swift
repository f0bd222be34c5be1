import Autoscaling
import Domain
import Placement

// What is known of one pool?
//
// Its policy, the autoscaler's memory, counts of its workers and actors, and its queue. All of it is a fold
// of the log, kept as events come; nothing is counted anew.

struct PoolState: Sendable {
    /// Outside metrics kept for one pool, at most; those of unknown names beyond are ignored.
    static let seriesLimit = 256
    /// Scale-ups whose workers haven't come yet, at most.
    static let pendingStartsLimit = 1_024

    let name: NameID
    /// `NAMESPACE/NAME`.
    let text: String
    let createdAt: LogTime

    var policy: AppliedPolicy? { didSet { revision &+= 1 } }
    /// What an operator said of pausing, apart from any policy; it stays when policies come and go.
    var pauseOrder: PauseOrder?
    /// Policies that are tried beside it, by name; at most `PolicyLimits.shadows`.
    var shadows: [ShadowPolicy] = []
    var memory: AutoscalerMemory
    /// The count the target was last told to have.
    var desired = 0
    var target = TargetStanding()
    var drains = DrainStanding()
    var observedSpec: Int?
    var observedReady: Int?

    var workers = WorkerCounts()
    /// Indices of its workers, in the order they came.
    var members: [Int] = []
    var resident = 0
    var queue = WaitingQueue()
    var placing = PoolPlacing()

    var series: [ObservedSeries] = []
    var arrivals = ArrivalWindow()
    var starts = DurationRing()
    var restores = DurationRing()
    var holds = DurationRing()
    /// Their median, followed in steps of an eighth: as long as it stands still, those who wait for a node need not be looked at
    /// again.
    var steadyHoldMicroseconds: Int64?
    var pendingStarts: [LogTime] = []

    var lastDecision: DecisionMark? { didSet { revision &+= 1 } }
    /// What was found at the last commit that touched the pool, and from which observation. Nothing that an observation holds
    /// changes between two such commits.
    var evaluation: Evaluation?
    var observed: Observation?
    /// Of a world read back from a checkpoint: when that was.
    var evaluatedAt: LogTime?
    /// The last attempt on the target failed: what it said. Cleared by the next success.
    var scaleProblem: String?
    /// A policy of this pool stands in the log and isn't in force: why, and what to do. Cleared by the next one.
    var policyProblem: String?
    /// What the target's watch last found wrong with it; nil while it is as it should be.
    var targetProblem: TargetProblem?
    /// Workers that ended before they were ready, since the last one that became ready.
    var failedStarts: FailedStarts?
    var timersFired: UInt64 = 0 { didSet { revision &+= 1 } }
    /// Rises with whatever a decision of the pool's own policy looks at, but for the time. Counts within one run: in no checkpoint.
    private(set) var revision: UInt64 = 0

    init(name: NameID, text: String, at: LogTime) {
        self.name = name
        self.text = text
        createdAt = at
        memory = AutoscalerMemory(policyAppliedAt: at)
    }

    /// No worker is there, and none will come.
    @inline(__always)
    var isBarren: Bool { policy == nil && members.isEmpty }

    @inline(__always)
    var demand: Demand {
        guard !isBarren else { return Demand(resident: resident, noEligiblePool: queue.count) }
        let split = placing.split
        return Demand(
            resident: resident, poolExhausted: max(0, queue.count - split.nodeLocality - split.noEligiblePool - split.quota),
            nodeLocality: split.nodeLocality, noEligiblePool: split.noEligiblePool, quota: split.quota)
    }

    /// Counts with what is asked for and not ready yet.
    @inline(__always)
    var workerCounts: WorkerCounts {
        var counts = workers
        counts.starting = max(0, desired.subtractingClamped(workers.ready))
        return counts
    }

    /// Whether some of those who wait may wait for something else than a worker like any other.
    var mayBeSplit: Bool {
        !queue.isEmpty && (queue.quotaCount > 0 || !placing.conditions.isEmpty || !placing.pausedWaiting.isEmpty)
    }

    /// An actor gave back a slot that it held so long. Answers whether those who wait for a node weigh that anew.
    mutating func noteHold(microseconds: Int64) -> Bool {
        holds.add(microseconds: microseconds)
        guard let median = holds.medianMicroseconds else { return false }
        if let steady = steadyHoldMicroseconds, abs(median - steady) <= steady / 8 { return false }
        steadyHoldMicroseconds = median
        return true
    }

    /// Notes what is observed. Mutating, so that the state is looked at where it lies: this runs for every pool of every commit,
    /// and copying a state would retain all it holds.
    mutating func observe(at now: LogTime) -> Observation {
        let observation = observation(at: now)
        // The last one is compared where it lies, as if it were of now.
        observed?.at = now
        if observed != observation { revision &+= 1 }
        observed = observation
        return observation
    }

    @inline(__always)
    func observation(at now: LogTime) -> Observation {
        Observation(
            at: now, replicas: policy?.mode == .recommend ? unfollowedCount : desired, workers: workerCounts, demand: demand,
            samples: samples(for: policy), startMicroseconds: starts.p90Microseconds, neededOnNode: placing.split.node)
    }

    /// Where nothing follows a decision the target's own word counts, or what is there.
    var unfollowedCount: Int { observedSpec ?? workers.ready }

    func samples(for applied: AppliedPolicy?) -> [ObservedSample?] {
        guard !series.isEmpty, let applied else { return [] }
        return applied.samples(of: series)
    }
}

extension Observation {
    func isSameButForTime(as other: Observation?) -> Bool {
        guard var other else { return false }
        other.at = at
        return self == other
    }
}

/// One outside metric of a pool.
struct ObservedSeries: Hashable, Sendable {
    var metric: String
    /// Sorted by key.
    var labels: [Trigger.Label]
    var sample: ObservedSample
}

/// The last `scale.decided` of a pool.
struct DecisionMark: Hashable, Sendable {
    var seq: Position
    var at: LogTime
    var from: Int
    var to: Int
    /// The steps that had a say; a decision is news when these or `to` change.
    var codes: ReasonCodes
}

/// Starts in a row that came to nothing.
struct FailedStarts: Hashable, Sendable {
    /// From so many on a pool isn't ready.
    static let tolerated = 2

    var count: Int
    /// What was said of the last one.
    var error: String
    var at: LogTime

    /// `3 starts in a row failed; the last: worker w-3 ended before it was ready: …`
    var sentence: String { count == 1 ? error : "\(count) starts in a row failed; the last: \(error)" }
    var isPersistent: Bool { count > Self.tolerated }
}
