import Autoscaling
import Basics
import Domain
import EventLog
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// What becomes of a drain when the workers are wanted again, or don't get empty in time?

@Suite struct UncordonTests {
    /// Two workers without actors that are drained, on a target that keeps them until they are removed and doesn't follow that.
    private func draining(_ loop: LoopHarness, _ policy: Policy = .quick()) throws -> [String] {
        loop.keepsDrained = true
        loop.ignoresRemovals = true
        loop.apply(policy)
        loop.request("a")
        loop.request("b")
        loop.advance(3)
        loop.run("a", seconds: 1)
        loop.run("b", seconds: 1)
        loop.advance(60)
        #expect(try loop.pool.draining == 2)
        return loop.drainCommands.sorted()
    }

    private func same(_ loop: LoopHarness) throws -> Bool {
        var replay = LogReplay(log: loop.log, stretch: try #require(try LogStretch(of: loop.log, from: nil, to: nil)))
        try replay.checkChain()
        while try replay.step() != nil {}
        return replay.summary.isSame
    }

    @Test func `a scale-up takes draining workers back before it asks for new ones, and places on them`() throws {
        let loop = try LoopHarness()
        let drained = try draining(loop)
        let made = try loop.events(.workerReady).count
        loop.request("c")
        loop.settle()
        #expect(loop.rescales.last?.uncordoning.map(\.worker.name) == [drained[0]], "one is wanted, so one comes back: the oldest")
        #expect(loop.view(of: "c")?.worker == drained[0])
        #expect(try loop.pool.draining == 1)
        let ready = try loop.events(.workerReady)
        #expect(ready.count == made + 1 && ready.last?.body.contains("its drain was taken back: 1 wanted") == true)
        loop.advance(10)
        #expect(try loop.events(.workerReady).count == made + 1, "no start was asked for")
        #expect(try loop.pool.startSeconds?.p90 == 2, "coming back is no start")
        #expect(try same(loop))
    }

    @Test func `a worker that can't come back any more is made up for by a new one`() throws {
        let loop = try LoopHarness()
        let drained = try draining(loop)
        loop.refusesUncordons = true
        loop.request("c")
        loop.settle()
        #expect(loop.uncordons == [drained[0]])
        #expect(loop.view(of: "c")?.status == "STATUS_WAITING")
        for worker in drained { loop.send(.workerGone, worker, #"{"reason":"drained"}"#) }
        loop.advance(5)
        #expect(Set(loop.uncordons).count == loop.uncordons.count, "each is asked once")
        #expect(loop.view(of: "c")?.worker == "w3")
        #expect(try same(loop))
    }

    @Test func `the removal of one that can't come back any more is asked for once more`() throws {
        let loop = try LoopHarness()
        let drained = try draining(loop)
        loop.refusesUncordons = true
        let before = loop.removals.count { $0 == drained[0] }
        loop.request("c")
        loop.settle()
        #expect(loop.uncordons == [drained[0]])
        #expect(
            loop.removals.count { $0 == drained[0] } == before + 1,
            "a target that keeps it until another stands in its place learns that one is wanted")
        loop.advance(60)
        #expect(loop.removals.count { $0 == drained[0] } == before + 1, "once")
    }

    @Test func `one that becomes empty while no policy is there is removed once there is one again`() throws {
        let loop = try LoopHarness()
        let drained = try draining(loop)
        loop.refusesUncordons = true
        loop.send(.actorRunning, "late", #"{"worker":"\#(drained[0])","pool":"ns/p"}"#)
        loop.settle()
        loop.removePolicy()
        loop.settle()
        loop.send(.actorSuspended, "late", #"{"worker":"\#(drained[0])"}"#)
        loop.settle()
        let before = loop.removals.count { $0 == drained[0] }
        loop.apply(.quick())
        loop.settle()
        #expect(loop.removals.count { $0 == drained[0] } == before + 1)
    }

    @Test func `one that is being taken back isn't removed before the response, and is after a refusal`() throws {
        let loop = try LoopHarness()
        let drained = try draining(loop)
        loop.send(.actorRunning, "late", #"{"worker":"\#(drained[0])","pool":"ns/p"}"#)
        loop.settle()
        // One busy draining worker asks for one worker: itself.
        #expect(loop.uncordons == [drained[0]])
        #expect(try loop.pool.draining == 1)
        #expect(loop.view(of: "late")?.worker == drained[0])

        let other = try LoopHarness()
        let going = try draining(other)
        other.answersUncordons = false
        other.send(.actorRunning, "late", #"{"worker":"\#(going[0])","pool":"ns/p"}"#)
        other.settle()
        let before = other.removals
        other.send(.actorSuspended, "late", #"{"worker":"\#(going[0])"}"#)
        other.settle()
        #expect(other.uncordons == [going[0]] && other.removals == before, "no answer yet")
        other.core.uncordonAnswered(WorkerIdentity(going[0]), isUncordoned: false)
        other.settle()
        #expect(other.removals == before + [going[0]])
    }

    @Test func `a worker that came back may be told to go again`() throws {
        let loop = try LoopHarness()
        let drained = try draining(loop)
        loop.request("c")
        loop.settle()
        loop.run("c", seconds: 1)
        loop.advance(60)
        #expect(loop.drainCommands.filter { $0 == drained[0] }.count == 2)
        #expect(try loop.events(.workerDraining).count == 3)
        #expect(try loop.pool.draining == 2)
        #expect(try same(loop))
    }

    @Test func `a drain ends with the word of each who began it`() throws {
        let loop = try LoopHarness()
        let drained = try draining(loop)
        loop.send(.workerDraining, drained[0], #"{"reason":"its pod is marked"}"#)
        loop.request("c")
        loop.request("d")
        loop.settle()
        #expect(loop.view(of: "c")?.worker == drained[1])
        #expect(try loop.pool.draining == 1, "its pod's watch hasn't seen the mark go")
        loop.send(.workerReady, drained[0], #"{"pool":"ns/p","node":"n1"}"#)
        loop.settle()
        #expect(loop.view(of: "d")?.worker == drained[0])
        // A watch that is late.
        loop.send(.workerDraining, drained[0], #"{"reason":"its pod is marked"}"#)
        loop.settle()
        #expect(loop.view(of: "d")?.worker == drained[0])
        loop.send(.workerReady, drained[0], #"{"pool":"ns/p","node":"n1"}"#)
        loop.settle()
        #expect(try loop.pool.draining == 0)
    }

    // MARK: - Drains that take too long

    /// Two workers of which one is wanted: the other drains and has got an actor that runs on and on.
    private func stuck(_ loop: LoopHarness) throws -> String {
        var policy = Policy.quick(min: 2)
        policy.slotsPerWorker = 2
        policy.drainTimeoutSeconds = 100
        loop.keepsDrained = true
        loop.ignoresRemovals = true
        loop.refusesUncordons = false
        loop.apply(policy)
        loop.advance(3)
        policy.minReplicaCount = 1
        loop.request("kept")
        loop.settle()
        loop.apply(policy)
        loop.advance(20)
        let worker = try #require(loop.drainCommands.first)
        loop.send(.actorRunning, "long", #"{"worker":"\#(worker)","pool":"ns/p"}"#)
        loop.settle()
        return worker
    }

    @Test func `a busy draining worker counts as wanted, so it comes back at once where it can`() throws {
        let loop = try LoopHarness()
        let worker = try stuck(loop)
        #expect(loop.uncordons == [worker])
        #expect(try loop.pool.desired == 2 && loop.pool.draining == 0)
    }

    @Test func `a drain that outlasts its time is given up with the reason, and tried again later, never on a busy worker`() throws {
        let loop = try LoopHarness()
        var policy = Policy.quick(min: 3)
        policy.slotsPerWorker = 2
        policy.drainTimeoutSeconds = 100
        // Holds the count, so that the busy worker isn't wanted again.
        loop.keepsDrained = true
        loop.ignoresRemovals = true
        loop.apply(policy)
        loop.advance(3)
        policy.minReplicaCount = 0
        policy.pause = Pause(hold: 2)
        loop.apply(policy)
        loop.advance(1)
        let worker = try #require(loop.drainCommands.first)
        #expect(loop.drainCommands.count == 1)
        loop.send(.actorRunning, "long-1", #"{"worker":"\#(worker)","pool":"ns/p"}"#)
        loop.send(.actorRunning, "long-2", #"{"worker":"\#(worker)","pool":"ns/p"}"#)
        loop.advance(98)
        #expect(try loop.events(.scaleFailed).isEmpty && loop.uncordons.isEmpty)
        loop.advance(3)
        let failed = try loop.events(.scaleFailed)
        #expect(
            failed.map(\.body) == [
                #"{"error":"drain given up: 1 worker still busy after 100 s: \#(worker) (actor long-1 and 1 more)","attempt":1,"workers":["\#(worker)"]}"#
            ])
        #expect(loop.uncordons == [worker])
        #expect(try loop.pool.draining == 0 && loop.pool.ready == 3)
        #expect(try loop.pool.reason?.contains("still busy after 100 s") == true)
        #expect(loop.drainCommands.count == 1, "not at once")
        loop.advance(50)
        #expect(loop.drainCommands.count == 1)
        loop.advance(20)
        #expect(loop.drainCommands.count == 2 && loop.drainCommands[1] != worker, "an idle one this time")
        #expect(try loop.pool.reason == nil)
        #expect(!loop.removals.dropFirst().contains(worker))
        #expect(try same(loop))
    }

    @Test func `each time it is given up again the pause is twice as long, up to an hour; a restart forgets nothing of it`() {
        var drains = DrainStanding()
        var now = LogTime.zero
        var pauses: [Int] = []
        for _ in 0..<8 {
            drains.gaveUp("busy", at: now)
            pauses.append(Int(drains.pausedUntil.seconds(since: now)))
            now = drains.pausedUntil
        }
        #expect(pauses == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600])
        drains.succeeded()
        drains.gaveUp("busy", at: now)
        #expect(drains.pausedUntil.seconds(since: now) == 60 && drains.total == 9)
    }

    @Test func `the deadline of a drain holds across a restart`() throws {
        let loop = try LoopHarness()
        var policy = Policy.quick(min: 2)
        policy.drainTimeoutSeconds = 100
        loop.keepsDrained = true
        loop.ignoresRemovals = true
        loop.apply(policy)
        loop.advance(3)
        policy.minReplicaCount = 0
        policy.pause = Pause(hold: 1)
        loop.apply(policy)
        loop.advance(1)
        let worker = try #require(loop.drainCommands.first)
        loop.send(.actorRunning, "long", #"{"worker":"\#(worker)","pool":"ns/p"}"#)
        loop.advance(50)
        loop.core.saveCheckpoint()
        loop.restart()
        loop.advance(48)
        #expect(try loop.events(.scaleFailed).isEmpty)
        loop.advance(3)
        #expect(try loop.events(.scaleFailed).count == 1 && loop.uncordons.last == worker)
        loop.core.saveCheckpoint()
        loop.restart()
        loop.advance(30)
        #expect(try loop.pool.ready == 2, "the pause goes on")
        #expect(try same(loop))
    }

    @Test("no busy worker is removed and none is lost sight of, whatever comes in between: seeds", arguments: 1...12 as ClosedRange<UInt64>)
    func oracle(seed: UInt64) throws {
        let loop = try LoopHarness()
        var random = SplitMix64(seed: seed)
        loop.keepsDrained = true
        loop.isBusyOracle = true
        for step in 1...150 {
            loop.refusesUncordons = Int.random(in: 0..<4, using: &random) == 0
            var policy = Policy.quick(max: 8, min: Int.random(in: 0...4, using: &random), cooldownSeconds: 5)
            policy.drainTimeoutSeconds = Int.random(in: 0...20, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: loop.apply(policy)
            case 1, 2: loop.request("r\(step)")
            case 3:
                // Agents race: one says that it runs where nobody placed it.
                guard let worker = loop.state.workerViews(log: loop.log).randomElement(using: &random) else { continue }
                loop.send(.actorRunning, "x\(step)", #"{"worker":"\#(worker)","pool":"ns/p"}"#)
            case 4, 5:
                let running = loop.state.residents(log: loop.log)
                guard let (actor, worker) = running.randomElement(using: &random) else { continue }
                loop.send(.actorSuspended, actor, #"{"worker":"\#(worker)"}"#)
            default: loop.advance(Double.random(in: 0.1...15, using: &random))
            }
            loop.settle()
        }
        #expect(loop.removedBusy == [], "seed \(seed)")
        loop.refusesUncordons = false
        loop.apply(.quick(min: 1, cooldownSeconds: 5))
        for _ in 0..<60 {
            for (actor, worker) in loop.state.residents(log: loop.log) { loop.send(.actorSuspended, actor, #"{"worker":"\#(worker)"}"#) }
            loop.advance(5)
        }
        loop.advance(4_000)
        #expect(try loop.pool.ready == 1 && loop.pool.draining == 0 && loop.pool.desired == 1, "seed \(seed)")
        #expect(try same(loop), "seed \(seed)")
    }
}

extension State {
    fileprivate func workerViews(log: EventLog) -> [String] { workers.indices.map { log.names.text(of: workers[$0].name) } }

    fileprivate func residents(log: EventLog) -> [(actor: String, worker: String)] {
        turnsUnderWay().filter { !$0.worker.isNone }.map { (log.names.text(of: $0.actor), log.names.text(of: $0.worker)) }
    }
}
