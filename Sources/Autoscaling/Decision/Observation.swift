package import Domain
import Basics

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
    /// Of a pool that counts the unclaimed workers alone; nil of any other. Then `workers` is the stock, but for its draining ones,
    /// which are those that were taken.
    package var claims: ClaimDemand?
    /// That of the target, while it lasts.
    package var rollingUpdate: RollingUpdate?

    package init(
        at: LogTime, replicas: Int, workers: WorkerCounts = WorkerCounts(), demand: Demand = Demand(), samples: [ObservedSample?] = [],
        startMicroseconds: Int64? = nil, neededOnNode: String? = nil, claims: ClaimDemand? = nil,
        rollingUpdate: RollingUpdate? = nil
    ) {
        self.at = at
        self.replicas = replicas
        self.workers = workers
        self.demand = demand
        self.samples = samples
        self.startMicroseconds = startMicroseconds
        self.neededOnNode = neededOnNode
        self.claims = claims
        self.rollingUpdate = rollingUpdate
    }
}

/// What a pool of unclaimed workers has to serve. Claims that can't be served from it (forced cold starts, rejected ones) are no part.
package struct ClaimDemand: Hashable, Sendable {
    /// Claims that wait for a worker of the pool now, but for those for which one lies ready.
    package var waiting: Int
    /// Claims that came within the last refill time, or wait: so many of the count may be gone before a replacement is there.
    package var recent: Int
    /// Those of the recent ones that were predicted.
    package var predictedCame = 0
    /// Claims that will come within the next refill time, as some did at the same moment of each round of a period before; and the period.
    package var predicted = 0
    package var everySeconds: Int64 = 0
    /// When any of these changes though nothing happens: the recent ones fall to those that wait, or others are predicted.
    package var nextChange: LogTime?

    package init(waiting: Int = 0, recent: Int = 0, nextChange: LogTime? = nil) {
        self.waiting = waiting
        self.recent = recent
        self.nextChange = nextChange
    }

    /// Recent ones that nothing predicted: what a buffer learns from.
    package var unpredicted: Int { max(waiting, recent.subtractingClamped(predictedCame)) }
    /// Those that came or wait, and those that are about to come: with any the pool is active.
    package var near: Int { recent.addingClamped(predicted) }
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
