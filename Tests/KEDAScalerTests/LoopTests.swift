import Autoscaling
import ControlLoop
import Views
import Domain
import EventLog
import Foundation
import Testing

@testable import KEDAScaler

// The scaler over a real loop on a real log: what KEDA hears follows what was committed.

@Suite("KEDA and the loop", .timeLimit(.minutes(2)))
struct LoopTests {
    private func withLoop<Response: Sendable>(_ body: (ControlLoop, EventLog) async throws -> Response) async throws -> Response {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-keda-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = try EventLog.open(EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path))
        defer { log.close() }
        let loop = ControlLoop(
            log: log, scheduler: RealScheduler(clock: EventLog.systemClock),
            configuration: ControlLoop.Configuration(fence: Fence(1), actuators: [:]))
        await loop.start()
        let response = await Result { try await body(loop, log) }
        await loop.stop()
        return try response.get()
    }

    private func policy(slots: Int = 1) -> Policy {
        var policy = Policy(pool: "ns/p", target: ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "p"))
        policy.mode = .recommend
        policy.slotsPerWorker = slots
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000 * Int64(slots))]
        return policy
    }

    @Sendable private static func send(_ kind: EventKind, _ actor: String, _ id: String, to log: EventLog) async throws {
        var batch = EventBatch()
        batch.append(kind, source: "/test", id: id, subject: actor, pool: "ns/p", body: Array(#"{"pool":"ns/p"}"#.utf8))
        _ = try await log.append(batch)
    }

    @Test func `demand activates, recommends and rests; a policy changes the specs`() async throws {
        try await withLoop { loop, log in
            _ = try await loop.apply(policy())
            try await ScalerHarness.run(loop) { scaler async throws in
                let stream = OpenStream.isActive(scaler.client, .of("p"))
                var answers = stream.answers.makeAsyncIterator()
                #expect(await answers.next() == false)
                try await Self.send(.actorRequested, "a", "1", to: log)
                #expect(await answers.next() == true)
                #expect(try await scaler.client.isActive(.of("p")).result)
                #expect(try await scaler.client.getMetrics(.of(.of("p"), "greenroom_queue_depth")).metricValues.map(\.metricValue) == [1])
                try await Self.send(.actorWithdrawn, "a", "2", to: log)
                #expect(await answers.next() == false)
                stream.close()

                let specs = OpenStream.specs(scaler.client, .of("p", ["metric": "demand"]))
                var changes = specs.answers.makeAsyncIterator()
                #expect(await changes.next()?.metricSpecs.map(\.targetSize) == [1])
                _ = try await loop.apply(policy(slots: 3))
                #expect(await changes.next()?.metricSpecs.map(\.targetSize) == [3])
                specs.close()
            }
        }
    }

    @Test func `a stream of a pool that is still to come hears of its first event`() async throws {
        try await withLoop { loop, log in
            let (changes, feed) = AsyncStream.makeStream(of: PoolSummary.self, bufferingPolicy: .bufferingNewest(100))
            await #expect(throws: ControlFault.self) { try await loop.watch(pool: "ns/p") { _ in } }
            let watch = try await loop.watch(pool: "ns/p", mayComeLater: true) { feed.yield($0) }
            let other = try await loop.watch(pool: "ns/q", mayComeLater: true) { _ in Issue.record("nothing happens there") }
            try await Self.send(.actorRequested, "a1", "r1", to: log)
            for await summary in changes where summary.waiting == 1 { break }
            try await Self.send(.actorRequested, "a2", "r2", to: log)
            for await summary in changes where summary.waiting == 2 { break }
            watch.cancel()
            other.cancel()
        }
    }

    @Test func `what a recommending policy wants is desired though nothing follows it`() async throws {
        try await withLoop { loop, log in
            _ = try await loop.apply(policy())
            try await ScalerHarness.run(loop) { scaler async throws in
                let object = Externalscaler_ScaledObjectRef.of("p")
                let (changes, feed) = AsyncStream.makeStream(of: PoolSummary.self, bufferingPolicy: .bufferingNewest(100))
                let watch = try await loop.watch(pool: "ns/p") { feed.yield($0) }
                for number in 1...3 { try await Self.send(.actorRequested, "a\(number)", "r\(number)", to: log) }
                for await summary in changes where summary.policy?.desired == 3 { break }
                watch.cancel()
                #expect(try await scaler.client.getMetrics(.of(object, "greenroom_desired_workers")).metricValues.map(\.metricValue) == [3])
            }
        }
    }
}
