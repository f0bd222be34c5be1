import Autoscaling
import Domain
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// The surge buffer in the live loop: it learns from the log's own demand and worker starts, and a restart forgets nothing.

@Suite struct SurgeTests {
    private static let windowSeconds = 60.0
    private static let burst = 6

    private func policy() -> Policy {
        var policy = Policy.quick(max: 40)
        policy.behavior = .asNeeded
        // Two hours: the pool never comes to rest here, and what is spare is the buffer's doing.
        policy.cooldownPeriodSeconds = 7_200
        policy.buffer = .surge(quantilePPM: 950_000, windowSeconds: Int(Self.windowSeconds), min: 0)
        return policy
    }

    /// One actor that stays, a minute's calm, then a burst of turns of 3 s; until 12 s after the burst came.
    private func afterBurst() throws -> LoopHarness {
        let loop = try LoopHarness()
        loop.startSeconds = 5
        loop.apply(policy())
        loop.request("stays")
        loop.advance(6)
        loop.run("stays", seconds: 3_600)
        loop.advance(2 * Self.windowSeconds)
        #expect(try loop.pool.desired == 1, "calm: nothing rose for a whole window")
        for k in 1...Self.burst { loop.request("b\(k)") }
        loop.advance(6)
        for k in 1...Self.burst { loop.run("b\(k)", seconds: 3) }
        loop.advance(6)
        return loop
    }

    @Test func `starts are measured from the log, and the spare rises with a burst and stays after it`() throws {
        let loop = try afterBurst()
        #expect(try loop.pool.startSeconds?.p90 == 5)
        #expect(loop.state.pools.first?.memory.surge.startMicroseconds == 5_000_000)
        #expect(try loop.pool.demand.total == 1)
        #expect(try loop.pool.desired == 1 + Self.burst, "the rise of 6 within a start was seen for more than 5 % of the window")
        #expect(loop.state.pools.first?.evaluation?.isSurge == true)
        #expect(try loop.events(.scaleDecided).contains { $0.body.contains(#""code":"SurgeBuffer""#) })
    }

    @Test func `the spare expires with its window, by time alone`() throws {
        let loop = try afterBurst()
        loop.advance(Self.windowSeconds - 30)
        #expect(try loop.pool.desired == 1 + Self.burst)
        let events = try loop.events(.actorRequested).count
        loop.advance(60)
        #expect(try loop.pool.desired == 1)
        #expect(try loop.events(.actorRequested).count == events)
        var verifier = DecisionVerifier(log: loop.log)
        #expect(try verifier.verify().first == nil)
    }

    @Test func `what was learned survives a restart byte for byte, from a checkpoint as from the log alone`() throws {
        let loop = try afterBurst()
        let surge = try #require(loop.state.pools.first).memory.surge
        #expect(!surge.runs.isEmpty)
        let bytes = loop.state.encoded()
        #expect(try State(decoding: bytes).encoded() == bytes)
        loop.core.saveCheckpoint()
        loop.restart()
        #expect(loop.state.encoded() == bytes)
        #expect(loop.state.pools.first?.memory.surge == surge)
        let whole = try History.state(of: loop.log, at: .position(.max), ignoringCheckpoints: true)
        #expect(whole.encoded() == loop.state.encoded())
    }

    @Test func `a loop that restarts every second decides at the same moments as one that never does`() throws {
        let (calm, restarted) = (try afterBurst(), try afterBurst())
        for second in 0..<90 {
            calm.advance(1)
            restarted.advance(1)
            if second % 2 == 0 { restarted.core.saveCheckpoint() }
            restarted.restart()
            #expect(try calm.pool.desired == restarted.pool.desired, "second \(second)")
        }
        #expect(try calm.pool.desired == 1)
    }
}
