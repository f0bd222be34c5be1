import Basics
import Domain
import Foundation
import Machine
import SubstrateTwin
import TestSupport
import Testing

@testable import SubstrateGateway

// Random steps, through the gateway and beside it, with pods that come and go and a node's agent that fails. Once all is quiet, the log says of
// every actor what ateapi says, and nobody is parked.

@Suite("Whatever happens, the log ends up saying what ateapi says")
struct OracleTests {
    private static let actors = 12

    /// `GREENROOM_ORACLE_SEEDS=100..<400 swift test --filter OracleTests` tries others.
    private static let seeds: Range<Int> = {
        let given = (ProcessInfo.processInfo.environment["GREENROOM_ORACLE_SEEDS"] ?? "").split(separator: "..<").compactMap { Int($0) }
        return given.count == 2 && given[0] < given[1] ? given[0]..<given[1] : 0..<12
    }()
    /// A seed waits most of its time: some run side by side.
    private static let atOnce = 6

    @Test("random steps")
    func random() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, seed) in Self.seeds.enumerated() {
                if number >= Self.atOnce { try await group.next() }
                group.addTask {
                    do { try await Self.run(seed) } catch { Issue.record("seed \(seed): \(error)") }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func run(_ seed: Int) async throws {
        try await GatewayStage.run(configure: { settings, _ in
            settings.reconcileSeconds = 5
            settings.parkSeconds = 3
        }) { stage in
            stage.twin.seed(actors: Self.actors)
            stage.twin.addWorkers(4)
            var random = SplitMix64(seed: UInt64(seed) &+ 77)
            var pods = 4
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<120 {
                    let id = "a\(random.next() % UInt64(Self.actors))"
                    let ref = GatewayStage.resumeRequest(id).actorRef
                    let client = random.next() % 4 == 0 ? stage.direct : stage.client
                    switch random.next() % 12 {
                    case 0...4:
                        group.addTask { _ = try? await stage.call("ResumeActor", GatewayStage.resumeRequest(id), on: client, seconds: 5) }
                    case 5, 6:
                        group.addTask {
                            _ = try? await stage.call("SuspendActor", Ateapi_SuspendActorRequest.with { $0.actorRef = ref }, on: client)
                        }
                    case 7:
                        group.addTask {
                            _ = try? await stage.call("PauseActor", Ateapi_PauseActorRequest.with { $0.actorRef = ref }, on: client)
                        }
                    case 8:
                        group.addTask {
                            _ = try? await stage.call("DeleteActor", Ateapi_DeleteActorRequest.with { $0.actorRef = ref }, on: client)
                        }
                    case 9:
                        group.addTask {
                            _ = try? await stage.call(
                                "CreateActor",
                                Ateapi_CreateActorRequest.with {
                                    $0.actorRef = ref
                                    $0.actorTemplateNamespace = "demo"
                                    $0.actorTemplateName = "counter"
                                }, on: client)
                        }
                    case 10:
                        let victim = stage.twin.read { $0.workers.keys.sorted() }.first
                        if let victim { stage.twin.change { $0.remove(pod: victim) } }
                        stage.twin.addWorkers(1, node: pods % 2 == 0 ? "node-a" : "node-b", prefix: "p\(pods)")
                        pods += 1
                    default:
                        let key = ActorKey(atespace: "team-a", id: id)
                        stage.twin.behave { $0.restoreFaults[key] = [.init(14, "runsc exploded")] }
                    }
                    try? await Task.sleep(for: .milliseconds(Int(random.next() % 30)))
                }
            }
            stage.twin.behave { $0.restoreFaults = [:] }
            let last = Locked<[String]>([])
            do {
                try await eventually("all is quiet, and the log says what ateapi says", within: .seconds(60)) {
                    last.value = await Self.differences(stage)
                    return last.value.isEmpty
                }
            } catch {
                let ids = Set(last.value.map { String($0.prefix { $0 != ":" }) })
                Issue.record("seed \(seed): \(last.value)\n\(try stage.history(of: ids).joined(separator: "\n"))")
            }
            #expect(stage.twin.read { $0.doubleClaims } == 0, "seed \(seed)")
            #expect(await stage.loop.pool("demo/pool-a")?.demand.waiting ?? 0 == 0, "seed \(seed)")
        }
    }

    /// What the two say differently, in words.
    private static func differences(_ stage: GatewayStage) async -> [String] {
        var found: [String] = []
        for number in 0..<actors {
            let id = "a\(number)"
            let actor = stage.twin.read { $0.actors[ActorKey(atespace: "team-a", id: id)] }
            let view = await stage.logged(id)
            let same =
                switch actor?.status {
                case nil: view == nil
                // A pod that ended crashed it in the log; upstream it is suspended. Neither holds a worker.
                case .suspended?: view.map { ["STATUS_SUSPENDED", "STATUS_CRASHED"].contains($0.status) } ?? true
                case .paused?: view?.status == "STATUS_PAUSED"
                // Where the pod went during the restore it runs nowhere, which only a person frees.
                case .running?:
                    actor.map { !$0.hasWorker || (view?.status == "STATUS_RUNNING" && view?.worker == $0.ateomPodName) } ?? false
                // Its pod ended while a resume failed: it has no worker, and its next resume takes another.
                case .resuming?: actor?.hasWorker == false && view?.status != "STATUS_RUNNING"
                // Its checkpoint had no worker: it stays so, which only a person frees.
                case .suspending?, .pausing?: view?.status != "STATUS_RUNNING"
                default: false
                }
            if !same {
                found.append(
                    "\(id): upstream \(actor.map { "\($0.status) on \($0.ateomPodName)" } ?? "none"), log \(view?.status ?? "none")")
            }
        }
        return found
    }
}
