package import Logging
package import Telemetry
import ControlLoop
import Domain
import EventLog
import Foundation
import Metrics

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
        loop.show(await plane.pools())
        Gauge(label: "greenroom_log_bytes").record(Self.bytes(of: log.path))
        let health = log.health
        if let free = health.diskFreeBytes { Gauge(label: "greenroom_log_disk_free_bytes").record(free) }
        Gauge(label: "greenroom_log_writable").record(health.isWritable ? 1 : 0)
        Gauge(label: "greenroom_log_time_ahead_seconds").record(log.secondsAhead)
        return text(openMetrics: openMetrics)
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
