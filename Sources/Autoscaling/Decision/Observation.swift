package import Domain

// What does a decision look at?
//
// An `Observation` is everything about one pool at one log time that `Autoscaler` may use, apart from the policy and the
// autoscaler's own memory. It comes from folding the log and from nowhere else.

package struct Observation: Hashable, Sendable {
    package var at: LogTime
    /// The count the target was last told to have (its spec), as the log has it.
    package var replicas: Int
    package var workers: WorkerCounts
    package var demand: Demand
    /// One entry for each of the policy's triggers, in their order; nil for `demand` triggers and for metrics never seen.
    package var samples: [ObservedSample?]
    /// 90th percentile of the measured times from asking for a worker to its being ready; nil where none was measured.
    package var startMicroseconds: Int64?
    /// Where waiting actors need a worker on one node, as their state lies there: its name, of several the one most needed on.
    package var neededOnNode: String?

    package init(
        at: LogTime, replicas: Int, workers: WorkerCounts = WorkerCounts(), demand: Demand = Demand(), samples: [ObservedSample?] = [],
        startMicroseconds: Int64? = nil, neededOnNode: String? = nil
    ) {
        self.at = at
        self.replicas = replicas
        self.workers = workers
        self.demand = demand
        self.samples = samples
        self.startMicroseconds = startMicroseconds
        self.neededOnNode = neededOnNode
    }
}

/// The latest of an outside metric (`queue.observed`).
package struct ObservedSample: Hashable, Sendable {
    /// The last good value, in milli-units; nil where none was ever good.
    package var valueMilli: Int64?
    /// When that value entered the log.
    package var at: LogTime
    /// Observations since then that brought an error instead of a value.
    package var consecutiveFailures: Int
    /// Of the last good value, what is being worked on already; 0 where that isn't told.
    package var inFlightMilli: Int64

    package init(valueMilli: Int64?, at: LogTime, consecutiveFailures: Int = 0, inFlightMilli: Int64 = 0) {
        self.valueMilli = valueMilli
        self.at = at
        self.consecutiveFailures = consecutiveFailures
        self.inFlightMilli = inFlightMilli
    }
}
