import Domain
import Foundation
import GRPCCore
import SubstrateTwin
import TestSupport
import Testing

@testable import SubstrateGateway

@Suite("Resumes through the gateway")
struct ResumeTests {
    private static func key(_ id: String) -> ActorKey { ActorKey(atespace: "team-a", id: id) }

    @Test("a free worker is taken at once, and the log says who runs where")
    func atOnce() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            let response = try await stage.resume("a0")
            #expect(response.code == 0 && response.trailers.contains("x-server-elapsed-us"))
            #expect(try Ateapi_ResumeActorResponse(serializedBytes: response.message).actor.status == .running)
            try await eventually("the log has it") { await stage.logged("a0")?.worker == "w-0" }
            let view = try #require(await stage.logged("a0"))
            #expect(view.status == "STATUS_RUNNING" && view.version == 3 && view.pool == "pool-a" && view.template == "demo/counter")
            #expect(try stage.events(.actorRequested, of: "a0") == 0)
        }
    }

    @Test("an actor on a worker that the log doesn't know yet holds that worker's slot once it does")
    func unknownWorker() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            #expect(try await stage.resume("a0").code == 0)
            try await eventually("its slot is taken") {
                await stage.loop.workers(pool: nil, after: nil, limit: 10).map(\.actors) == [["team-a/a0"]]
            }
            _ = try await stage.call(
                "SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = GatewayStage.resumeRequest("a0").actorRef })
            try await eventually("its slot is free") { await stage.loop.workers(pool: nil, after: nil, limit: 10).map(\.actors) == [[]] }
        }
    }

    @Test("without a free worker it is parked, counted, and resumed once one comes")
    func parked() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            async let response = stage.resume("a0")
            try await eventually("parked") { await stage.isParked("a0") }
            #expect(await stage.loop.pool("demo/pool-a")?.demand.total == 1)
            stage.twin.addWorkers(1)
            #expect(try await response.code == 0)
            try await eventually("the log has it") { await stage.logged("a0")?.status == "STATUS_RUNNING" }
            #expect(try stage.events(.actorRequested, of: "a0") == 1)
        }
    }

    @Test("after parkSeconds the caller hears what ateapi said, and the log knows that it left")
    func expires() async throws {
        try await GatewayStage.run(configure: { settings, _ in settings.parkSeconds = 0.5 }) { stage in
            stage.twin.seed(actors: 1)
            let began = ContinuousClock.now
            let response = try await stage.resume("a0")
            #expect(response.code == 9 && response.text == "no free workers available" && response.trailers.contains("x-server-elapsed-us"))
            #expect(ContinuousClock.now - began >= .milliseconds(450))
            try await eventually("withdrawn") { await stage.logged("a0")?.status == "STATUS_SUSPENDED" }
            #expect(try stage.events(.actorWithdrawn, of: "a0") == 1)
        }
    }

    @Test("a caller's deadline comes first: it hears what ateapi said, just before")
    func deadline() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            // The gateway alone knows this deadline: a client that holds to it too can miss the last tenth on a busy machine.
            let began = ContinuousClock.now
            let response = try await stage.resume("a0", metadata: ["grpc-timeout": "1S"])
            #expect(response.code == 9 && response.text == "no free workers available")
            #expect(ContinuousClock.now - began >= .milliseconds(800))
        }
    }

    @Test("a caller that leaves while it is parked is withdrawn; a resume on its way is not cancelled with its caller")
    func leaves() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 2)
            let parked = Task { try await stage.resume("a0") }
            try await eventually("parked") { await stage.isParked("a0") }
            parked.cancel()
            _ = await parked.result
            try await eventually("withdrawn") { await stage.logged("a0")?.status == "STATUS_SUSPENDED" }

            stage.twin.addWorkers(1)
            stage.twin.behave { $0.restore = .milliseconds(400) }
            let leaving = Task { try await stage.resume("a1") }
            try await eventually("on its way") { stage.status("a1") == .resuming }
            leaving.cancel()
            _ = await leaving.result
            try await eventually("it runs all the same") { stage.status("a1") == .running }
            try await eventually("the log has it") { await stage.logged("a1")?.status == "STATUS_RUNNING" }
        }
    }

    @Test("calls for one actor are one resume upstream")
    func joined() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            stage.twin.behave { $0.restore = .milliseconds(200) }
            let codes = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<20 { group.addTask { try await stage.resume("a0").code } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes == Array(repeating: 0, count: 20))
            #expect(stage.twin.count("ResumeActor") == 1)
        }
    }

    @Test("nobody hears of another's resume without a credential that ateapi takes")
    func credentials() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            stage.twin.behave {
                $0.restore = .milliseconds(400)
                $0.token = "good"
            }
            async let first = stage.resume("a0", metadata: ["authorization": "Bearer good"])
            try await eventually("on its way") { stage.status("a0") == .resuming }
            let none = try await stage.resume("a0")
            #expect(none.code == 16 && none.text == "missing bearer token")
            let bad = try await stage.resume("a0", metadata: ["authorization": "Bearer bad"])
            #expect(bad.code == 16)
            #expect(try await first.code == 0)
        }
    }

    @Test("one worker after another: the queue's order is kept, and none is tried in a herd")
    func order() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 12)
            stage.twin.addWorkers(1)
            #expect(try await stage.resume("a0").code == 0)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1..<12 {
                    group.addTask { try await stage.resume("a\(number)").code }
                    try await eventually("a\(number) is parked") { await stage.isParked("a\(number)") }
                }
                for number in 0..<11 {
                    _ = try await stage.call(
                        "SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = GatewayStage.resumeRequest("a\(number)").actorRef })
                    try await eventually("a\(number + 1) runs") { stage.status("a\(number + 1)") == .running }
                }
                for try await code in group { #expect(code == 0) }
            }
            #expect(stage.twin.read { $0.resumed }.map(\.id) == (0..<12).map { "a\($0)" })
            #expect(stage.twin.read { $0.doubleClaims } == 0)
            // Each was refused once when it came, and at most now and then since.
            #expect(stage.twin.count("ResumeActor") <= 12 + 11 + 30, "\(stage.twin.count("ResumeActor"))")
        }
    }

    @Test("a resume that failed half way is told, and tried again until it runs")
    func halfWay() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            stage.twin.behave {
                $0.restoreFaults = [Self.key("a0"): [.init(14, "runsc exploded"), .init(13, "internal server error: again")]]
            }
            let response = try await stage.resume("a0")
            #expect(response.code == 14 && response.text == "runsc exploded")
            try await eventually("it is healed") { stage.status("a0") == .running }
            try await eventually("the log has it") { await stage.logged("a0")?.status == "STATUS_RUNNING" }
        }
    }

    @Test("an error of the node's agent that is worded like a refusal parks nobody")
    func lookalike() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            stage.twin.behave { $0.restoreFaults = [Self.key("a0"): [.noFreeWorker]] }
            let response = try await stage.resume("a0")
            #expect(response.code == 9 && response.text == "no free workers available")
            #expect(try stage.events(.actorRequested, of: "a0") == 0)
            try await eventually("it is healed") { stage.status("a0") == .running }
        }
    }

    @Test("where no pool fits, nobody waits")
    func noPool() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(pools: [], actors: 1)
            let response = try await stage.resume("a0")
            #expect(response.code == 9 && response.text == ResumeVerdict.noEligiblePoolText)
            try await eventually("whoever asks about it hears why") { stage.board.trouble(of: "team-a/a0")?.state == "no_eligible_pool" }
            stage.twin.change { $0.pools["demo/pool-a"] = .init(name: "demo/pool-a", sandboxClass: "gvisor", labels: ["tier": "cpu"]) }
            stage.twin.addWorkers(1)
            #expect(try await stage.resume("a0").code == 0)
            #expect(stage.board.trouble(of: "team-a/a0") == nil)
            #expect(try await stage.resume("nobody").text == "Actor nobody not found")
        }
    }

    @Test("a paused actor waits for its own node")
    func pausedOnNode() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 2)
            stage.twin.addWorkers(1, node: "node-a", prefix: "on-a")
            #expect(try await stage.resume("a0").code == 0)
            _ = try await stage.call(
                "PauseActor", Ateapi_PauseActorRequest.with { $0.actorRef = GatewayStage.resumeRequest("a0").actorRef })
            #expect(try await stage.resume("a1").code == 0)
            async let response = stage.resume("a0")
            try await eventually("parked") { await stage.isParked("a0") }
            stage.twin.addWorkers(2, node: "node-b", prefix: "on-b")
            try await eventually("the log knows them") { await stage.loop.workers(pool: nil, after: nil, limit: 10).count == 3 }
            #expect(stage.status("a0") == .paused)
            _ = try await stage.call(
                "SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = GatewayStage.resumeRequest("a1").actorRef })
            #expect(try await response.code == 0)
            #expect(stage.twin.read { $0.actors[Self.key("a0")]?.ateomPodName } == "on-a-0")
        }
    }

    @Test("a paused actor whose node has no worker any more is placed nowhere else, and says why it waits")
    func pausedOnGoneNode() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 2)
            stage.twin.addWorkers(1, node: "node-a", prefix: "on-a")
            #expect(try await stage.resume("a0").code == 0)
            _ = try await stage.call(
                "PauseActor", Ateapi_PauseActorRequest.with { $0.actorRef = GatewayStage.resumeRequest("a0").actorRef })
            stage.twin.change { $0.remove(pod: "demo/on-a-0") }
            async let response = stage.resume("a0")
            try await eventually("parked") { await stage.isParked("a0") }
            stage.twin.addWorkers(1, node: "node-b", prefix: "on-b")
            try await eventually("the log knows it alone") {
                await stage.loop.workers(pool: nil, after: nil, limit: 10).map(\.name) == ["on-b-0"]
            }
            try await eventually("it says so") { await stage.logged("a0")?.reason == "node_locality" }
            // Maybe on the node's last worker, before the log knew that it is gone.
            let placed = try stage.events(.actorPlaced, of: "a0")
            // Whoever isn't bound to a node has the worker, in the log as upstream.
            #expect(try await stage.resume("a1").code == 0)
            try await eventually("the log has it") { await stage.logged("a1")?.worker == "on-b-0" }
            #expect(try stage.events(.actorPlaced, of: "a0") == placed)
            #expect(await stage.logged("a0")?.reason == "node_locality")
            stage.twin.addWorkers(1, node: "node-a", prefix: "again")
            #expect(try await response.code == 0)
        }
    }

    @Test("one that runs in the log and was suspended beside the gateway asks all the same: its worker's slot is free")
    func suspendedBeside() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 2)
            stage.twin.addWorkers(1)
            #expect(try await stage.resume("a0").code == 0)
            let ref = GatewayStage.resumeRequest("a0").actorRef
            _ = try await stage.call("SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = ref }, on: stage.direct)
            _ = try await stage.call("ResumeActor", GatewayStage.resumeRequest("a1"), on: stage.direct)
            async let response = stage.resume("a0")
            // It waits, or was placed on the worker that the log takes for free.
            try await eventually("its request counts") { await stage.isParked("a0") }
            stage.twin.addWorkers(1, prefix: "v")
            #expect(try await response.code == 0)
        }
    }

    @Test("one that was placed on a worker which is lost asks anew: it is demand while its caller is parked")
    func placedOnLost() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 1)
            async let response = stage.resume("a0")
            try await eventually("parked") { await stage.isParked("a0") }
            // The log knows a worker that ateapi doesn't: it is gone there once two lists in a row lack it.
            var batch = EventBatch()
            batch.append(
                .workerReady, source: "/test", id: "ghost", subject: "demo/ghost", pool: "demo/pool-a",
                body: Array(#"{"node":"n","slots":1}"#.utf8))
            _ = try await stage.log.append(batch)
            do {
                try await eventually("placed, and asked anew") {
                    try stage.events(.actorPlaced, of: "a0") == 1 && stage.events(.actorRequested, of: "a0") == 2
                }
            } catch {
                Issue.record("\(try stage.history(of: ["a0"]).joined(separator: "\n"))")
                throw error
            }
            try await eventually("it waits") { await stage.logged("a0")?.status == "STATUS_WAITING" }
            stage.twin.addWorkers(1)
            #expect(try await response.code == 0)
        }
    }

    @Test("what suspends, pauses, creates and deletes is in the log with its snapshot, node and version")
    func lifecycle() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed()
            stage.twin.addWorkers(1)
            let ref = GatewayStage.resumeRequest("s").actorRef
            let created = try await stage.call(
                "CreateActor",
                Ateapi_CreateActorRequest.with {
                    $0.actorRef = ref
                    $0.actorTemplateNamespace = "demo"
                    $0.actorTemplateName = "counter"
                })
            #expect(created.code == 0)
            try await eventually("created") { await stage.logged("s")?.version == 1 }
            #expect(try await stage.resume("s").code == 0)
            _ = try await stage.call("PauseActor", Ateapi_PauseActorRequest.with { $0.actorRef = ref })
            try await eventually("paused") { await stage.logged("s")?.status == "STATUS_PAUSED" }
            #expect(await stage.logged("s")?.version == 5)
            #expect(try await stage.resume("s").code == 0)
            _ = try await stage.call("SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = ref })
            try await eventually("suspended") { await stage.logged("s")?.status == "STATUS_SUSPENDED" }
            #expect(await stage.logged("s")?.snapshot?.hasPrefix("gs://snapshots/demo/counter/s/") == true)
            _ = try await stage.call("DeleteActor", Ateapi_DeleteActorRequest.with { $0.actorRef = ref })
            try await eventually("deleted") { await stage.logged("s") == nil }
        }
    }

    @Test("ateapi is killed and comes back: parked callers stay, and what was cut is made good")
    func restarted() async throws {
        try await GatewayStage.run { stage in
            stage.twin.seed(actors: 2)
            async let parked = stage.resume("a0")
            try await eventually("parked") { await stage.isParked("a0") }
            stage.twin.addWorkers(1, prefix: "first")
            #expect(try await parked.code == 0)
            stage.twin.addWorkers(1, prefix: "second")
            stage.twin.behave { $0.restore = .seconds(5) }
            async let cut = stage.resume("a1")
            try await eventually("on its way") { stage.status("a1") == .resuming }
            await stage.twin.kill()
            #expect(try await cut.code == 14)
            stage.twin.behave { $0.restore = .milliseconds(10) }
            try await stage.twin.start()
            try await eventually("it is healed") { stage.status("a1") == .running }
        }
    }

    @Test("what the last run left half resumed is found and healed")
    func leftBehind() async throws {
        try await GatewayStage.run(configure: { settings, _ in settings.reconcileSeconds = 5 }) { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            _ = try? stage.twin.change { store in
                _ = try store.beginResume(GatewayStage.resumeRequest("a0").actorRef)
                _ = try store.endResume(Self.key("a0"), fault: .init(1, "context canceled"))
            }
            #expect(stage.status("a0") == .resuming)
            try await eventually("it is healed") { stage.status("a0") == .running }
            try await eventually("the log has it") { await stage.logged("a0")?.status == "STATUS_RUNNING" }
        }
    }

    @Test("ateapi that asks for a client's certificate, and for a token: the gateway has its own of both")
    func credentialsOfItsOwn() async throws {
        try await GatewayStage.run(
            twin: {
                $0.requiresClientCertificate = true
                $0.token = "own"
            },
            configure: { settings, folder in
                try? Data("own\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/token"))
                settings.upstream.bundleFile = "\(folder)/client.pem"
                settings.upstream.tokenFile = "\(folder)/token"
                settings.reconcileSeconds = 5
            }
        ) { stage in
            stage.twin.seed(actors: 1)
            stage.twin.addWorkers(1)
            _ = try? stage.twin.change { store in
                _ = try store.beginResume(GatewayStage.resumeRequest("a0").actorRef)
                _ = try store.endResume(Self.key("a0"), fault: .init(1, "context canceled"))
            }
            try await eventually("it is healed with the gateway's own token") { stage.status("a0") == .running }
            #expect(try await stage.resume("a0").code == 16)
            #expect(try await stage.resume("a0", metadata: ["authorization": "Bearer own"]).code == 0)
        }
    }

    @Test("without the certificate that ateapi asks for, callers hear that it can't be reached")
    func refusedByTLS() async throws {
        try await GatewayStage.run(twin: { $0.requiresClientCertificate = true }) { stage in
            let response = try await stage.call("ListWorkers", Ateapi_ListWorkersRequest())
            #expect(response.code == 14, "\(response)")
        }
    }

    @Test("parked resumes that are released at once: the time until all run, beside ateapi's own time for as many")
    func released() async throws {
        let count = ProcessInfo.processInfo.environment["GREENROOM_GATEWAY_PARKED"].flatMap { Int($0) } ?? 200
        try await GatewayStage.run { stage in
            stage.twin.seed(atespaces: ["team-a", "own"], actors: count)
            stage.twin.behave { $0.restore = .milliseconds(50) }
            let calls = Task {
                try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<count { group.addTask { try await stage.resume("a\(number)").code } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            try await eventually("all are parked", within: .seconds(120)) { await stage.loop.pool("demo/pool-a")?.demand.waiting == count }
            let before = stage.twin.count("ResumeActor")
            let began = ContinuousClock.now
            stage.twin.addWorkers(count)
            let codes = try await calls.value
            let took = ContinuousClock.now - began
            #expect(codes.count == count && codes.allSatisfy { $0 == 0 })
            let tries = stage.twin.count("ResumeActor") - before
            #expect(stage.twin.read { $0.doubleClaims } == 0 && Set(stage.twin.read { $0.resumed }).count == count)
            // Mostly one try each: the probes before the workers were known, and their refusals, are few.
            #expect(tries <= count + count / 10 + 20, "\(tries)")

            stage.twin.seed(pools: ["demo/pool-b"])
            for number in 0..<count {
                _ = try? stage.twin.change { store in
                    _ = try store.create(
                        .with {
                            $0.actorRef.atespace = "own"
                            $0.actorRef.name = "b\(number)"
                            $0.actorTemplateNamespace = "demo"
                            $0.actorTemplateName = "counter"
                        })
                }
            }
            stage.twin.addWorkers(count, pool: "demo/pool-b", prefix: "b")
            let ownBegan = ContinuousClock.now
            try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<count {
                    group.addTask {
                        try await stage.call("ResumeActor", GatewayStage.resumeRequest("b\(number)", "own"), on: stage.direct).code
                    }
                }
                for try await code in group { #expect(code == 0) }
            }
            print(
                "*** MEASURED: \(count) parked resumes released by \(count) workers (debug build): \(took), tries \(tries); as many directly: \(ContinuousClock.now - ownBegan)"
            )
        }
    }
}
