import Domain
import EventLog
import Foundation
import TestSupport
import Testing

@testable import Assembly
@testable import Inspection
@testable import Output
@testable import Machine

// What a running service tells of itself: metrics, readiness, and what the routes show beside them.

@Suite("What a service tells of itself", .timeLimit(.minutes(3)))
struct MetricsServedTests {
    private func policy(_ name: String, _ spec: String) -> String {
        "apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {namespace: ns, name: \(name)}\nspec:\n  maxReplicaCount: 9\n"
            + spec.split(separator: "\n").map { "  \($0)\n" }.joined()
    }

    @Test("a pool that only recommends shows what it recommends")
    func recommends() async throws {
        let served = try Served()
        try await served.start()
        try await served.put(policy("shown", "mode: recommend\nscaleTargetRef: {kind: Process}"), "ns/shown")
        for id in ["a", "b", "c"] { try await served.request(id, pool: "ns/shown") }
        try await eventually("three are recommended") {
            try await served.metric("greenroom_pool_desired_workers", [#"pool="ns/shown""#]) == 3
        }
        #expect(try await served.metric("greenroom_pool_ready_workers", [#"pool="ns/shown""#]) == 0)
    }

    @Test("a target that can't be scaled counts as a failed actuation, and not as a decision")
    func actuations() async throws {
        let served = try Served()
        try await served.start()
        try await served.put(policy("lost", "scaleTargetRef: {apiVersion: example.com/v1, kind: Widget, name: w}"), "ns/lost")
        try await served.request("a", pool: "ns/lost")
        try await eventually("it failed") { try await served.metric("greenroom_actuation_failures_total", [#"pool="ns/lost""#]) ?? 0 >= 1 }
        try await eventually("each decision is counted, and nothing else") {
            let decided = try await served.text("/v1/events?kind=scale.decided&pool=ns/lost&limit=100").ranges(
                of: "dev.greenroom.scale.decided"
            ).count
            let counted = try await served.metric("greenroom_decisions_total", [#"pool="ns/lost""#])
            return decided > 0 && counted == Double(decided)
        }
    }

    @Test("workers that end before they are ready are counted as such")
    func failedStarts() async throws {
        let served = try Served { _ in "workers: {arguments: [\"--no-such-option\"]}" }
        try await served.start()
        try await served.put(policy("dying", "scaleTargetRef: {kind: Process}"), "ns/dying")
        try await served.request("a", pool: "ns/dying")
        try await eventually("three starts failed") {
            try await served.metric("greenroom_workers_gone_total", [#"pool="ns/dying""#, #"reason="failed_to_start""#]) ?? 0 >= 3
        }
        #expect(try await served.metric("greenroom_pool_condition", [#"pool="ns/dying""#, #"condition="WorkersFailing""#]) == 1)
    }

    @Test("workers that never register are told of, and hold up no stop")
    func unregistered() async throws {
        let served = try Served { _ in "workers: {arguments: [\"--server\", \"http://127.0.0.1:1\"]}" }
        try await served.start()
        try await served.put(policy("mute", "minReplicaCount: 3\nscaleTargetRef: {kind: Process}"), "ns/mute")
        try await eventually("they are missed", within: .seconds(60)) {
            try await served.text("/v1/pools/ns/mute").contains("isn't ready: the log hasn't heard of it")
        }
        try await eventually("so the pool isn't ready", within: .seconds(60)) {
            try await served.text("/v1/pools/ns/mute").contains(#""readyCondition":false"#)
        }
        served.signal(SIGTERM)
        try await served.ended(within: .seconds(8))
    }

    @Test("a tokens file that becomes faulty is shown until it is mended")
    func tokens() async throws {
        let reading = "0123456789abcdef0123456789abcdef"
        let good = "\(reading) read ops\n"
        func write(_ text: String, _ folder: URL) throws {
            let file = folder.appendingPathComponent("tokens")
            try text.write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        }
        let served = try Served { folder in
            try write(good, folder)
            return "tokens: tokens"
        }
        try await served.start()
        let gauge = "greenroom_tokens_file_faulty"
        #expect(try await served.metric(gauge, token: reading) == 0)
        try write(good + "what is this\n", served.folder)
        try await eventually("it is shown") { try await served.metric(gauge, token: reading) == 1 }
        try write(good, served.folder)
        try await eventually("it is over") { try await served.metric(gauge, token: reading) == 0 }
    }

    @Test("log time that runs ahead is told by metrics, readiness, pools and policies")
    func logTime() async throws {
        let served = try Served()
        var configuration = EventLog.Configuration(path: served.database)
        configuration.writer = .inline
        configuration.clock = { EventLog.systemClock().adding(seconds: 3_600) }
        let log = try EventLog.open(configuration)
        var batch = EventBatch()
        batch.append(.actorIdle, source: "/test", id: "1", subject: "a")
        _ = try await log.append(batch)
        log.close()
        try await served.start()
        try await served.put(policy("p", "mode: recommend\nscaleTargetRef: {kind: Process}"), "ns/p")
        let seconds = try #require(try await served.metric("greenroom_log_time_ahead_seconds"))
        #expect((3_000...3_600).contains(seconds))
        #expect(try await served.text("/readyz").contains("s ahead of the machine's clock, which was set back"))
        for path in ["/v1/pools", "/v1/pools/ns/p", "/v1/policies", "/v1/policies/ns/p"] {
            let text = try await served.text(path)
            let told = try #require(
                text.firstMatch(of: /"logTimeAheadSeconds":([0-9.]+)/).flatMap { Double($0.output.1) }, "\(path): \(text)")
            #expect((3_000...3_600).contains(told))
        }
    }
}
