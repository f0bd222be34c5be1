import Autoscaling
import Basics
import Domain
import EventLog
import Replay
import Testing

@testable import ControlLoop
@testable import State
@testable import Views

// What follows from what pods say of their own work?

@Suite struct BusyReportTests {
    private func policy(min: Int = 0, max: Int = 10, slots: Int = 1, _ change: (inout Policy) -> Void = { _ in }) -> Policy {
        var policy = Policy.quick(max: max, min: min)
        policy.target = ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "p")
        policy.busy = BusyCheck(.http(port: .number(8080), path: "/busy"))
        policy.slotsPerWorker = slots
        change(&policy)
        return policy
    }

    private func report(_ loop: LoopHarness, _ worker: String, _ state: String, _ tasks: Int, uid: String? = nil) {
        let uid = uid.map { #","uid":"\#($0)""# } ?? ""
        loop.append(.workerObserved, worker, #"{"state":"\#(state)","busy":\#(tasks),"from":"http :8080/busy"\#(uid)}"#)
        loop.settle()
    }

    /// Workers `w1`… that are ready.
    private func started(_ count: Int, slots: Int = 1, _ change: (inout Policy) -> Void = { _ in }) throws -> LoopHarness {
        let loop = try LoopHarness()
        loop.keepsDrained = true
        loop.apply(policy(min: count, slots: slots, change))
        loop.advance(5)
        #expect(try loop.pool.ready == count)
        return loop
    }

    private func same(_ loop: LoopHarness) throws -> Bool {
        var replay = LogReplay(log: loop.log, stretch: try #require(try LogStretch(of: loop.log, from: nil, to: nil)))
        try replay.checkChain()
        while try replay.step() != nil {}
        return replay.summary.isSame
    }

    @Test func `a pod that says that it is busy is demand and a floor, and is idle again when it says so`() throws {
        let loop = try started(3)
        report(loop, "w1", "busy", 4)
        report(loop, "w2", "idle", 0)
        #expect(try loop.pool.busy == 1 && loop.pool.idle == 2)
        #expect(try loop.pool.demand.total == 1, "a worker of one slot has one of its four tasks")
        #expect(loop.state.pools[0].summary.demand == 1, "KEDA sees it too")
        #expect(loop.state.workerViews(named: "w1", names: loop.log.names, at: loop.scheduler.now).map(\.status) == ["BUSY"])
        loop.apply(policy())
        loop.advance(600)
        #expect(loop.removals.sorted() == ["w2", "w3"])
        #expect(try loop.pool.desired == 1)
        report(loop, "w1", "idle", 0)
        loop.advance(600)
        #expect(loop.removals.sorted() == ["w1", "w2", "w3"])
        #expect(try loop.pool.desired == 0 && loop.verified() > 0)
        #expect(try same(loop))
    }

    @Test func `with a buffer busy pods alone scale the pool`() throws {
        let loop = try started(1) { $0.buffer = .fixed(2) }
        report(loop, "w1", "busy", 1)
        loop.apply(policy { $0.buffer = .fixed(2) })
        loop.advance(5)
        #expect(try loop.pool.ready == 3, "one is busy and two are spare")
        report(loop, "w2", "busy", 1)
        loop.advance(5)
        #expect(try loop.pool.ready == 4)
        #expect(try loop.verified() > 0)
    }

    @Test func `a pod that doesn't response is no demand, and isn't taken`() throws {
        let loop = try started(2) { $0.buffer = .fixed(1) }
        report(loop, "w1", "unknown", 1)
        report(loop, "w2", "unknown", 1)
        loop.apply(policy { $0.buffer = .fixed(1) })
        loop.advance(600)
        #expect(try loop.pool.desired == 2 && loop.pool.demand.total == 0)
        #expect(loop.drainCommands.isEmpty)
        report(loop, "w1", "unknown", 0)
        loop.advance(600)
        #expect(loop.removals == ["w1"])
    }

    @Test func `slots are taken by tasks, and by actors where those are more`() throws {
        let loop = try started(1, slots: 4)
        report(loop, "w1", "busy", 2)
        #expect(try loop.pool.demand.total == 2)
        loop.request("a")
        loop.settle()
        #expect(loop.view(of: "a")?.worker == "w1")
        let view = loop.state.workerViews(named: "w1", names: loop.log.names, at: loop.scheduler.now).first
        #expect(view?.used == 2 && view?.status == "PARTIAL", "its task may be the actor")
        #expect(view?.report?.state == "busy" && view?.report?.tasks == 2)
        report(loop, "w1", "busy", 4)
        loop.request("b")
        loop.settle()
        #expect(loop.view(of: "b")?.worker != "w1", "no slot is free")
    }

    @Test func `one that is told to go and turns busy is taken back, and another goes in its place`() throws {
        let loop = try started(3)
        loop.ignoresRemovals = true
        for worker in ["w1", "w2", "w3"] { report(loop, worker, "idle", 0) }
        loop.apply(policy(min: 2))
        loop.advance(60)
        let first = try #require(loop.drainCommands.first)
        #expect(loop.drainCommands.count == 1)
        report(loop, first, "busy", 1)
        loop.advance(5)
        #expect(loop.uncordons == [first])
        #expect(try loop.events(.workerReady).last?.body.contains("its drain was taken back: its pod is busy") == true)
        #expect(loop.drainCommands.count == 2 && loop.drainCommands[1] != first)
        report(loop, loop.drainCommands[1], "unknown", 1)
        loop.advance(5)
        #expect(loop.uncordons == Array(loop.drainCommands.prefix(2)))
        #expect(try loop.events(.workerReady).last?.body.contains("doesn't say whether it is busy") == true)
        #expect(loop.drainCommands.count == 3)
        #expect(try loop.pool.ready == 2 && same(loop))
    }

    @Test func `what was said counts as long as the policy asks, and after a restart`() throws {
        let loop = try started(2)
        report(loop, "w1", "busy", 1)
        loop.core.saveCheckpoint()
        loop.restart()
        #expect(try loop.pool.busy == 1 && loop.pool.demand.total == 1)
        #expect(try State(decoding: loop.state.encoded()).encoded() == loop.state.encoded())
        loop.apply(policy(min: 2) { $0.busy = nil })
        #expect(try loop.pool.busy == 0 && loop.pool.demand.total == 0 && loop.pool.busyReports == nil)
        loop.apply(policy(min: 2))
        #expect(try loop.pool.busy == 1 && loop.pool.busyReports?.busy == 1 && loop.pool.busyReports?.unasked == 1)
        #expect(try same(loop))
    }

    @Test func `of another pod, of nobody and of a state to come nothing changes`() throws {
        let loop = try LoopHarness()
        loop.apply(policy(min: 0))
        loop.send(.workerReady, "w", #"{"pool":"ns/p","node":"n","uid":"u2"}"#)
        loop.settle()
        report(loop, "w", "busy", 1, uid: "u1")
        report(loop, "nobody", "busy", 1)
        report(loop, "w", "resting", 1, uid: "u2")
        #expect(try loop.pool.busy == 0)
        report(loop, "w", "busy", 1, uid: "u2")
        #expect(try loop.pool.busy == 1)
        loop.send(.workerGone, "w", #"{"reason":"gone","uid":"u2"}"#)
        loop.settle()
        #expect(try loop.pool.busy == 0 && loop.pool.demand.total == 0)
    }

    @Test func `of a StatefulSet the highest ordinals go, once all that are to go are idle from the top`() throws {
        let loop = try LoopHarness()
        loop.keepsDrained = true
        loop.namesWorker = { "box-\($0 - 1)" }
        let target = ScaleTarget(apiVersion: "apps/v1", kind: "StatefulSet", name: "box")
        loop.apply(
            policy(min: 12) {
                $0.target = target; $0.maxReplicaCount = 12
            })
        loop.advance(5)
        report(loop, "box-10", "busy", 1)
        loop.apply(policy(min: 8) { $0.target = target })
        loop.advance(60)
        #expect(loop.drainCommands == ["box-11"], "what is below box-10 would be drained for nothing")
        report(loop, "box-10", "idle", 0)
        loop.advance(60)
        #expect(loop.drainCommands == ["box-11", "box-10", "box-9", "box-8"])
        #expect(try loop.pool.ready == 8 && loop.removals.sorted() == loop.drainCommands.sorted() && same(loop))
    }

    @Test func `what is in flight is a floor until it is done, also from a checkpoint`() throws {
        let loop = try started(4)
        loop.apply(
            policy {
                $0.busy = nil
                $0.triggers = [
                    Trigger(name: "q", source: .observed(metric: "q", selector: [], staleAfterSeconds: nil), thresholdMilli: 1_000)
                ]
                $0.triggers[0].activationThresholdMilli = 9_000
            })
        func observe(_ value: Int, inFlight: Int) {
            loop.send(.queueObserved, "ns/p", #"{"pool":"ns/p","metric":"q","value":\#(value),"inFlight":\#(inFlight)}"#)
            loop.settle()
        }
        observe(2, inFlight: 2)
        loop.advance(300)
        #expect(try loop.pool.desired == 2)
        let body = try #require(try loop.events(.scaleDecided).last?.body)
        #expect(body.contains("WorkInFlight") && body.contains(#""inFlightMilli":2000"#))
        loop.core.saveCheckpoint()
        loop.restart()
        #expect(try loop.pool.desired == 2)
        observe(0, inFlight: 0)
        loop.advance(300)
        #expect(try loop.pool.desired == 0 && loop.verified() > 0 && same(loop))
    }

    @Test func `an overdue drain names a pod that is busy by its own word`() throws {
        let loop = try started(1)
        loop.refusesUncordons = true
        loop.ignoresRemovals = true
        loop.apply(policy { $0.drainTimeoutSeconds = 20 })
        loop.advance(45)
        #expect(loop.drainCommands == ["w1"])
        report(loop, "w1", "busy", 1)
        loop.advance(60)
        #expect(try loop.events(.scaleFailed).last?.body.contains("w1 (http :8080/busy)") == true)
    }

    @Test("random reports, policies and drains: no busy pod is removed, counts are as recounted, and the log says it all", arguments: 1...6)
    func random(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let loop = try LoopHarness()
        loop.keepsDrained = true
        loop.isBusyOracle = true
        loop.apply(policy(min: 4))
        for _ in 0..<120 {
            let workers = loop.state.workers.indices.map { loop.log.names.text(of: loop.state.workers[$0].name) }
            switch Int.random(in: 0..<10, using: &random) {
            case 0: loop.apply(policy(min: Int.random(in: 0...6, using: &random), slots: Int.random(in: 1...3, using: &random)))
            case 1: loop.apply(policy(min: 2) { $0.busy = nil })
            case 2: loop.advance(Double(Int.random(in: 1...40, using: &random)))
            case 3: loop.request("a\(Int.random(in: 0..<5, using: &random))")
            default:
                guard let worker = workers.randomElement(using: &random) else { continue }
                let state = ["idle", "busy", "unknown"].randomElement(using: &random) ?? "idle"
                report(loop, worker, state, state == "idle" ? 0 : Int.random(in: 0...3, using: &random))
            }
            loop.settle()
        }
        #expect(loop.removedBusy.isEmpty)
        let copy = try State(decoding: loop.state.encoded())
        for index in loop.state.pools.indices {
            #expect(
                copy.pools[index].workers == loop.state.pools[index].workers && copy.pools[index].tasks == loop.state.pools[index].tasks)
        }
        #expect(try same(loop))
    }
}
