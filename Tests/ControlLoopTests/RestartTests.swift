import Autoscaling
import Domain
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// A restart forgets nothing: same state, same next decision, from the log alone or from a checkpoint.

@Suite struct RestartTests {
    private func busyLoop() throws -> LoopHarness {
        let loop = try LoopHarness()
        loop.apply(.quick(), .quick(max: 3, cooldownSeconds: 5).shadow("small"))
        for k in 1...5 { loop.request("a\(k)") }
        loop.advance(3)
        for k in 1...4 { loop.run("a\(k)", seconds: Double(k)) }
        loop.advance(3)
        loop.send(.queueObserved, "ns/p", #"{"pool":"ns/p","metric":"m","value":1.5,"labels":{"a":"b"}}"#)
        loop.request("late")
        loop.settle()
        return loop
    }

    @Test func `the state after a restart is the state before it`() throws {
        let loop = try busyLoop()
        let before = loop.state.encoded()
        loop.restart()
        #expect(loop.state.encoded() == before)
    }

    @Test func `a checkpoint and its tail give the same state as the whole log`() throws {
        let loop = try busyLoop()
        loop.core.saveCheckpoint()
        loop.request("after")
        loop.advance(5)
        let whole = try History.state(of: loop.log, at: .position(.max), ignoringCheckpoints: true)
        let restored = try History.state(of: loop.log, at: .position(.max))
        #expect(restored.encoded() == whole.encoded())
        #expect(restored.encoded() == loop.state.encoded())
    }

    @Test func `windows and cooldowns go on where they were`() throws {
        let calm = try busyLoop()
        let restarted = try busyLoop()
        for _ in 0..<60 {
            calm.advance(1)
            restarted.advance(1)
            restarted.restart()
            #expect(try calm.pool.desired == restarted.pool.desired)
        }
        #expect(try calm.pool.desired == 2, "one placed and never run, one late: both hold their workers")
    }

    @Test func `damaged checkpoints are refused, whatever the damage`() throws {
        let bytes = try busyLoop().state.encoded()
        for length in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: ByteFault.self) { try State(decoding: Array(bytes[..<length])) }
        }
        for k in stride(from: 0, to: bytes.count, by: 3) {
            var damaged = bytes
            damaged[k] ^= 0xFF
            _ = try? State(decoding: damaged)
        }
    }

    @Test func `every recorded decision follows from the log, also across restarts`() throws {
        let loop = try busyLoop()
        loop.restart()
        loop.advance(20)
        loop.restart()
        loop.advance(60)
        var verifier = DecisionVerifier(log: loop.log)
        let report = try verifier.verify()
        #expect(report.first == nil)
        #expect(report.checked == Int64(try loop.events(.scaleDecided).count))
        #expect(report.checked > 4)
    }

    @Test func `a decision that does not follow is found`() throws {
        let loop = try busyLoop()
        let (event, body) = try #require(try loop.events(.scaleDecided).first)
        var batch = EventBatch()
        let forged = body.replacing(#""from":0,"to":0"#, with: #""from":0,"to":9"#)
        try #require(forged != body)
        batch.append(.scaleDecided, source: "/greenroom", id: "forged", subject: "ns/p", pool: "ns/p", body: Array(forged.utf8))
        loop.log.append(batch) { _ in }
        var verifier = DecisionVerifier(log: loop.log)
        let report = try verifier.verify()
        #expect(report.first?.pool == "ns/p")
        #expect(report.first?.seq != event.seq)
    }
}
