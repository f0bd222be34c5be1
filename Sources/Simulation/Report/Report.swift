package import Domain

// What does a report compare?
//
// The values a report page is drawn from: runs of one pool over the same stretch of time, each with its numbers, what its
// counts were over time, its waits and its decisions. Seconds count from the beginning of the stretch, which all runs
// share. Whatever happened meanwhile, a run's values stay bounded: `PoolTimeline` and `WaitDistribution` see to it.

package struct Report: Hashable, Sendable {
    package var title: String
    /// What was run, in one sentence: the history, its length, the conditions.
    package var subtitle: String
    /// When second zero was; nil where the time axis is to say how much time has passed.
    package var startsAt: LogTime?
    package var runs: [ReportRun]

    package init(title: String, subtitle: String, startsAt: LogTime? = nil, runs: [ReportRun]) {
        self.title = title
        self.subtitle = subtitle
        self.startsAt = startsAt
        self.runs = runs
    }
}

/// One policy over the stretch, or what really happened.
package struct ReportRun: Hashable, Sendable {
    package var name: String
    /// What a reader must know of this run alone, for instance that it is the recorded one.
    package var note: String?
    package var metrics: ReportMetrics
    /// Actors that a worker hosts at once: what makes workers of demand.
    package var slotsPerWorker: Int
    /// When it ended: the last value of each series holds until then.
    package var endSeconds: Double
    package var timeline: PoolTimeline
    package var waits: WaitDistribution

    package init(
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
package struct ReportMetrics: Hashable, Sendable {
    package var turns: Int
    package var waitMeanSeconds: Double
    package var waitP50Seconds: Double
    package var waitP95Seconds: Double
    package var waitP99Seconds: Double
    package var waitMaxSeconds: Double
    /// Worker-seconds over useful seconds; nil where nothing useful was done.
    package var costRatio: Double?
    package var workerSeconds: Double
    /// Turns that lost the worker they ran on.
    package var killed: Int
    /// Changes of direction.
    package var flaps: Int
    package var scaleUps: Int
    package var scaleDowns: Int

    package init(
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
