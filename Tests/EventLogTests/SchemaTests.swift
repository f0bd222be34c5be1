import Domain
import EventLog
import Foundation
import GRDB
import Testing

@testable import EventLog

@Suite("What the sqlite3 shell sees")
struct SchemaTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    @Test("the table of kinds is EventKind")
    func kinds() throws {
        let log = try EventLog.open(.test(path))
        log.close()
        let rows = try rawConnection(path).read { db in try Row.fetchAll(db, sql: "SELECT * FROM kinds ORDER BY kind") }
        #expect(rows.count == EventKind.allCases.count)
        for (row, kind) in zip(rows, EventKind.allCases) {
            #expect(row["kind"] == Int(kind.rawValue) && row["name"] == kind.name)
            #expect(row["carries_pool"] == kind.shape.carriesPool && row["carries_worker"] == kind.shape.carriesWorker)
        }
    }

    @Test("event_log shows every event as it came")
    func view() throws {
        let log = try EventLog.open(.test(path, clock: { noon.adding(microseconds: 42) }))
        var batch = EventBatch()
        batch.append(
            .actorRequested, source: "agents/a", id: "17", subject: "actor \"1\"", pool: "ns/blue", time: noon.adding(microseconds: -1),
            body: Array(#"{"priority":3,"x":null}"#.utf8))
        batch.append(.actorRunning, source: "agents/a", id: "0b9a8c1e-0000-4000-8000-00000000000f", subject: "actor \"1\"", worker: "w-1")
        batch.append(.actorIdle, source: "agents/a", id: "007", subject: "actor \"1\"", time: LogTime(microseconds: -1))
        try log.appendNow(batch)
        log.markSuperseded([3])
        log.close()
        let rows = try rawConnection(path).read { db in try Row.fetchAll(db, sql: "SELECT * FROM event_log ORDER BY seq") }
        func column(_ name: String) -> [String?] { rows.map { $0[name] } }
        #expect(column("kind") == ["actor.requested", "actor.running", "actor.idle"])
        #expect(column("at") == [String](repeating: "2026-11-21T12:00:00.000042Z", count: 3))
        #expect(column("pool") == ["ns/blue", "ns/blue", "ns/blue"])
        #expect(column("subject") == [String](repeating: "actor \"1\"", count: 3))
        #expect(column("worker") == [nil, "w-1", nil])
        #expect(column("id") == ["17", "0b9a8c1e-0000-4000-8000-00000000000f", "007"])
        #expect(column("time") == ["2026-11-21T11:59:59.999999Z", nil, "1969-12-31T23:59:59.999999Z"])
        #expect(column("data") == [#"{"pool":"ns/blue","priority":3,"x":null}"#, #"{"worker":"w-1"}"#, "{}"])
        #expect(rows.map { $0["superseded"] as Int } == [0, 0, 1])
    }

    @Test("a transition takes no more than 100 bytes, dedupe and commits included", arguments: [true, false])
    func bytesPerEvent(random: Bool) throws {
        var limits = EventLog.Limits()
        limits.dedupeTableEvents = 4_096
        let log = try EventLog.open(.test(path, limits: limits))
        for start in stride(from: 0, to: 40_000, by: 100) {
            var batch = EventBatch()
            for k in start..<(start + 100) {
                let id = random ? UUID().uuidString.lowercased() : String(k)
                batch.append(
                    .actorRunning, source: "agents/node-7", id: id, subject: "actor-\(k % 5_000)", worker: "kagent-default-\(k % 64)",
                    time: noon.adding(microseconds: -3_000), body: Array(#"{"restoreMillis":87}"#.utf8))
            }
            try log.appendNow(batch)
        }
        let stats = try log.stats()
        #expect(Double(stats.fileBytes) / Double(stats.head.seq) < 100)
        // Large enough for runs of many slices, and merged ones: they must be whole.
        #expect(stats.dedupeRuns >= 2)
        #expect(try log.verify().fault == nil)
    }

    @Test("a file of the first version is read as it is, and brought up to date by the first that writes")
    func older() throws {
        let log = try EventLog.open(.test(path))
        try log.appendNow(.ids(["1", "2"]))
        log.close()
        try rawConnection(path).write { db in
            try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier <> '001_log'; DELETE FROM kinds WHERE kind >= 23")
        }
        let reading = try EventLog.openReadOnly(path: path)
        #expect(try reading.verify().isSound)
        #expect(reading.head.seq == 2)
        let writing = try EventLog.open(.test(path))
        try writing.appendNow(.one("3"))
        writing.close()
        try kinds()
    }

    @Test("a file of another program, or of a newer version, is refused and left alone")
    func notALog() throws {
        let text = directory.file("text.db")
        try String(repeating: "not a database ", count: 100).write(toFile: text, atomically: true, encoding: .utf8)
        #expect(throws: LogError.self) { try EventLog.open(.test(text)) }
        let log = try EventLog.open(.test(path))
        log.close()
        try rawConnection(path).write { db in try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('999_future')") }
        do {
            _ = try EventLog.open(.test(path))
            Issue.record("a newer version's file was opened")
        } catch { #expect(error.reason == .notALog && error.problem.contains("newer version")) }
        #expect(throws: LogError.self) { try EventLog.openReadOnly(path: directory.file("missing.db")) }
    }
}

@Suite("Who may open it")
struct OpeningTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    @Test("a second writer is refused and told who the first is")
    func lock() throws {
        let log = try EventLog.open(.test(path))
        do {
            _ = try EventLog.open(.test(path))
            Issue.record("opened twice")
        } catch {
            #expect(error.reason == .locked(pid: ProcessInfo.processInfo.processIdentifier))
            #expect(error.description.contains("\(ProcessInfo.processInfo.processIdentifier)"))
        }
        log.close()
        try EventLog.open(.test(path)).close()
    }

    @Test("a reader sees what the writer commits, with names that came after it opened")
    func readOnly() throws {
        let log = try EventLog.open(.test(path))
        try log.appendNow(.ids(["1", "2"]))
        let reading = try EventLog.openReadOnly(path: path)
        #expect(reading.head.seq == 2)
        try log.appendNow(.one("3", source: "later/source", subject: "later"))
        let last = try #require(try reading.event(at: 3))
        #expect(reading.names.text(of: last.events[0].subject) == "later")
        #expect(try reading.lines() == log.lines())
        #expect(try reading.history(of: try #require(reading.names.find("later"))).map(\.lastSeq) == [3])
        #expect(throws: AppendError.closed) { try reading.appendNow(.one("4")) }
        #expect(try reading.verify().isSound)
        reading.close()
        log.close()
        let alone = try EventLog.openReadOnly(path: path)
        #expect(alone.head.seq == 3)
        var seqs: [Position] = []
        let follower = alone.follower(after: 0)
        while let batch = try follower.poll() { seqs += batch.events.map(\.seq) }
        #expect(seqs == [1, 2, 3])
    }
}
