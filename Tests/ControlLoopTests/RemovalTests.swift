import Autoscaling
import Domain
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// When is a target told to take a worker's place away?

@Suite struct RemovalTests {
    /// Two workers that ran one actor each and are drained; the target keeps them until they are removed.
    private func drained(_ loop: LoopHarness) throws {
        loop.keepsDrained = true
        loop.apply(.quick())
        loop.request("a")
        loop.request("b")
        loop.advance(3)
        loop.run("a", seconds: 1)
        loop.run("b", seconds: 1)
        loop.advance(2)
    }

    @Test func `a worker that we drain is removed once it is empty`() throws {
        let loop = try LoopHarness()
        try drained(loop)
        loop.advance(60)
        #expect(loop.drainCommands.count == 2)
        #expect(loop.removals.sorted() == loop.drainCommands.sorted())
        #expect(try loop.pool.desired == 0)
        #expect(try loop.pool.draining == 0)
    }

    @Test func `one that still got an actor and can't come back is removed again when that has left`() throws {
        let loop = try LoopHarness()
        try drained(loop)
        loop.ignoresRemovals = true
        loop.refusesUncordons = true
        loop.advance(60)
        let worker = try #require(loop.removals.first)
        loop.send(.actorRunning, "late", #"{"worker":"\#(worker)","pool":"ns/p"}"#)
        loop.settle()
        #expect(loop.removals.count { $0 == worker } == 1)
        loop.send(.actorSuspended, "late", #"{"worker":"\#(worker)"}"#)
        loop.settle()
        #expect(loop.removals.count { $0 == worker } == 2)
    }

    @Test func `somebody else's drain is not ours to end`() throws {
        let loop = try LoopHarness()
        loop.keepsDrained = true
        loop.apply(.quick(min: 1))
        loop.advance(3)
        loop.send(.workerDraining, "w1", #"{"reason":"marked by somebody"}"#)
        loop.advance(60)
        #expect(try loop.pool.draining == 1)
        #expect(loop.drainCommands.isEmpty)
        #expect(loop.removals.isEmpty)
    }

    @Test func `after a restart what drains is told again, and what is empty removed again`() throws {
        let loop = try LoopHarness()
        try drained(loop)
        loop.ignoresRemovals = true
        loop.advance(60)
        let before = loop.removals
        #expect(before.count == 2)
        loop.core.saveCheckpoint()
        loop.ignoresRemovals = false
        loop.restart()
        #expect(loop.drainCommands.suffix(2).sorted() == before.sorted())
        #expect(loop.removals.suffix(2).sorted() == before.sorted())
        #expect(loop.removals.count == 4)
        loop.advance(1)
        #expect(try loop.pool.draining == 0)
    }

    @Test func `what a target keeps for draining workers doesn't undo the decision`() throws {
        let loop = try LoopHarness()
        try drained(loop)
        loop.ignoresRemovals = true
        loop.advance(60)
        loop.send(.poolObserved, "ns/p", #"{"pool":"ns/p","specReplicas":2,"readyReplicas":2}"#)
        loop.settle()
        #expect(try loop.pool.desired == 0)
        for worker in loop.removals { loop.send(.workerGone, worker, #"{"reason":"its pod was deleted"}"#) }
        loop.send(.poolObserved, "ns/p", #"{"pool":"ns/p","specReplicas":3,"readyReplicas":0}"#)
        loop.settle()
        #expect(loop.state.pools[0].observedSpec == 3)
        #expect(try loop.events(.scaleDecided).contains { $0.body.contains(#""from":3"#) }, "somebody else's change counts again")
    }
}
