import Foundation
import KubernetesTwin
import Testing

@testable import Machine

// Two whole services, one log, one lease: who acts when the leader dies, is cut off, or is suspended?
//
// FAILOVER_RUNS repeats the first; `make failover-test` does.

@Suite(.serialized) struct ElectedServiceTests {
    private static let actors = 120
    private static let perRequest = 2
    private static var runs: Int { ProcessInfo.processInfo.environment["FAILOVER_RUNS"].flatMap { Int($0) } ?? 1 }

    @Test(.timeLimit(.minutes(60)))
    func
        `the leader is killed in the middle of a burst: nothing acknowledged is lost, nothing is decided twice, and the standby leads within the lease's duration`()
        async throws
    {
        for run in 1...Self.runs {
            try await ElectionStage.run { stage in
                let killAt = 10 + (run * 7) % 35
                let takeover = try await burst(on: stage, killingAlphaAfter: killAt)
                print("MEASURED run \(run): killed after \(killAt) requests, the standby acts \(takeover)")
                // The last renewal came before the kill; what comes on top is noticing, opening the log, and a busy machine.
                #expect(takeover < .seconds(ElectionStage.leaseSeconds + 4))
                #expect(stage.transitions == 1)

                // The old one comes back, and is the standby.
                try stage.alpha.start()
                try await stage.wait("alpha stands by") { await stage.alpha.lead().contains("the leader is beta_") }
                #expect(await stage.alpha.get("/livez")?.status == 200)
                #expect(await stage.alpha.get("/readyz")?.status == 503)
                let refused = try #require(await stage.alpha.query(ElectionStage.request(0..<1)))
                #expect(refused.status == 503 && refused.retryAfterSeconds != nil)
                #expect(String(decoding: refused.body, as: UTF8.self).contains("the leader is beta_"))
                #expect(await stage.alpha.get("/v1/pools")?.status == 503)
                for (instance, value) in [(stage.alpha, "0"), (stage.beta, "1")] {
                    let metrics = await instance.get("/metrics").map { String(decoding: $0.body, as: UTF8.self) } ?? ""
                    #expect(
                        metrics.contains("greenroom_leader \(value)\n") && metrics.contains("greenroom_lease_transitions 1\n"),
                        "\(instance.name)")
                }

                try await stage.wait("a worker an actor") { stage.replicas == Self.actors }
                try await stage.wait("all is applied") {
                    (try? await stage.events("scale.applied"))?.last?.data["to"].integer == Int64(Self.actors)
                }
                #expect(stage.fences == [0, 1])
                // All of alpha's changes come before all of beta's.
                let writers = stage.writes.map(\.by)
                #expect(writers == writers.sorted())
                #expect(await stage.alpha.stop() == 0)
                #expect(await stage.beta.stop() == 0)
                #expect(stage.holder == "")
                #expect(!stage.beta.log.contains("no longer leads"))
                try await stage.checkLog(actors: Self.actors)
            }
        }
    }

    /// All requests, one after another; how long after the kill the other acted.
    private func burst(on stage: ElectionStage, killingAlphaAfter count: Int) async throws -> Duration {
        let (killed, acts) = (Locked<ContinuousClock.Instant?>(nil), Locked<ContinuousClock.Instant?>(nil))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for k in 0..<(Self.actors / Self.perRequest) {
                if k == count {
                    group.addTask {
                        stage.alpha.signal(SIGKILL)
                        killed.value = .now
                        try await stage.wait("beta acts") { await stage.beta.isReady() }
                        acts.value = .now
                    }
                }
                try await stage.send(ElectionStage.request(k * Self.perRequest..<(k + 1) * Self.perRequest))
            }
            try await group.waitForAll()
        }
        return try #require(acts.value, "\(stage.beta.log)") - #require(killed.value)
    }

    @Test(.timeLimit(.minutes(5)))
    func `a leader cut off from the API server is still before another may take its lease, and stands by once it is back`() async throws {
        try await ElectionStage.run { stage in
            try await stage.send(ElectionStage.request(0..<3))
            try await stage.wait("three workers") { stage.replicas == 3 }
            let alpha = "Bearer \(stage.alpha.token)"
            stage.twin.inject(TwinFault(.cut, times: nil) { $0.headers["authorization"] == alpha })
            stage.twin.cutConnections()
            // What it is told meanwhile it takes as long as it leads; it can't act on it.
            _ = await stage.alpha.query(ElectionStage.request(3..<5))
            try await stage.wait("beta takes the lease") { stage.holder == "beta" }
            // From here on nothing that alpha is asked to do is done.
            let late = await stage.alpha.query(ElectionStage.request(5..<6))
            #expect(late.map { $0.status == 503 } ?? true)
            try await stage.wait("beta acts") { await stage.beta.isReady() }
            try await stage.send(ElectionStage.request(3..<6))
            try await stage.wait("six workers") { stage.replicas == 6 }
            let taken = try #require(
                stage.twin.requests.firstIndex { $0.method == "PUT" && $0.path.contains("/leases/") && stage.isFrom(stage.beta, $0) })
            #expect(
                !stage.twin.requests[taken...].contains {
                    stage.isFrom(stage.alpha, $0) && $0.method != "GET" && !$0.path.contains("/leases")
                })

            stage.twin.heal()
            try await stage.wait("alpha stands by") { await stage.alpha.lead().contains("the leader is beta_") }
            #expect(stage.alpha.isRunning && stage.holder == "beta")
            #expect(await stage.beta.stop() == 0)
            // Given back, the lease is taken at once.
            try await stage.wait("alpha acts") { await stage.alpha.isReady() }
            #expect(await stage.alpha.stop() == 0)
            #expect(stage.fences == stage.fences.sorted())
            try await stage.checkLog(actors: 6)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a leader that was suspended and wakes deposed changes nothing in the cluster, appends nothing, and lets go of the log`()
        async throws
    {
        try await ElectionStage.run { stage in
            try await stage.send(ElectionStage.request(0..<3))
            try await stage.wait("three workers") { stage.replicas == 3 }
            try await stage.wait("all are placed") { (try? await stage.events("actor.placed"))?.count == 3 }
            stage.alpha.signal(SIGSTOP)
            let late = Task { await stage.alpha.query(ElectionStage.request(3..<5)) }
            try await stage.wait("beta takes the lease") { stage.holder == "beta" }
            // The file is alpha's while it has it, and beta says what to do about it.
            try await stage.wait("beta says who has the file") { await stage.beta.lead().contains("has it open for writing") }
            let (asked, logged) = (stage.twin.requests.count, try await stage.events().count)

            stage.alpha.signal(SIGCONT)
            // 503 where it is read before the server stops; or 408, because it took so long; or nothing. Never an acknowledgement.
            let response = await late.value
            #expect(
                (response?.status ?? 503) >= 400, "\(response.map { "\($0.status) \(String(decoding: $0.body, as: UTF8.self))" } ?? "")")
            try await stage.wait("beta acts") { await stage.beta.isReady() }
            try await stage.wait("alpha stands by") { await stage.alpha.lead().contains("the leader is beta_") }
            #expect(
                !stage.twin.requests[asked...].contains {
                    stage.isFrom(stage.alpha, $0) && $0.method != "GET" && !$0.path.contains("/leases")
                })
            // What was sent to alpha while it slept is in nobody's log.
            #expect(try await !stage.events().dropFirst(logged).contains { $0.source == "/agents" })
            try await stage.send(ElectionStage.request(3..<5))
            try await stage.wait("five workers") { stage.replicas == 5 }
            #expect(await stage.alpha.stop() == 0)
            #expect(await stage.beta.stop() == 0)
            try await stage.checkLog(actors: 5)
        }
    }
}
