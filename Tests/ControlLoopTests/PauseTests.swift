import Autoscaling
import Domain
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// Is an operator's pause a thing of its own, whatever becomes of policies?

@Suite struct PauseTests {
    private func pause(_ loop: LoopHarness, _ body: String) {
        loop.ours(.poolPaused, "ns/p", body)
        loop.settle()
    }

    private static let out = #"{"in":false,"out":true,"by":"ops"}"#
    private static let none = #"{"in":false,"out":false,"by":"ops"}"#

    @Test func `it stays when the policy is applied again, taken away, and when the service starts anew`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        pause(loop, Self.out)
        let view = try #require(try loop.pool.pause)
        #expect(view.scaleOut && !view.scaleIn && view.by == "ops")
        loop.request("a")
        loop.advance(5)
        #expect(try loop.pool.desired == 0 && loop.pool.paused)
        loop.apply(.quick(max: 7))
        loop.advance(1)
        #expect(try loop.pool.desired == 0 && loop.pool.paused)
        loop.core.saveCheckpoint()
        loop.restart()
        #expect(try loop.pool.pause == view)
        loop.removePolicy()
        loop.apply(.quick())
        loop.advance(1)
        #expect(try loop.pool.desired == 0 && loop.pool.paused)
        pause(loop, Self.none)
        loop.advance(1)
        #expect(try loop.pool.desired == 1 && !loop.pool.paused && loop.pool.pause == nil)
    }

    @Test func `of a policy's own word and an operator's the newer counts, and a policy that comes again says nothing new`() throws {
        let loop = try LoopHarness()
        var held = Policy.quick()
        held.pause = Pause(hold: 3)
        loop.apply(held)
        #expect(try loop.pool.desired == 3)
        pause(loop, Self.none)
        #expect(try !loop.pool.paused, "the operator's word is newer")
        loop.apply(held)
        #expect(try !loop.pool.paused, "the same policy again")
        held.pause = Pause(scaleIn: true)
        loop.apply(held)
        #expect(try loop.pool.pause?.scaleIn == true, "it says something else")
        loop.apply(.quick())
        #expect(try !loop.pool.paused, "and takes it back")
    }

    @Test func `decisions under an operator's pause come out the same from the log, and name it`() throws {
        let loop = try LoopHarness()
        loop.apply(.quick())
        pause(loop, #"{"in":false,"out":false,"hold":2}"#)
        loop.request("a")
        loop.advance(3)
        let decided = try loop.events(.scaleDecided)
        #expect(decided.last?.body.contains(#""pause":"#) == true && decided.first?.body.contains(#""pause":"#) == false)
        #expect(try loop.verified() == decided.count)
    }

    @Test(arguments: [
        #"{"in":1,"out":"yes","hold":-5}"#, #"{"hold":99999999999999999999}"#, #"{"in":null,"hold":9223372036854775807,"by":7}"#,
    ])
    func `one that makes no sense does no harm`(_ body: String) throws {
        let loop = try LoopHarness()
        // Nobody starts that many.
        var policy = Policy.quick()
        policy.mode = .recommend
        loop.apply(policy)
        pause(loop, body)
        loop.advance(1)
        #expect(try loop.pool.desired >= 0)
    }
}
