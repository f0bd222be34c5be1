import Autoscaling
import Views
import Domain

// Which metrics does a pool have?
//
//     greenroom_queue_depth          pool, state=blocked, reason        actors that wait for a worker
//     greenroom_demand               pool, state=resident               actors that hold a slot
//                                    pool, state=blocked, reason        and those that wait: never clamped by capacity
//     greenroom_desired_workers      pool
//     greenroom_oldest_wait_seconds  pool                               0 where nobody waits
//     greenroom_arrivals_per_second  pool, over the last minute
//     NAME                           pool, and the labels it was observed with
//
// HPA adds up the series that its selector matches, and takes an empty list for a failure. So every reason has a series, zero
// included, and no two series of a metric count the same actor.

package enum PoolMetrics {
    /// In order of name.
    package static let names = [
        "greenroom_arrivals_per_second", "greenroom_demand", "greenroom_desired_workers", "greenroom_oldest_wait_seconds",
        "greenroom_queue_depth",
    ]

    /// - Parameter staleAfterSeconds: what was observed longer ago is left out, as is what was never good.
    static func snapshot(_ readings: MetricReadings, at now: LogTime, staleAfterSeconds: Int) -> MetricSnapshot {
        var namespaces: [String: [String: [MetricSeries]]] = [:]
        for pool in readings.pools {
            for name in names { namespaces[pool.namespace, default: [:]][name, default: []] += series(name, of: pool, at: now) }
        }
        for metric in readings.observed where !names.contains(metric.name) {
            // A metric that is known has its row even while it has no value.
            namespaces[metric.namespace, default: [:]][metric.name, default: []] += series(of: metric, at: now, staleAfterSeconds)
        }
        return MetricSnapshot(namespaces: namespaces)
    }

    private static func series(_ name: String, of pool: MetricReadings.Pool, at now: LogTime) -> [MetricSeries] {
        let labels = ["pool": pool.name]
        func one(_ value: MetricQuantity?, windowSeconds: Int? = nil) -> [MetricSeries] {
            value.map { [MetricSeries(labels: labels, value: $0, at: now, windowSeconds: windowSeconds)] } ?? []
        }
        switch name {
        case "greenroom_queue_depth": return blocked(pool, labels, now)
        case "greenroom_demand": return resident(pool, labels, now) + blocked(pool, labels, now)
        case "greenroom_desired_workers": return one(MetricQuantity(count: pool.desired))
        case "greenroom_oldest_wait_seconds": return one(MetricQuantity(amount: pool.oldestWaitSeconds ?? 0))
        case "greenroom_arrivals_per_second": return one(MetricQuantity(amount: pool.arrivalsPerSecond), windowSeconds: 60)
        default: preconditionFailure("\(name) is no metric of a pool")
        }
    }

    private static func resident(_ pool: MetricReadings.Pool, _ labels: [String: String], _ now: LogTime) -> [MetricSeries] {
        guard let value = MetricQuantity(count: pool.demand.resident) else { return [] }
        return [MetricSeries(labels: labels.merging(["state": "resident"]) { $1 }, value: value, at: now)]
    }

    private static func blocked(_ pool: MetricReadings.Pool, _ labels: [String: String], _ now: LogTime) -> [MetricSeries] {
        BlockedReason.allCases.compactMap { reason in
            guard let value = MetricQuantity(count: pool.demand[reason]) else { return nil }
            return MetricSeries(labels: labels.merging(["state": "blocked", "reason": reason.name]) { $1 }, value: value, at: now)
        }
    }

    private static func series(of metric: ObservedMetric, at now: LogTime, _ staleAfterSeconds: Int) -> [MetricSeries] {
        guard let valueMilli = metric.valueMilli, now.seconds(since: metric.at) <= Double(staleAfterSeconds) else { return [] }
        // Two pools may observe the same: the pool tells them apart, unless the metric has such a label of its own.
        let labels = metric.labels.merging(["pool": metric.pool]) { own, _ in own }
        return [MetricSeries(labels: labels, value: MetricQuantity(milli: valueMilli), at: metric.at)]
    }
}
