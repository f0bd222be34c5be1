import Basics
import Domain
import EventLog
import Testing

@testable import EventLog

@Suite("Export and import")
struct TransferTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func importLines(_ text: String, to name: String) throws -> EventLog {
        let log = try EventLog.open(.test(directory.file(name)))
        var importing = try LogImport(into: log)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            try Array(line.utf8).withUnsafeBufferPointer { try importing.add($0) }
        }
        _ = try importing.finish()
        return log
    }

    private func filled(_ name: String, seed: UInt64) throws -> EventLog {
        let clock = ManualClock(noon)
        let log = try EventLog.open(.test(directory.file(name), clock: clock.read))
        var random = SplitMix64(seed: seed)
        for round in 0..<80 {
            clock.advance(microseconds: Int64.random(in: 0...2, using: &random))
            var batch = EventBatch()
            for k in 0..<Int.random(in: 1...6, using: &random) {
                let subject = "actor-\(Int.random(in: 0..<20, using: &random))"
                let kind =
                    [EventKind.actorRequested, .actorRunning, .actorCrashed, .actorIdle, .policyApplied].randomElement(using: &random)
                    ?? .actorIdle
                var body: [UInt8] = []
                if kind == .policyApplied { body = Array(#"{"policy":{"a":[1,2.50,"x"]},"digest":"d"}"#.utf8) }
                if kind == .actorRequested, Bool.random(using: &random) {
                    body = Array(#"{"priority":-2,"note":"line\nbreak \"ü\""}"#.utf8)
                }
                batch.append(
                    kind, source: "agents/\"\(k % 3)\"", id: k % 2 == 0 ? "\(round * 10 + k)" : "id \(round) \\\(k)", subject: subject,
                    pool: kind.shape.carriesPool ? "ns/blue" : nil, worker: kind == .actorRunning ? "w-\(k)" : nil,
                    time: Bool.random(using: &random)
                        ? noon.adding(microseconds: Int64.random(in: -5_000_000...5_000_000, using: &random)) : nil, body: body)
            }
            try log.appendNow(batch)
            if round % 5 == 0 { log.markSuperseded([log.head.seq]) }
        }
        return log
    }

    @Test("an import is the same log: positions, commits, times, numbers of names, marks", arguments: [1, 2, 3] as [UInt64])
    func lossless(seed: UInt64) throws {
        let original = try filled("a.db", seed: seed)
        let lines = try original.lines()
        let copy = try importLines(lines, to: "b.db")
        #expect(try copy.lines() == lines)
        #expect(copy.head == original.head)
        let commits = { (log: EventLog) in try log.read(after: 0, limitEvents: .max) }
        #expect(
            try commits(copy).map { [$0.firstSeq, $0.lastSeq, $0.at.microseconds] }
                == commits(original).map { [$0.firstSeq, $0.lastSeq, $0.at.microseconds] })
        #expect(
            try commits(copy).flatMap(\.events).map { [$0.pool, $0.subject, $0.worker, $0.source] }
                == commits(original).flatMap(\.events).map { [$0.pool, $0.subject, $0.worker, $0.source] })
        #expect(try copy.verify().isSound)
        // A file that an editor put a byte order mark before is the same.
        #expect(try importLines("\u{feff}" + lines, to: "c.db").lines() == lines)
        // And it goes on like any other.
        try copy.appendNow(.one("more"))
        #expect(try copy.verify().isSound)
    }

    @Test("a stretch of the log says where its commits begin")
    func stretch() throws {
        let log = try EventLog.open(.test(directory.file("a.db")))
        try log.appendNow(.ids(["1", "2", "3"]))
        try log.appendNow(.ids(["4", "5"]))
        var bytes: [UInt8] = []
        try log.export(after: 1, upTo: 4) { bytes += $0 }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        #expect(lines.map { $0.prefix(19) } == [#"{"commit":1,"seq":2"#, #"{"commit":1,"seq":3"#, #"{"commit":4,"seq":4"#])
    }

    @Test(
        "what can't be imported is refused, naming the line",
        arguments: [
            (
                #"{"seq":2,"at":"2026-11-21T12:00:00Z","specversion":"1.0","type":"dev.greenroom.actor.idle","source":"s","subject":"a","id":"1"}"#,
                "line 1: its seq is 2 where 1 belongs"
            ),
            (
                #"{"specversion":"1.0","type":"dev.greenroom.actor.idle","source":"s","subject":"a","id":"1"}"#,
                "line 1: it has no seq or no at"
            ),
            (
                #"{"seq":1,"at":"2026-11-21T12:00:00Z","specversion":"1.0","type":"dev.greenroom.actor.idle","source":"s","id":"1"}"#,
                "line 1: subject missing"
            ),
            ("{\"seq\":1", "line 1: not JSON"),
        ])
    func refused(line: String, problem: String) throws {
        do {
            _ = try importLines(line, to: "b.db")
            Issue.record("imported")
        } catch let error as LogImportError { #expect(error.description.hasPrefix(problem), "\(error)") }
    }

    @Test("only an empty log takes an import")
    func notEmpty() throws {
        let log = try EventLog.open(.test(directory.file("a.db")))
        try log.appendNow(.one("1"))
        #expect(throws: LogError.self) { _ = try LogImport(into: log) }
    }
}
