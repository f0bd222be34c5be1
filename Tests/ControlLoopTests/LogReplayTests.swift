import Autoscaling
import Domain
import EventLog
import GRDB
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// A log of the real loop, run again: it comes out as it did, or it is said where it doesn't.

@Suite struct LogReplayTests {
    /// Half a minute of two pools: growing, a restart, another policy in the middle, shrinking.
    private func history(restarts: Bool = true, checkpoints: Bool = false) throws -> LoopHarness {
        let loop = try LoopHarness()
        loop.apply(.quick())
        var other = Policy.quick(max: 3)
        other.pool = "ns/q"
        loop.apply(other)
        for k in 1...5 { loop.request("a\(k)") }
        loop.request("b1", pool: "ns/q")
        loop.advance(3)
        for k in 1...4 { loop.run("a\(k)", seconds: Double(k)) }
        if checkpoints { loop.core.saveCheckpoint() }
        if restarts { loop.restart() }
        loop.advance(3)
        loop.apply(.quick(max: 4, min: 2))
        for k in 6...12 { loop.request("a\(k)") }
        loop.advance(5)
        if checkpoints { loop.core.saveCheckpoint() }
        if restarts { loop.restart() }
        loop.advance(60)
        return loop
    }

    private func replay(_ log: EventLog, from: Moment? = nil, to: Moment? = nil, pools: Set<NameID> = []) throws -> ReplaySummary {
        var replay = LogReplay(log: log, stretch: try #require(try LogStretch(of: log, from: from, to: to)), pools: pools)
        try replay.checkChain()
        while try replay.step() != nil {}
        return replay.summary
    }

    @Test("the whole log comes out as it did, across restarts and a change of policy", arguments: [false, true])
    func whole(restarts: Bool) throws {
        let loop = try history(restarts: restarts)
        let summary = try replay(loop.log)
        #expect(summary.isSame)
        let recorded = try loop.events(.scaleDecided).count
        #expect(summary.decisions == Int64(recorded) && recorded > 8)
        #expect(summary.events == loop.log.head.seq && summary.folded == loop.log.head.seq)
        #expect(summary.pools.map(\.name) == ["ns/p", "ns/q"])
        #expect(summary.pools.reduce(0) { $0 + $1.decisions } == summary.decisions)
        #expect(summary.pools[0].peak == 5 && summary.pools[0].ups > 0 && summary.pools[0].downs > 0)
    }

    @Test("every stretch comes out as it did, and compares the decisions that lie in it", arguments: [false, true])
    func stretches(checkpoints: Bool) throws {
        let loop = try history(checkpoints: checkpoints)
        let decisions = try loop.events(.scaleDecided).map(\.event.seq)
        let head = loop.log.head.seq
        for first in 1...head {
            let last = min(head, first + 20)
            let summary = try replay(loop.log, from: .position(first), to: .position(last))
            #expect(summary.isSame, "from \(first)")
            #expect(summary.decisions == Int64(decisions.count { (first...last).contains($0) }), "from \(first)")
            #expect(summary.events == last - first + 1, "from \(first)")
        }
        // A checkpoint spares what lies before it.
        let tail = try replay(loop.log, from: .position(head - 2))
        #expect((tail.folded < head) == checkpoints)
    }

    @Test("a stretch between two times holds the commits from the first to the last of them")
    func times() throws {
        let loop = try history()
        let from = LoopHarness.start.adding(seconds: 3)
        let to = LoopHarness.start.adding(seconds: 6)
        let stretch = try #require(try LogStretch(of: loop.log, from: .time(from), to: .time(to)))
        #expect(stretch.firstAt >= from && stretch.lastAt <= to && stretch.seconds <= 3)
        let before = try loop.log.event(at: stretch.first - 1)?.at
        let after = try loop.log.event(at: stretch.last + 1)?.at
        #expect((before ?? from) < from && (after ?? to) > to)
        #expect(try replay(loop.log, from: .time(from), to: .time(to)).isSame)
        #expect(try LogStretch(of: loop.log, from: .time(to.adding(seconds: 3_600))) == nil)
        #expect(try LogStretch(of: loop.log, from: .position(9), to: .position(8)) == nil)
    }

    @Test("of named pools only theirs are compared")
    func pools() throws {
        let loop = try history()
        let q = try #require(loop.log.names.find("ns/q"))
        let summary = try replay(loop.log, pools: [q])
        #expect(summary.pools.map(\.name) == ["ns/q"])
        let theirs = try loop.events(.scaleDecided).count { $0.event.pool == q }
        #expect(summary.isSame && summary.decisions == Int64(theirs))
    }

    // MARK: - Tampering

    private struct Change: Sendable, CustomTestStringConvertible {
        var name: String
        var kind: EventKind
        var from: String
        var to: String
        /// Whether the decision itself is shown to differ, not only the chain.
        var isDecision: Bool
        var testDescription: String { name }
    }

    private static let changes = [
        Change(name: "a digit of an event", kind: .actorSuspended, from: "s3://b/a1", to: "s3://b/a7", isDecision: false),
        Change(name: "a digit of a decision's count", kind: .scaleDecided, from: #""to":5"#, to: #""to":4"#, isDecision: true),
        Change(
            name: "a digit of a decision's input", kind: .scaleDecided, from: #""pool_exhausted":5"#, to: #""pool_exhausted":6"#,
            isDecision: true),
        Change(name: "the position a decision looked at", kind: .scaleDecided, from: #""asOf":"#, to: #""asOf":9"#, isDecision: true),
        Change(name: "a decision that is no JSON any more", kind: .scaleDecided, from: "{", to: "7", isDecision: true),
    ]

    @Test("what was changed in the file is found", arguments: changes)
    private func tampered(change: Change) throws {
        let loop = try history()
        let seq = try #require(try loop.events(change.kind).first { $0.body.contains(change.from) }?.event.seq)
        loop.log.close()
        try DatabaseQueue(path: loop.log.path).write { db in
            for name in try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'") {
                try db.execute(sql: "DROP TRIGGER \(name)")
            }
            try db.execute(sql: "UPDATE events SET body = replace(body, ?, ?) WHERE seq = ?", arguments: [change.from, change.to, seq])
        }
        let log = try EventLog.openReadOnly(path: loop.log.path)
        defer { log.close() }
        let summary = try replay(log)
        #expect(!summary.isSame)
        #expect(summary.fault?.part == .chain)
        #expect(summary.first?.seq == (change.isDecision ? seq : nil))
        #expect(try log.verify().fault == summary.fault)
        // A stretch that ends before it is sound.
        let fault = try #require(summary.fault)
        #expect(try replay(log, to: .position(fault.position - 1)).isSame)
    }

    @Test(
        "an event that is gone, and one of no kind, are found as well",
        arguments: ["DELETE FROM events WHERE seq = ?", "UPDATE events SET kind = 99 WHERE seq = ?"])
    func gone(sql: String) throws {
        let loop = try history()
        loop.log.close()
        try DatabaseQueue(path: loop.log.path).write { db in
            for name in try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'") {
                try db.execute(sql: "DROP TRIGGER \(name)")
            }
            try db.execute(sql: sql, arguments: [30])
        }
        let log = try EventLog.openReadOnly(path: loop.log.path)
        defer { log.close() }
        let summary = try replay(log)
        #expect(summary.fault?.position == 30 && summary.first == nil)
        #expect(summary.folded < 30 && summary.decisions > 0)
    }

    @Test("a decision that does not follow is found where the chain is sound")
    func forged() throws {
        let loop = try history()
        let body = try #require(try loop.events(.scaleDecided).first?.body)
        var batch = EventBatch()
        let forged = body.replacing(#""from":0,"to":0"#, with: #""from":0,"to":9"#)
        batch.append(.scaleDecided, source: "/greenroom", id: "forged", subject: "ns/p", pool: "ns/p", body: Array(forged.utf8))
        loop.log.append(batch) { _ in }
        let summary = try replay(loop.log)
        #expect(summary.fault == nil)
        #expect(summary.first?.recorded == forged && summary.first?.recomputed == body)
    }
}
