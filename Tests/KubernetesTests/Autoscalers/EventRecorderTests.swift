import Domain
import KubernetesTwin
import Testing
import TestSupport

@testable import Kubernetes

@Suite struct EventRecorderTests {
    private static let object = KubernetesObject([
        "apiVersion": "greenroom.dev/v1", "kind": "WorkerPoolAutoscaler",
        "metadata": ["name": "pool", "namespace": "ns", "uid": "u1", "resourceVersion": "5"],
    ])

    private func run(
        _ limits: EventRecorder.Limits = .init(),
        _ body: (KubernetesTwin, EventRecorder, ManualClock, Recorder<String>) async throws -> Void
    ) async throws {
        let twin = try await KubernetesTwin.start()
        let clock = ManualClock()
        let client = try twin.client(clock: clock.clock)
        let dropped = Recorder<String>()
        let recorder = EventRecorder(
            client, limits: limits, wallClock: { LogTime(microseconds: 1_000_000) }, dropped: { dropped.add("\($0) \($1)") })
        let running = Task { await recorder.run() }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(twin, recorder, clock, dropped)) } catch { outcome = .failure(error) }
        running.cancel()
        await running.value
        await client.close()
        await twin.stop()
        try outcome.get()
    }

    private func events(_ twin: KubernetesTwin) -> [String] {
        twin.objects(.coreEvents, "ns").map {
            "\($0["type"].string ?? "") \($0["reason"].string ?? "") ×\($0["count"].int ?? 0) \($0["message"].string ?? "")"
        }.sorted()
    }

    @Test("the same reason is one Event: written at once, then no sooner than every ten seconds, with all that came meanwhile")
    func aggregated() async throws {
        try await run { twin, recorder, clock, _ in
            recorder.tell(ObjectNews(.normal, "ScaledUp", "0 → 1"), of: Self.object)
            try await eventually("the first") { events(twin) == ["Normal ScaledUp ×1 0 → 1"] }
            for k in 2...40 { recorder.tell(ObjectNews(.normal, "ScaledUp", "\(k - 1) → \(k)"), of: Self.object) }
            recorder.tell(ObjectNews(.warning, "ScaleFailed", "refused"), of: Self.object)
            try await eventually("another reason at once") {
                events(twin) == ["Normal ScaledUp ×1 0 → 1", "Warning ScaleFailed ×1 refused"]
            }
            try await eventually("all of them", within: .seconds(30)) {
                clock.advance(.seconds(10))
                return events(twin) == ["Normal ScaledUp ×40 39 → 40", "Warning ScaleFailed ×1 refused"]
            }
            #expect(twin.requests.count { $0.method != "GET" } == 3)
            let event = try #require(twin.objects(.coreEvents, "ns").first { $0["reason"].string == "ScaledUp" })
            #expect(event["involvedObject"]["uid"].string == "u1" && event["involvedObject"]["kind"].string == "WorkerPoolAutoscaler")
        }
    }

    @Test("an Event that the server doesn't take is dropped and counted, and the next one is written")
    func dropped() async throws {
        try await run { twin, recorder, _, dropped in
            twin.inject(TwinFault(.respond(status: 500), times: 1))
            recorder.tell(ObjectNews(.normal, "ScaledUp", "a"), of: Self.object)
            try await eventually("counted") { dropped.values.count == 1 }
            recorder.tell(ObjectNews(.normal, "ScaledUp", "b"), of: Self.object)
            try await eventually("the next") { events(twin) == ["Normal ScaledUp ×1 b"] }
        }
    }

    @Test("an Event that the server forgot is made anew")
    func forgotten() async throws {
        try await run { twin, recorder, clock, _ in
            recorder.tell(ObjectNews(.normal, "ScaledUp", "a"), of: Self.object)
            try await eventually("the first") { twin.objects(.coreEvents, "ns").count == 1 }
            for event in twin.objects(.coreEvents, "ns") { twin.delete(.coreEvents, "ns", event.name) }
            recorder.tell(ObjectNews(.normal, "ScaledUp", "b"), of: Self.object)
            try await eventually("anew") {
                clock.advance(.seconds(10))
                return events(twin) == ["Normal ScaledUp ×1 b"]
            }
        }
    }

    @Test("what finds no room is dropped and counted; nobody waits")
    func bounded() async throws {
        var limits = EventRecorder.Limits()
        limits.pending = 2
        try await run(limits) { twin, recorder, _, dropped in
            // The first is under way and gets no answer.
            twin.inject(TwinFault(.hang, times: nil))
            for k in 0..<50 { recorder.tell(ObjectNews(.normal, "Reason\(k)", ""), of: Self.object) }
            #expect(dropped.values.count >= 47)
            twin.cutConnections()
        }
    }
}
