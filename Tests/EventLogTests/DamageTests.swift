import Domain
import EventLog
import Foundation
import GRDB
import Testing

@testable import EventLog

/// A damaged page of what is only kept for speed costs time; one of the log itself is refused in words.
@Suite("Damaged pages")
struct DamageTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    private func makeLog() throws {
        let log = try EventLog.open(.test(path))
        for round in 0..<20 { try log.appendNow(.ids((0..<10).map { "\(round)-\($0)" })) }
        try log.saveCheckpoint(seq: 100, at: noon, version: 1, body: [UInt8](repeating: 7, count: 40_000))
        try log.saveCheckpoint(seq: 200, at: noon, version: 1, body: [UInt8](repeating: 8, count: 40_000))
        log.close()
    }

    private func overwrite(page: Int, from: Int = 0, count: Int = 64) throws {
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.seek(toOffset: UInt64((page - 1) * 4_096 + from))
        try handle.write(contentsOf: Data(repeating: 0xFF, count: count))
        try handle.close()
    }

    /// Pages of a table, as SQLite's own reader of the format names them; without it, its root alone.
    private func pages(of table: String) throws -> [Int] {
        try rawConnection(path).read { db in
            if let all = try? Int.fetchAll(db, sql: "SELECT pageno FROM dbstat WHERE name = ?", arguments: [table]), !all.isEmpty {
                return all
            }
            return try Int.fetchAll(db, sql: "SELECT rootpage FROM sqlite_master WHERE name = ?", arguments: [table])
        }
    }

    @Test("of a checkpoint: the log opens, says so, and keeps checkpoints again", arguments: ["checkpoints", "checkpoint_parts"])
    func checkpointPages(table: String) throws {
        try makeLog()
        for page in try pages(of: table) {
            let sound = try Data(contentsOf: URL(fileURLWithPath: path))
            try overwrite(page: page)
            let notices = Collector<LogNotice>()
            var configuration = EventLog.Configuration.test(path)
            configuration.notice = { notices.add($0) }
            let log = try EventLog.open(configuration)
            #expect(log.head.seq == 200)
            let found = try log.latestCheckpoint()
            #expect(found == nil || found?.body.count == 40_000)
            #expect(log.health.maintenanceProblem != nil && notices.all.contains { $0.level == .warning })
            try log.appendNow(.one("after"))
            for seq in 1...8 {
                try log.saveCheckpoint(seq: Position(200 + seq), at: noon, version: 1, body: [UInt8](repeating: UInt8(seq), count: 9_000))
            }
            #expect(try log.latestCheckpoint()?.seq == 208)
            #expect(try log.verify().isSound)
            log.close()
            let again = try EventLog.open(.test(path))
            #expect(again.head.seq == 201)
            #expect(try again.latestCheckpoint()?.seq == 208)
            again.close()
            for suffix in ["-wal", "-shm", "-head"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            try sound.write(to: URL(fileURLWithPath: path))
        }
    }

    @Test(
        "of the log's tail: opening refuses in words",
        arguments: [
            "UPDATE events SET kind = 99 WHERE seq = 195", "UPDATE events SET subject = 4000000000 WHERE seq = 195",
            "DELETE FROM events WHERE seq = 190",
            "UPDATE commits SET hash = zeroblob(32) WHERE last_seq = 200", "UPDATE commits SET last_seq = 1000000 WHERE last_seq = 200",
            "UPDATE events SET id = x'0102' WHERE seq = 199",
        ])
    func tail(sql: String) throws {
        let log = try EventLog.open(.test(path))
        for round in 0..<20 { try log.appendNow(.ids((0..<10).map { "\(round)-\($0)" })) }
        let copy = try directory.copyLog(from: path, to: "copy.db")
        try rawConnection(copy).write { db in
            for trigger in try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'") {
                try db.execute(sql: "DROP TRIGGER \(trigger)")
            }
            try db.execute(sql: sql)
        }
        do throws(LogError) {
            _ = try EventLog.open(.test(copy))
            Issue.record("opened")
        } catch { #expect(error.reason == .damaged && error.hint.contains("copy"), "\(error)") }
    }
}

/// A reader that stays keeps the write-ahead log from starting over.
@Suite("The write-ahead log's size", .timeLimit(.minutes(1)))
struct WALSizeTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    private var walBytes: Int { WALCheckpointer.fileBytes(ofLog: path) }

    private func configuration() -> EventLog.Configuration {
        var limits = EventLog.Limits.tiny
        limits.walCheckpointBytes = 256 << 10
        limits.walLimitBytes = 1 << 20
        limits.tendMicroseconds = 1_000
        return .test(path, writer: .thread, limits: limits)
    }

    private func fill(_ log: EventLog, _ name: String, until isEnough: () -> Bool) async throws {
        var round = 0
        while !isEnough() {
            var batch = EventBatch()
            for k in 0..<50 {
                batch.append(
                    .actorIdle, source: "s", id: "\(name)-\(round)-\(k)", subject: "a",
                    body: Array(#"{"x":"\#(String(repeating: "x", count: 500))"}"#.utf8))
            }
            _ = try await log.append(batch)
            round += 1
        }
    }

    @Test("once the reader has left it is cut back below the limit", arguments: [true, false])
    func cutBack(writesOn: Bool) async throws {
        let log = try EventLog.open(configuration())
        try await fill(log, "a") { walBytes > 300 << 10 }
        var settings = GRDB.Configuration()
        settings.allowsUnsafeTransactions = true
        let reader = try DatabaseQueue(path: path, configuration: settings)
        try await reader.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN")
            _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM events")
        }
        try await fill(log, "b") { walBytes > 5 << 20 }
        try await reader.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
        var more = 0
        while walBytes > 1 << 20 {
            if writesOn { _ = try await log.append(.one("more-\(more)")) } else { await Task.yield() }
            more += 1
        }
        #expect(try log.verify().isSound)
        log.close()
        #expect(try EventLog.verify(path: path).isSound)
    }

    @Test("verifying reads a stretch at a time, beside a writer")
    func verifying() async throws {
        var configuration = configuration()
        configuration.limits.dedupeTableEvents = EventLog.Limits().dedupeTableEvents
        let log = try EventLog.open(configuration)
        for round in 0..<28 { _ = try await log.append(.ids((0..<5_000).map { "\(round)-\($0)" })) }
        var snapshots: Set<Position> = []
        let report = try log.verify { position in
            _ = try? log.appendNow(.one("during-\(position)"))
            snapshots.insert(position)
        }
        #expect(report.isSound && report.events == 140_000 && snapshots.count >= 2)
        log.close()
        #expect(try EventLog.verify(path: path).events == 140_000 + Int64(snapshots.count))
    }
}
