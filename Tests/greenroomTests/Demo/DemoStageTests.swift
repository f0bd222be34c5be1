import Views
import Domain
import Testing

@testable import Demo
@testable import Inspection
@testable import Output

@Suite struct DemoStageTests {
    private func plan() -> DemoPlan {
        let trace = Trace(arrivals: [
            Arrival(atSeconds: 0, serviceSeconds: 1, actor: "ann"), Arrival(atSeconds: 1, serviceSeconds: 1, actor: "ann"),
            Arrival(atSeconds: 2, serviceSeconds: 1, actor: "bob"),
        ])
        return DemoPlan(trace: trace, speed: 1, durationSeconds: nil, seed: 1)
    }

    @Test func turnsAreAskedForWhenDueAndItIsOverWhenAllHaveEnded() async throws {
        let stage = DemoStage(plan())
        var log = Timeline()
        #expect(await stage.due(atSeconds: 0.5, limit: 10).map(\.actor) == ["ann"])
        // Ann is busy: her second turn is held.
        #expect(await stage.due(atSeconds: 3, limit: 10).map(\.actor) == ["bob"])
        #expect(await !stage.hasAskedForAll)
        log.add("worker.ready", "w", #"{"pool":"demo/agents","node":"n","slots":2}"#)
        for actor in ["ann", "bob"] {
            log.add("actor.requested", actor, #"{"pool":"demo/agents"}"#)
            log.add("actor.running", actor, #"{"worker":"w"}"#)
            log.add("actor.suspended", actor, #"{"worker":"w"}"#)
        }
        for event in log.events { await stage.apply(event) }
        #expect(await stage.due(atSeconds: 3, limit: 10).map(\.actor) == ["ann"])
        #expect(await stage.hasAskedForAll)
        #expect(await stage.turnsInFlight == 1)
        log.add("actor.requested", "ann", #"{"pool":"demo/agents"}"#)
        log.add("actor.running", "ann", #"{"worker":"w"}"#)
        log.add("worker.gone", "w", #"{"reason":"lost"}"#)
        for event in log.events { await stage.apply(event) }
        #expect(await stage.turnsInFlight == 0)
        // Not before the pools were seen at zero.
        #expect(await !stage.isOver)
        let pool: PoolView = try Samples.view(Samples.pool)
        await stage.apply([pool])
        #expect(await !stage.isOver)
        let idle: PoolView = try Samples.view(Samples.idlePool)
        await stage.apply([idle])
        #expect(await stage.isOver)
        let view = await stage.view()
        #expect((view.requests, view.turnsDone, view.killed) == (3, 2, 1))
    }

    @Test func theDriverPostsOnceAndTriesAgainWithTheSameIds() async throws {
        let stage = DemoStage(plan())
        let api = FlakyAPI(refusals: 2)
        let driver = DemoDriver(api: api, stage: stage, plan: plan(), source: "/test")
        let start = ContinuousClock.now - .seconds(0.5)
        let task = Task { try await driver.run(since: start) }
        for await count in api.counts where count == 3 { break }
        task.cancel()
        _ = await task.result
        let bodies = await api.bodies
        #expect(bodies[0] == bodies[2])
        let event = try #require(try JSONValue(parsing: bodies[0]).array.first)
        #expect(event["subject"] == .string("ann"))
        #expect(event["data"]["expectedMillis"] == .number("1000"))
        #expect(event["type"] == .string("dev.greenroom.actor.requested"))
    }

    @Test func aFrameShowsPoolsAndFitsTheScreen() async throws {
        let stage = DemoStage(plan())
        await stage.apply([try Samples.view(Samples.pool), try Samples.view(Samples.idlePool)])
        var log = Timeline()
        log.decide("demo/chat", from: 0, to: 3)
        await stage.apply(log.events[0])
        let screen = DemoScreen(url: "http://127.0.0.1:8080")
        let view = await stage.view()
        let lines = screen.frame(view, elapsedSeconds: 12, columns: 60).map { $0.text(width: 59, palette: Palette(isOn: false)) }
        #expect(lines.allSatisfy { DisplayText.width($0) <= 59 })
        #expect(lines.contains { $0.hasPrefix("chat") && $0.contains("████▒▒▒▒▒") && $0.contains("●●◌") })
        #expect(lines.contains { $0.contains("demo/chat") && $0.contains("0 → 3") })
        #expect(
            screen.line(view, elapsedSeconds: 12)
                == " 12 s  demand 9 (4 running, 5 waiting)  workers 2 ready, 1 starting, 0 draining, 3 desired  turns 0/3 done, 0 killed  restores 0 cold, 0 warm"
        )
    }
}

/// Refuses the first requests for now, and tells how many it got.
private actor FlakyAPI: ServiceAPI {
    nonisolated let url = "http://flaky"
    nonisolated let counts: AsyncStream<Int>
    private let continuation: AsyncStream<Int>.Continuation
    private var refusals: Int
    private(set) var bodies: [[UInt8]] = []

    init(refusals: Int) {
        self.refusals = refusals
        (counts, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(16))
    }

    func send(_ request: APIRequest) async throws -> APIResponse {
        bodies.append(request.body)
        continuation.yield(bodies.count)
        refusals -= 1
        return refusals >= 0 ? APIResponse(status: 429, body: [], retryAfterSeconds: 0) : APIResponse(#"{"accepted":1}"#)
    }

    nonisolated func forEachLine(_ path: String, _ visit: ([UInt8]) async throws -> Bool) async throws {}
    func close() async {}
}
