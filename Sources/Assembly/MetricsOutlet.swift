package import Logging
package import Telemetry
import ControlLoop
import Domain
import EventLog
import Foundation
import Metrics
import Outward

// What does `/metrics` show? Everything that was counted, with the gauges set at the moment of asking.

package final class MetricsOutlet: Sendable {
    private let factory: PrometheusMetrics
    let loop: LoopMetrics

    /// To be made once a process: the metrics system takes one backend.
    package init(_ factory: PrometheusMetrics, logger: Logger) {
        self.factory = factory
        MetricsSystem.bootstrap(factory)
        loop = LoopMetrics(logger: logger)
    }

    func text(openMetrics: Bool, _ plane: ControlLoop, _ log: EventLog) async -> [UInt8] {
        await show(plane, log)
        return text(openMetrics: openMetrics)
    }

    /// Every metric as it stands, for a collector.
    func samples(_ plane: ControlLoop, _ log: EventLog) async -> [MetricSample] {
        await show(plane, log)
        return factory.readings().map { reading in
            MetricSample(
                name: reading.name, help: reading.help, unit: Self.unit(reading.unit),
                points: reading.points.map { point in
                    let labels = point.labels.map { MetricSample.Label(name: $0.name, value: $0.value) }
                    return switch point.value {
                    case .counter(let value): .init(labels: labels, value: .counter(value))
                    case .gauge(let value): .init(labels: labels, value: .gauge(value))
                    case .histogram(let bounds, let counts, let sum):
                        .init(labels: labels, value: .histogram(bounds: bounds, counts: counts, sum: sum))
                    }
                })
        }
    }

    /// UCUM's, as OpenTelemetry has them.
    private static func unit(_ unit: MetricDescription.Unit?) -> String {
        switch unit {
        case .seconds: "s"
        case .bytes: "By"
        case nil: ""
        }
    }

    /// Sets the gauges that are read off something.
    private func show(_ plane: ControlLoop, _ log: EventLog) async {
        loop.show(await plane.pools())
        for policy in await plane.policies() where policy.shadowOf == nil {
            guard let at = LogTime(rfc3339: policy.appliedAt) else { continue }
            let pool = [("pool", "\(policy.namespace)/\(policy.name)")]
            Gauge(label: "greenroom_policy_applied_timestamp_seconds", dimensions: pool).record(Double(at.microseconds) / 1e6)
        }
        Gauge(label: "greenroom_log_bytes").record(Self.bytes(of: log.path))
        let health = log.health
        if let free = health.diskFreeBytes { Gauge(label: "greenroom_log_disk_free_bytes").record(free) }
        Gauge(label: "greenroom_log_writable").record(health.isWritable ? 1 : 0)
        Gauge(label: "greenroom_log_time_ahead_seconds").record(log.secondsAhead)
    }

    /// Of an instance without a loop.
    func text(openMetrics: Bool) -> [UInt8] { factory.exposition(openMetrics ? .openMetrics : .text) }

    private static func bytes(of path: String) -> Int64 {
        [path, path + "-wal"].reduce(0) { sum, file in
            let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int64
            return sum + (size ?? 0)
        }
    }
}
