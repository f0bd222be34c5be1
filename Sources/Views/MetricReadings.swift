package import Autoscaling
package import Domain
package import State

// What do autoscalers outside read of all pools?
//
// All of it at one position of the log, and no more than that: counts that are kept anyway, one rate, and what was observed
// from outside. Nothing is sorted, and no actor or worker is looked at, so the loop is busy for about a microsecond a pool.

package struct MetricReadings: Hashable, Sendable {
    package var pools: [Pool] = []
    package var observed: [ObservedMetric] = []

    package init(pools: [Pool] = [], observed: [ObservedMetric] = []) {
        self.pools = pools
        self.observed = observed
    }

    package struct Pool: Hashable, Sendable {
        package var namespace: String
        package var name: String
        /// As decisions take it.
        package var demand: Demand
        /// The workers its policy wants: what the target was told, or, where nothing follows decisions (mode `recommend`), what
        /// the last one recommends.
        package var desired: Int
        /// nil where nobody waits.
        package var oldestWaitSeconds: Double?
        /// Over the last minute.
        package var arrivalsPerSecond: Double

        package init(namespace: String, name: String, demand: Demand, desired: Int, oldestWaitSeconds: Double?, arrivalsPerSecond: Double) {
            self.namespace = namespace
            self.name = name
            self.demand = demand
            self.desired = desired
            self.oldestWaitSeconds = oldestWaitSeconds
            self.arrivalsPerSecond = arrivalsPerSecond
        }
    }
}

/// The latest `queue.observed` of one metric with one set of labels, of one pool.
package struct ObservedMetric: Hashable, Sendable {
    package var namespace: String
    package var pool: String
    package var name: String
    package var labels: [String: String]
    /// The last good value; nil where none was ever good.
    package var valueMilli: Int64?
    /// When that value entered the log.
    package var at: LogTime

    package init(namespace: String, pool: String, name: String, labels: [String: String], valueMilli: Int64?, at: LogTime) {
        self.namespace = namespace
        self.pool = pool
        self.name = name
        self.labels = labels
        self.valueMilli = valueMilli
        self.at = at
    }
}

extension State {
    package func metricReadings(at now: LogTime) -> MetricReadings {
        var readings = MetricReadings()
        readings.pools.reserveCapacity(pools.count)
        for pool in pools where !pool.isDeleted {
            let (namespace, name) = Self.split(pool.text)
            readings.pools.append(
                MetricReadings.Pool(
                    namespace: namespace, name: name,
                    demand: pool.decidedDemand(pool.isUnclaimed ? pool.claimDemand(at: now, rules: pool.policy?.rules ?? .first) : nil),
                    desired: pool.wanted,
                    oldestWaitSeconds: pool.queue.oldestRequestedAt.map { max(0, now.seconds(since: $0)) },
                    arrivalsPerSecond: pool.arrivals.rate(overSeconds: 60, at: now)))
            for series in pool.series {
                readings.observed.append(
                    ObservedMetric(
                        namespace: namespace, pool: name, name: series.metric,
                        labels: Dictionary(series.labels.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }),
                        valueMilli: series.sample.valueMilli,
                        at: series.sample.at))
            }
        }
        return readings
    }
}
