import Autoscaling
import Domain
import Testing

@testable import ControlLoop

// When is a target told a count again that no decision changes?

@Suite struct TargetChecksTests {
    private func observe(_ loop: LoopHarness, _ spec: Int, ready: Int = 0) {
        loop.send(.poolObserved, "ns/p", #"{"pool":"ns/p","specReplicas":\#(spec),"readyReplicas":\#(ready)}"#)
        loop.settle()
    }

    /// Two replicas are wanted, and told; the target has shown none so far.
    private func told(_ response: ForeignChange = .takeOver) throws -> LoopHarness {
        let loop = try LoopHarness()
        var policy = Policy.quick(min: 2)
        policy.foreignChange = response
        loop.apply(policy)
        observe(loop, 0)
        #expect(loop.rescales.map(\.to) == [2])
        return loop
    }

    @Test func `a target that doesn't show its count is told it again, once`() throws {
        let loop = try told()
        loop.advance(29)
        #expect(loop.rescales.count == 1)
        loop.advance(2)
        #expect(loop.rescales.map(\.to) == [2, 2])
        // Its watch is down: it shows nothing at all.
        loop.advance(7_200)
        #expect(loop.rescales.count == 2)
        #expect(try loop.events(.scaleDecided).filter { $0.body.contains(#""to":2"#) }.count <= 2)
    }

    @Test func `a target that was made anew, and shows what the one before it showed, is told its count`() throws {
        let loop = try told()
        loop.advance(31)
        observe(loop, 0)
        loop.advance(61)
        #expect(loop.rescales.map(\.to) == [2, 2, 2])
        observe(loop, 2)
        observe(loop, 2, ready: 2)
        loop.advance(7_200)
        #expect(loop.rescales.count == 3)
    }

    @Test func `one that never shows it, whatever it shows, is told ever more rarely`() throws {
        let loop = try told()
        for k in 0..<3_600 {
            observe(loop, 0, ready: k % 2)
            loop.advance(1)
        }
        // After 30, 60, 120, 240, 480 s, and then every 900 s.
        #expect(loop.rescales.count == 1 + 5 + 2)
    }

    @Test func `a count on its way, or held up by workers that drain, is left alone`() throws {
        let loop = try told()
        loop.advance(3)
        observe(loop, 2, ready: 2)
        loop.advance(120)
        #expect(loop.rescales.count == 1)
        loop.keepsDrained = true
        loop.ignoresRemovals = true
        loop.apply(.quick(min: 1))
        loop.advance(60)
        let count = loop.rescales.count
        #expect(loop.rescales.last?.to == 1 && loop.drainCommands.count == 1)
        observe(loop, 2, ready: 2)
        loop.advance(600)
        #expect(loop.rescales.count == count)
    }

    @Test func `somebody else's count is no such case`() throws {
        let loop = try told(.yield)
        observe(loop, 2)
        observe(loop, 5)
        let count = loop.rescales.count
        loop.advance(3_600)
        #expect(loop.rescales.count == count)
    }

    @Test func `waits of many pools end each at its time`() {
        var checks = TargetChecks()
        let start = LogTime(microseconds: 1_000_000)
        for pool in 0..<100 { checks.note(pool, showsAnother: true, at: start.adding(microseconds: Int64(pool))) }
        #expect(checks.first == start.adding(microseconds: 30_000_000))
        #expect(checks.takeDue(start.adding(microseconds: 30_000_009)) == Array(0..<10))
        checks.note(20, showsAnother: false, at: start)
        #expect(checks.takeDue(start.adding(microseconds: 40_000_000)) == Array(10..<20) + Array(21..<100))
        #expect(checks.first == nil)
        checks.note(3, showsAnother: true, at: start)
        #expect(checks.first == nil)
        checks.isShown(3)
        checks.note(3, showsAnother: true, at: start)
        #expect(checks.first == start.adding(microseconds: 60_000_000))
    }
}
