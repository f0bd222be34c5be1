import Autoscaling
import Domain
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Who set the target's replicas, and what follows if it wasn't us?

@Suite struct ForeignChangeTests {
    private func observe(_ loop: LoopHarness, _ spec: Int, ready: Int = 0) {
        loop.send(.poolObserved, "ns/p", #"{"pool":"ns/p","specReplicas":\#(spec),"readyReplicas":\#(ready)}"#)
        loop.settle()
    }

    /// Two workers that a target with two replicas has.
    private func settled(_ response: ForeignChange) throws -> LoopHarness {
        let loop = try LoopHarness()
        var policy = Policy.quick(min: 2)
        policy.foreignChange = response
        loop.apply(policy)
        observe(loop, 0)
        observe(loop, 2)
        loop.advance(3)
        #expect(try loop.pool.desired == 2 && loop.pool.ready == 2)
        return loop
    }

    private func same(_ loop: LoopHarness) throws -> Bool {
        var replay = LogReplay(log: loop.log, stretch: try #require(try LogStretch(of: loop.log, from: nil, to: nil)))
        while try replay.step() != nil {}
        return replay.summary.isSame
    }

    @Test func `taken over: the next decision starts from what somebody else set, and the pool says who`() throws {
        let loop = try settled(.takeOver)
        #expect(try loop.pool.foreignChange == nil)
        observe(loop, 9)
        let pool = try loop.pool
        #expect(pool.foreignChange?.hasPrefix("somebody else set replicas to 9, which we had left at 2, at 2026-11-21T08:00:03") == true)
        let numbers = try #require(pool.foreignReplicas)
        #expect(
            numbers.expected == 2 && numbers.found == 9 && !numbers.yields && pool.foreignChange?.contains(", at \(numbers.at);") == true)
        #expect(pool.readyCondition && pool.reason == nil)
        loop.advance(20)
        #expect(try loop.events(.scaleDecided).contains { $0.body.contains(#""from":9,"to":2"#) })
        #expect(try loop.pool.desired == 2 && loop.rescales.last?.to == 2)
        #expect(try same(loop))
    }

    @Test func `yielded: decisions are logged, the target is left alone, and a condition says so`() throws {
        let loop = try settled(.yield)
        let rescales = loop.rescales.count
        observe(loop, 1)
        for k in 1...6 { loop.request("a\(k)") }
        loop.advance(5)
        #expect(loop.rescales.count == rescales && loop.drainCommands.isEmpty)
        let pool = try loop.pool
        #expect(!pool.readyCondition && pool.reason?.contains("the policy yields") == true && pool.reason == pool.foreignChange)
        #expect(try loop.events(.scaleDecided).last?.body.contains(#""from":1,"to":6"#) == true)
        #expect(pool.desired == 1, "what the target has")
        let decided = try loop.events(.scaleDecided).count
        for ready in 1...5 { observe(loop, 1, ready: ready) }
        #expect(try loop.events(.scaleDecided).count == decided)
        #expect(try same(loop))
    }

    @Test func `yielding ends when the replicas are back`() throws {
        let loop = try settled(.yield)
        observe(loop, 1)
        loop.request("a")
        loop.request("b")
        loop.request("c")
        loop.settle()
        observe(loop, 7)
        #expect(try loop.pool.foreignChange?.contains("replicas to 7, which we had left at 2") == true)
        observe(loop, 2)
        #expect(try loop.pool.foreignChange == nil && loop.pool.readyCondition)
        #expect(loop.rescales.last?.to == 3)
        #expect(try same(loop))
    }

    @Test func `yielding ends when a policy is applied, and not by a restart`() throws {
        let loop = try settled(.yield)
        observe(loop, 5)
        loop.core.saveCheckpoint()
        let before = loop.rescales.count
        loop.restart()
        loop.advance(30)
        #expect(loop.rescales.count == before)
        #expect(try loop.pool.foreignChange?.contains("5") == true)
        var policy = Policy.quick(min: 3)
        policy.foreignChange = .yield
        loop.apply(policy)
        loop.advance(30)
        #expect(try loop.pool.foreignChange == nil)
        #expect(loop.rescales.last?.to == 3)
        #expect(try same(loop))
    }

    @Test func `workers that drain when somebody else takes over the target come back`() throws {
        let loop = try settled(.yield)
        loop.keepsDrained = true
        loop.ignoresRemovals = true
        var policy = Policy.quick(min: 0)
        policy.foreignChange = .yield
        loop.apply(policy)
        loop.advance(60)
        #expect(try loop.pool.draining == 2 && loop.pool.desired == 0)
        observe(loop, 2)
        #expect(try loop.pool.foreignChange == nil, "the target keeps the replicas of those that drain")
        observe(loop, 6)
        #expect(try loop.pool.foreignChange != nil && loop.pool.draining == 0 && loop.pool.ready == 2)
    }

    @Test(
        "what a target shows on its way to what it was told is nobody else's, and decides nothing again",
        arguments: [[2, 5], [5, 5], [3, 4, 5], [2, 2, 5]])
    func late(_ shown: [Int]) throws {
        let loop = try settled(.yield)
        for k in 1...5 { loop.request("a\(k)") }
        loop.settle()
        let decided = try loop.events(.scaleDecided).count
        for spec in shown { observe(loop, spec, ready: spec) }
        #expect(try loop.pool.foreignChange == nil && loop.pool.desired == 5)
        #expect(try loop.events(.scaleDecided).count == decided)
    }

    @Test func `a target that can't come down to what it was told yet doesn't make the loop decide at every look`() throws {
        let loop = try settled(.takeOver)
        loop.keepsDrained = true
        loop.ignoresRemovals = true
        var policy = Policy.quick(min: 0)
        policy.pause = Pause(hold: 1)
        policy.drainTimeoutSeconds = 0
        loop.apply(policy)
        loop.settle()
        let worker = try #require(loop.drainCommands.first)
        loop.send(.actorRunning, "long", #"{"worker":"\#(worker)","pool":"ns/p"}"#)
        loop.settle()
        #expect(try loop.pool.draining == 0 && loop.pool.ready == 2 && loop.pool.desired == 1, "given up")
        let (decided, rescaled) = (try loop.events(.scaleDecided).count, loop.rescales.count)
        for ready in [0, 1, 2, 1, 2] { observe(loop, 2, ready: ready) }
        #expect(try loop.events(.scaleDecided).count == decided && loop.rescales.count == rescaled)
    }

    @Test(arguments: [(ScaleTarget.processKind, 1), ("Deployment", 0)])
    func `processes are told the count again when their slots are others, as those that run keep theirs`(_ kind: String, more: Int) throws {
        let loop = try LoopHarness()
        var policy = Policy.quick(min: 2)
        policy.target.kind = kind
        policy.slotsPerWorker = 1
        loop.apply(policy)
        observe(loop, 0)
        observe(loop, 2)
        loop.advance(3)
        let told = loop.rescales.count
        #expect(told > 0)
        policy.slotsPerWorker = 3
        loop.apply(policy)
        loop.settle()
        #expect(loop.rescales.count == told + more)
        if more > 0 { #expect(loop.rescales.last.map { [$0.to, $0.pool.slotsPerWorker] } == [2, 3]) }
        loop.apply(policy)
        loop.settle()
        #expect(loop.rescales.count == told + more, "the same again")
    }

    @Test func `another target is told the count that stands; what is wrong with a target is told until it isn't`() throws {
        let loop = try settled(.takeOver)
        let told = loop.rescales.count
        var policy = Policy.quick(min: 2)
        policy.target.name = "another"
        loop.apply(policy)
        #expect(loop.rescales.dropFirst(told).map(\.to) == [2])
        #expect(loop.rescales.last?.pool.target.name == "another")
        loop.send(
            .poolObserved, "ns/p",
            #"{"pool":"ns/p","specReplicas":0,"readyReplicas":0,"problem":"it isn't there","reason":"TargetNotFound"}"#)
        loop.settle()
        #expect(try !loop.pool.readyCondition && loop.pool.reason == "it isn't there" && loop.pool.desired == 2, "its counts say nothing")
        observe(loop, 2, ready: 2)
        #expect(try loop.pool.readyCondition && loop.pool.reason == nil)
        #expect(try same(loop))
    }
}
