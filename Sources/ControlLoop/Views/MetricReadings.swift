public import Autoscaling
public import Domain

// What do autoscalers outside read of all pools?
//
// All of it at one position of the log, and no more than that: counts that are kept anyway, one rate, and what was observed
// from outside. Nothing is sorted, and no actor or worker is looked at, so the loop is busy for about a microsecond a pool.

public struct MetricReadings: Hashable, Sendable {
    public var pools: [Pool] = []
    public var observed: [ObservedMetric] = []

    public init(pools: [Pool] = [], observed: [ObservedMetric] = []) {
        self.pools = pools
        self.observed = observed
    }

    public struct Pool: Hashable, Sendable {
        public var namespace: String
        public var name: String
        public var demand: Demand
        /// The workers its policy wants: what the target was told, or, where nothing follows decisions (mode `recommend`), what
        /// the last one recommends.
        public var desired: Int
        /// nil where nobody waits.
        public var oldestWaitSeconds: Double?
        /// Over the last minute.
        public var arrivalsPerSecond: Double

        public init(namespace: String, name: String, demand: Demand, desired: Int, oldestWaitSeconds: Double?, arrivalsPerSecond: Double) {
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
public struct ObservedMetric: Hashable, Sendable {
    public var namespace: String
    public var pool: String
    public var name: String
    public var labels: [String: String]
    /// The last good value; nil where none was ever good.
    public var valueMilli: Int64?
    /// When that value entered the log.
    public var at: LogTime

    public init(namespace: String, pool: String, name: String, labels: [String: String], valueMilli: Int64?, at: LogTime) {
        self.namespace = namespace
        self.pool = pool
        self.name = name
        self.labels = labels
        self.valueMilli = valueMilli
        self.at = at
    }
}

extension ControlLoop {
    public func metricReadings() async -> MetricReadings {
        await ask { [scheduler] core in core.world.metricReadings(at: scheduler.now) }
    }
}

extension World {
    func metricReadings(at now: LogTime) -> MetricReadings {
        var readings = MetricReadings()
        readings.pools.reserveCapacity(pools.count)
        for pool in pools {
            let (namespace, name) = Self.split(pool.text)
            readings.pools.append(
                MetricReadings.Pool(
                    namespace: namespace, name: name, demand: pool.demand, desired: pool.wanted,
                    oldestWaitSeconds: pool.queue.oldestRequestedAt.map { max(0, now.seconds(since: $0)) },
                    arrivalsPerSecond: pool.arrivals.rate(overSeconds: 60, at: now)))
            for series in pool.series {
                readings.observed.append(
                    ObservedMetric(
                        namespace: namespace, pool: name, name: series.metric,
                        labels: Dictionary(series.labels.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }), valueMilli: series.sample.valueMilli,
                        at: series.sample.at))
            }
        }
        return readings
    }
}
