import ControlLoop
import Domain
import Logging
import Telemetry
import Testing
import Views

@testable import Assembly
@testable import Inspection
@testable import Output
@testable import Machine

/// What the loop reports is counted under the name that says what it was, and under no other.
@Suite struct LoopMetricsTests {
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private struct Row: Sendable {
        var what: String
        var line: String
        var report: @Sendable (LoopMetrics) -> Void

        static let table = [
            Row(what: "a failed actuation", line: #"greenroom_actuation_failures_total{pool="ns/p"} 1"#) {
                $0.actuationFailed(pool: "ns/p", error: "no", attempt: 1)
            },
            Row(what: "a checkpoint that can't be saved", line: "greenroom_checkpoint_failures_total 1") {
                $0.couldNotSaveCheckpoint("no")
            },
            Row(what: "a log that can't be read", line: "greenroom_loop_read_failures_total 1") { $0.couldNotRead("no") },
            Row(what: "a worker that didn't start", line: #"greenroom_workers_gone_total{pool="ns/p",reason="failed_to_start"} 1"#) {
                $0.workerGone(pool: "ns/p", .failedToStart)
            },
            Row(what: "a claim that was served", line: #"greenroom_claims_served_total{launch="warm",pool="ns/p"} 1"#) {
                $0.claimServed(pool: "ns/p", .warm, seconds: nil)
            },
            Row(what: "a decision", line: #"greenroom_decisions_total{direction="up",pool="ns/p",reason="x"} 1"#) {
                $0.decided(pool: "ns/p", direction: .up, reason: "x")
            },
        ]
    }

    @Test func whatPodsSayIsCountedWherePodsAreAsked() throws {
        let factory = PrometheusMetrics(seriesLimit: 1_000, process: nil, logger: quiet)
        let metrics = LoopMetrics(logger: quiet, factory: factory)
        func lines() -> [Substring] {
            String(decoding: factory.exposition(.text), as: UTF8.self).split(separator: "\n").filter {
                $0.hasPrefix("greenroom_pool_reported_workers{")
            }
        }
        metrics.show([try Samples.view(Samples.pool)])
        #expect(lines().isEmpty)
        let reports = #","busyReports":{"from":"a","intervalSeconds":1,"busy":2,"idle":0,"unknown":1,"unasked":4,"longest":[]}}"#
        metrics.show([try Samples.view(Samples.pool.dropLast() + reports)])
        #expect(lines().map { $0.suffix(3) }.sorted() == [#"} 0"#, #"} 1"#, #"} 2"#])
        #expect(lines().contains { $0.contains(#"state="unknown""#) && $0.hasSuffix(" 1") })
    }

    @Test func whatWasCountedOfADeletedPoolGoesAwayAndComesBackWithIt() throws {
        let factory = PrometheusMetrics(seriesLimit: 1_000, process: nil, logger: quiet)
        let metrics = LoopMetrics(logger: quiet, factory: factory)
        let view: PoolView = try Samples.view(Samples.pool)
        let name = "\(view.namespace)/\(view.name)"
        func count(_ pool: String) -> Int {
            String(decoding: factory.exposition(.text), as: UTF8.self).split(separator: "\n").count { $0.contains("pool=\"\(pool)\"") }
        }
        func report(_ pool: String) {
            metrics.decided(pool: pool, direction: .up, reason: "x")
            metrics.decided(shadow: "s", of: pool, direction: .up, reason: "x")
            metrics.placed(pool: pool, tier: .warm, waitedSeconds: 1)
            metrics.workerStarted(pool: pool, seconds: 1)
            metrics.actuationFailed(pool: pool, error: "no", attempt: 1)
            metrics.workerGone(pool: pool, .failedToStart)
            metrics.actorCrashed(pool: pool)
            metrics.claimServed(pool: pool, .warm, seconds: 1)
        }
        metrics.show([view])
        let shown = count(name)
        #expect(shown > 10)
        report(name)
        report("ns/new")
        let new = count("ns/new")
        #expect(count(name) == shown + new)
        metrics.show([])
        #expect(count(name) == 0)
        #expect(count("ns/new") == new, "a pool that was never shown may be new")
        metrics.show([view])
        report(name)
        #expect(count(name) == shown + new)
    }

    @Test(arguments: Row.table)
    private func each(_ row: Row) {
        let factory = PrometheusMetrics(seriesLimit: 1_000, process: nil, logger: quiet)
        row.report(LoopMetrics(logger: quiet, factory: factory))
        let counted = String(decoding: factory.exposition(.text), as: UTF8.self).split(separator: "\n").filter {
            !$0.hasPrefix("#") && !$0.hasSuffix(" 0")
        }
        #expect(counted == [row.line[...]], "\(row.what)")
    }
}
