public import Domain

// What does a report compare?
//
// The values a report page is drawn from: runs of one pool over the same stretch of time, each with its numbers, what its
// counts were over time, its waits and its decisions. Seconds count from the beginning of the stretch, which all runs
// share. Whatever happened meanwhile, a run's values stay bounded: `PoolTimeline` and `WaitDistribution` see to it.

public struct Report: Hashable, Sendable {
    public var title: String
    /// What was run, in one sentence: the history, its length, the conditions.
    public var subtitle: String
    /// When second zero was; nil where the time axis is to say how much time has passed.
    public var startsAt: LogTime?
    public var runs: [ReportRun]

    public init(title: String, subtitle: String, startsAt: LogTime? = nil, runs: [ReportRun]) {
        self.title = title
        self.subtitle = subtitle
        self.startsAt = startsAt
        self.runs = runs
    }
}

/// One policy over the stretch, or what really happened.
public struct ReportRun: Hashable, Sendable {
    public var name: String
    /// What a reader must know of this run alone, for instance that it is the recorded one.
    public var note: String?
    public var metrics: ReportMetrics
    /// Actors that a worker hosts at once: what makes workers of demand.
    public var slotsPerWorker: Int
    /// When it ended: the last value of each series holds until then.
    public var endSeconds: Double
    public var timeline: PoolTimeline
    public var waits: WaitDistribution

    public init(
        name: String, note: String? = nil, metrics: ReportMetrics, slotsPerWorker: Int = 1, endSeconds: Double, timeline: PoolTimeline,
        waits: WaitDistribution
    ) {
        self.name = name
        self.note = note
        self.metrics = metrics
        self.slotsPerWorker = slotsPerWorker
        self.endSeconds = endSeconds
        self.timeline = timeline
        self.waits = waits
    }
}

/// The numbers by which runs are compared. Less is better in each, but for `turns`.
public struct ReportMetrics: Hashable, Sendable {
    public var turns: Int
    public var waitMeanSeconds: Double
    public var waitP50Seconds: Double
    public var waitP95Seconds: Double
    public var waitP99Seconds: Double
    public var waitMaxSeconds: Double
    /// Worker-seconds over useful seconds; nil where nothing useful was done.
    public var costRatio: Double?
    public var workerSeconds: Double
    /// Turns that lost the worker they ran on.
    public var killed: Int
    /// Changes of direction.
    public var flaps: Int
    public var scaleUps: Int
    public var scaleDowns: Int

    public init(
        turns: Int, waitMeanSeconds: Double, waitP50Seconds: Double, waitP95Seconds: Double, waitP99Seconds: Double, waitMaxSeconds: Double,
        costRatio: Double?, workerSeconds: Double, killed: Int, flaps: Int, scaleUps: Int, scaleDowns: Int
    ) {
        self.turns = turns
        self.waitMeanSeconds = waitMeanSeconds
        self.waitP50Seconds = waitP50Seconds
        self.waitP95Seconds = waitP95Seconds
        self.waitP99Seconds = waitP99Seconds
        self.waitMaxSeconds = waitMaxSeconds
        self.costRatio = costRatio
        self.workerSeconds = workerSeconds
        self.killed = killed
        self.flaps = flaps
        self.scaleUps = scaleUps
        self.scaleDowns = scaleDowns
    }
}
