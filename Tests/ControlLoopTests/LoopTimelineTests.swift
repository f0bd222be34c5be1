import Autoscaling
import Domain
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// From an event to a placement and back to rest, step by step on virtual time.

@Suite struct LoopTimelineTests {
    @Test func `a pool grows from zero, takes its actors, and shrinks to zero after the cooldown`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        #expect(try loop.pool.desired == 0)

        for k in 1...3 { loop.request("a\(k)") }
        loop.settle()
        #expect(try loop.pool.desired == 3)
        #expect(try loop.pool.demand.waiting == 3)
        #expect(try loop.pool.starting == 3)
        #expect(loop.view(of: "a1")?.reason == "pool_exhausted")

        loop.advance(2.1)
        #expect(try loop.pool.ready == 3)
        #expect(try loop.pool.demand.waiting == 0)
        #expect(loop.view(of: "a1")?.status == "STATUS_RESUMING")
        #expect(loop.view(of: "a1")?.waitedSeconds == 2)

        for k in 1...3 { loop.run("a\(k)", seconds: 5) }
        loop.advance(6)
        #expect(loop.view(of: "a1")?.status == "STATUS_SUSPENDED")
        #expect(loop.view(of: "a1")?.snapshot == "s3://b/a1")
        #expect(try loop.pool.desired == 3, "scale-down is stabilized for 10 s")

        loop.advance(10)
        #expect(try loop.pool.desired == 1, "held above zero until the cooldown is over")
        loop.advance(30)
        #expect(try loop.pool.desired == 0)
        #expect(try loop.pool.ready == 0)
        #expect(loop.drainCommands.count == 3)
    }

    @Test func `a waiting actor takes the slot that another one frees, the oldest first`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(max: 1))
        loop.request("old")
        loop.advance(0.5)
        loop.request("young")
        loop.advance(2)
        #expect(loop.view(of: "old")?.worker == "w1")
        #expect(loop.view(of: "young")?.status == "STATUS_WAITING")
        loop.run("old", seconds: 1)
        loop.advance(1.1)
        #expect(loop.view(of: "young")?.worker == "w1")
    }

    @Test func `a higher priority goes first`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick(max: 1))
        loop.request("low")
        loop.send(.actorRequested, "high", #"{"pool":"ns/p","priority":5}"#)
        loop.advance(3)
        #expect(loop.view(of: "high")?.worker == "w1")
        #expect(loop.view(of: "low")?.status == "STATUS_WAITING")
    }

    @Test func `an actor that asks for labels waits for a worker that has them, and holds up nobody`() throws {
        let loop = try LoopHarness()
        loop.send(.workerReady, "plain", #"{"pool":"ns/p","node":"n1"}"#)
        loop.send(.actorRequested, "picky", #"{"pool":"ns/p","selector":{"gpu":"yes"}}"#)
        loop.request("easy")
        loop.settle()
        #expect(loop.view(of: "easy")?.worker == "plain")
        #expect(loop.view(of: "picky")?.status == "STATUS_WAITING")
        loop.send(.workerReady, "gpu", #"{"pool":"ns/p","node":"n2","labels":{"gpu":"yes"}}"#)
        loop.settle()
        #expect(loop.view(of: "picky")?.worker == "gpu")
    }

    @Test func `a busy worker is never asked to go`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        for k in 1...4 { loop.request("a\(k)") }
        loop.advance(3)
        loop.run("a1", seconds: 100)
        for k in 2...4 { loop.run("a\(k)", seconds: 1) }
        let busy = loop.view(of: "a1")?.worker
        loop.advance(60)
        #expect(try loop.pool.desired == 1)
        #expect(try loop.pool.busy == 1)
        #expect(!loop.drainCommands.contains(busy ?? ""))
        loop.advance(80)
        #expect(try loop.pool.desired == 0)
        #expect(loop.view(of: "a1")?.status == "STATUS_SUSPENDED")
    }

    @Test func `nothing is placed on a draining worker`() throws {
        let loop = try LoopHarness()
        loop.send(.workerReady, "x", #"{"pool":"ns/p","node":"n1","slots":4}"#)
        loop.send(.workerDraining, "x", #"{"reason":"maintenance"}"#)
        loop.request("a")
        loop.settle()
        #expect(loop.view(of: "a")?.status == "STATUS_WAITING")
    }

    @Test func `a lost worker crashes its actors, and they can be asked for again`() throws {
        let loop = try LoopHarness()
        loop.send(.workerReady, "x", #"{"pool":"ns/p","node":"n1"}"#)
        loop.request("a")
        loop.settle()
        loop.send(.actorRunning, "a", #"{"worker":"x"}"#)
        loop.send(.workerGone, "x", #"{"reason":"exited"}"#)
        loop.settle()
        #expect(loop.view(of: "a")?.status == "STATUS_CRASHED")
        #expect(try loop.pool.lost == 1)
        loop.request("a")
        loop.settle()
        #expect(loop.view(of: "a")?.status == "STATUS_WAITING")
    }

    @Test func `events that fit no state are marked and change nothing`() throws {
        let loop = try LoopHarness()
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t"}"#)
        loop.send(.actorIdle, "a")
        loop.send(.actorRequested, "a", #"{"pool":"ns/p","version":5}"#)
        loop.send(.actorWithdrawn, "a", #"{"version":4}"#)
        loop.settle()
        // The marks are written with the next commit.
        loop.send(.actorCreated, "b", #"{"pool":"ns/p","template":"t"}"#)
        loop.settle()
        #expect(loop.view(of: "a")?.status == "STATUS_WAITING")
        let marked = try loop.log.read(after: 0, limitEvents: 100).flatMap(\.events).filter(\.superseded).map(\.seq)
        #expect(marked == [2, 4])
    }

    @Test func `a late event does not bring a deleted actor back`() throws {
        let loop = try LoopHarness()
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t"}"#)
        loop.send(.actorDeleted, "a")
        loop.request("a")
        loop.settle()
        #expect(loop.view(of: "a") == nil)
        #expect(try loop.pool.demand.waiting == 0)
        loop.send(.actorCreated, "a", #"{"pool":"ns/p","template":"t"}"#)
        loop.request("a")
        loop.settle()
        #expect(loop.view(of: "a")?.status == "STATUS_WAITING")
    }

    @Test func `an outside queue that can't be read any more is noticed by time alone`() throws {
        var policy = Policy.quick()
        policy.triggers = [
            Trigger(name: "q", source: .observed(metric: "pending", selector: [], staleAfterSeconds: 60), thresholdMilli: 1_000)
        ]
        policy.fallback = Fallback(failureThreshold: 3, replicas: 6)
        let loop = try LoopHarness()
        loop.apply(policy)
        loop.send(.queueObserved, "ns/p", #"{"pool":"ns/p","metric":"pending","value":2}"#)
        loop.settle()
        #expect(try loop.pool.desired == 2)
        loop.advance(179)
        #expect(try loop.pool.desired == 2)
        loop.advance(2)
        #expect(try loop.pool.desired == 6)
        #expect(try loop.pool.fallback)
        #expect(try !loop.events(.timerFired).isEmpty)
    }

    @Test func `recommend decides and touches nothing`() throws {
        var policy = Policy.quick()
        policy.mode = .recommend
        let loop = try LoopHarness()
        loop.apply(policy)
        loop.request("a")
        loop.advance(5)
        #expect(loop.rescales.isEmpty)
        #expect(try loop.events(.scaleDecided).contains { $0.body.contains(#""to":1"#) })
        #expect(try loop.pool.desired == 1)
    }

    @Test func `a decision is logged once, however often it is drawn`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        loop.request("a")
        loop.settle()
        let before = try loop.events(.scaleDecided).count
        for _ in 0..<5 { loop.restart() }
        #expect(try loop.events(.scaleDecided).count == before)
    }
}
