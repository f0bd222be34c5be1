import Autoscaling
import Domain
import Testing

@testable import ControlLoop
@testable import State
@testable import Views

// What does a pool do while a rolling update replaces its workers?

@Suite struct RollingUpdateHoldTests {
    /// A pool with a target of Kubernetes' whose four workers have an actor each.
    private func busyLoop(rules: Int = DecisionRules.current.rawValue) throws -> LoopHarness {
        let loop = try LoopHarness()
        loop.rules = rules
        loop.keepsDrained = true
        var policy = Policy.quick()
        policy.target = ScaleTarget(apiVersion: "ate.dev/v1alpha1", kind: "WorkerPool", name: "p")
        loop.apply(policy)
        observe(loop, 0)
        for number in 1...4 { loop.request("a\(number)") }
        loop.advance(5)
        observe(loop, 4)
        for number in 1...4 { loop.send(.actorRunning, "a\(number)", #"{"worker":"\#(worker(loop, number))"}"#) }
        loop.settle()
        #expect(try loop.pool.busy == 4)
        return loop
    }

    private func worker(_ loop: LoopHarness, _ number: Int) -> String { loop.view(of: "a\(number)")?.worker ?? "" }

    private func suspendAll(_ loop: LoopHarness) {
        for number in 1...4 { loop.send(.actorSuspended, "a\(number)", #"{"worker":"\#(worker(loop, number))"}"#) }
        loop.settle()
    }

    private func observe(_ loop: LoopHarness, _ spec: Int, updating: Int? = nil) {
        let more = updating.map { #","updating":\#($0)"# } ?? ""
        loop.send(.poolObserved, "ns/p", #"{"pool":"ns/p","specReplicas":\#(spec),"readyReplicas":\#(spec)\#(more)}"#)
        loop.settle()
    }

    /// A new worker is there, and the old one of that number ended under its actor.
    private func replace(_ loop: LoopHarness, _ number: Int) {
        loop.send(.workerReady, "new-\(number)", #"{"pool":"ns/p","node":"n1","slots":1}"#)
        loop.send(.workerGone, "w\(number)", #"{"reason":"its pod was deleted"}"#)
        loop.settle()
    }

    @Test func `actors that are thrown off shrink nothing, and the count follows demand once the update is over`() throws {
        let loop = try busyLoop()
        observe(loop, 4, updating: 4)
        #expect(try loop.pool.rollingUpdate?.left == 4)
        for number in 1...4 { replace(loop, number) }
        #expect(try loop.pool.demand.total == 0 && loop.pool.ready == 4)
        // As after the cooldown and the window, and none of the new ones is drained.
        loop.advance(120)
        #expect(try loop.pool.desired == 4)
        #expect(loop.drainCommands.isEmpty)
        // They come back, and more of them.
        for number in 1...6 { loop.request("a\(number)") }
        loop.advance(5)
        #expect(try loop.pool.desired == 4 && loop.pool.demand.waiting == 2)
        observe(loop, 4, updating: 0)
        #expect(try loop.pool.rollingUpdate == nil && loop.pool.desired == 6)
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }

    @Test func `more workers than the count while new ones come before old ones end are no surplus`() throws {
        let loop = try busyLoop()
        observe(loop, 4, updating: 4)
        loop.send(.workerReady, "new-1", #"{"pool":"ns/p","node":"n1","slots":1}"#)
        loop.advance(60)
        #expect(try loop.pool.ready == 5 && loop.drainCommands.isEmpty)
        observe(loop, 4, updating: 0)
        loop.advance(1)
        #expect(loop.drainCommands == ["new-1"])
    }

    @Test func `an update that doesn't end holds the count for ten minutes from its beginning, also over a restart`() throws {
        let loop = try busyLoop()
        observe(loop, 4, updating: 4)
        suspendAll(loop)
        loop.advance(300)
        observe(loop, 4, updating: 3)
        loop.core.saveCheckpoint()
        loop.restart()
        // As the first look at the target after a restart: its pods aren't counted yet.
        observe(loop, 4)
        #expect(try loop.pool.rollingUpdate?.left == 3)
        loop.advance(290)
        #expect(try loop.pool.desired == 4)
        loop.advance(11)
        #expect(try loop.pool.desired == 0)
        #expect(try loop.pool.rollingUpdate == nil, "nothing is held any more")
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }

    @Test func `under earlier rules the count follows demand meanwhile, and verifies`() throws {
        let loop = try busyLoop(rules: DecisionRules.quotaIsNoDemand.rawValue)
        observe(loop, 4, updating: 4)
        suspendAll(loop)
        loop.advance(120)
        #expect(try loop.pool.desired == 0)
        #expect(try loop.verified() == loop.events(.scaleDecided).count)
    }

    @Test func `a policy with another target, or none, ends it`() throws {
        for isRemoved in [true, false] {
            let loop = try busyLoop()
            observe(loop, 4, updating: 4)
            if isRemoved { loop.removePolicy() } else { loop.apply(.quick()) }
            let index = try #require(loop.state.find(pool: "ns/p", names: loop.log.names))
            #expect(loop.state.pools[index].rollingUpdate == nil)
        }
    }
}
