import Foundation
import Domain
import EventLog
import GRDB
import Testing

@testable import EventLog

@Suite("The database refuses to forget")
struct AppendOnlyTests {
    let directory: TemporaryDirectory
    let path: String

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("log.db")
        let log = try EventLog.open(.test(path))
        try log.appendNow(.ids(["a", "b"]))
        log.close()
    }

    @Test(
        "UPDATE and DELETE are refused by name",
        arguments: [
            "UPDATE events SET kind = 1", "UPDATE events SET body = NULL WHERE seq = 2", "DELETE FROM events WHERE seq = 1",
            "DELETE FROM events",
            "UPDATE commits SET at = 0", "DELETE FROM commits", "UPDATE names SET text = 'x' WHERE id = 1", "DELETE FROM names",
            "UPDATE log_info SET id = x'00'", "DELETE FROM log_info",
        ])
    func refused(sql: String) throws {
        let database = try rawConnection(path)
        #expect(throws: DatabaseError.self) { try database.write { db in try db.execute(sql: sql) } }
        #expect(try EventLog.verify(path: path).isSound)
    }
}

/// One digit in one column of one row is changed behind the log's back: verify says where.
@Suite("The hash chain")
struct ChainTests {
    struct Change: Sendable, CustomTestStringConvertible {
        var sql: String
        /// What verify may name: the row's own position, or its commit's first.
        var positions: ClosedRange<Position>
        var testDescription: String { sql }
    }

    /// Three commits: positions 1, 2…4, 5. Names 1 to 6.
    static let changes: [Change] = [
        Change(sql: "UPDATE events SET seq = 9 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET kind = 6 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET kind = 99 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET pool = 1 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET pool = NULL WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET subject = 1 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET worker = 1 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET source = 2 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET source = 77 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET id = 13 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET id = '3' WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET lag = lag + 1 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET lag = NULL WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET prev = 2 WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET body = replace(body, '7', '8') WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET body = NULL WHERE seq = 3", positions: 2...3),
        Change(sql: "UPDATE events SET ext = '{\"x\":1}' WHERE seq = 3", positions: 2...3),
        Change(sql: "DELETE FROM events WHERE seq = 3", positions: 3...3),
        Change(sql: "DELETE FROM events WHERE seq = 5", positions: 5...5),
        Change(
            sql: "INSERT INTO events SELECT 6, kind, pool, subject, worker, source, 'new', lag, 1, body, ext FROM events WHERE seq = 5",
            positions: 6...6),
        Change(sql: "UPDATE commits SET first_seq = 3 WHERE first_seq = 2", positions: 2...2),
        Change(sql: "UPDATE commits SET last_seq = 3 WHERE first_seq = 2", positions: 2...4),
        Change(sql: "UPDATE commits SET at = at + 1 WHERE first_seq = 2", positions: 2...2),
        Change(sql: "UPDATE commits SET at = at - 9 WHERE first_seq = 2", positions: 2...2),
        Change(sql: "UPDATE commits SET last_name = last_name + 1 WHERE first_seq = 1", positions: 1...1),
        Change(sql: "UPDATE commits SET hash = zeroblob(32) WHERE first_seq = 2", positions: 2...2),
        Change(sql: "DELETE FROM commits WHERE first_seq = 2", positions: 2...2),
        Change(sql: "DELETE FROM commits WHERE first_seq = 5", positions: 5...5),
        Change(sql: "UPDATE names SET text = 'agents/b' WHERE id = 1", positions: 1...1),
        Change(sql: "UPDATE names SET id = 99 WHERE id = 3", positions: 1...2),
        Change(sql: "DELETE FROM names WHERE id = (SELECT max(id) FROM names)", positions: 2...5),
        Change(sql: "INSERT INTO names VALUES (100, 'more')", positions: 6...6),
        Change(sql: "UPDATE log_info SET id = zeroblob(16)", positions: 1...1),
    ]

    static func write(_ log: EventLog) throws {
        try log.appendNow(.one("1", source: "agents/a", subject: "actor-1"))
        var batch = EventBatch()
        batch.append(.actorRequested, source: "agents/a", id: "2", subject: "actor-2", pool: "blue", time: noon)
        batch.append(
            .actorPaused, source: "agents/a", id: "3", subject: "actor-2", worker: "w", time: noon.adding(seconds: -1),
            body: Array(#"{"bytes":7}"#.utf8))
        batch.append(.actorIdle, source: "agents/a", id: "4", subject: "actor-1")
        try log.appendNow(batch)
        try log.appendNow(.one("5", subject: "actor-9"))
    }

    static func dropGuards(_ db: Database) throws {
        for name in try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'") {
            try db.execute(sql: "DROP TRIGGER \(name)")
        }
    }

    @Test("a change is found, and where", arguments: changes)
    func found(change: Change) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("log.db")
        let log = try EventLog.open(.test(path))
        try Self.write(log)
        #expect(try log.verify().isSound)
        log.close()
        try rawConnection(path).write { db in
            try Self.dropGuards(db)
            try db.execute(sql: change.sql)
            #expect(db.changesCount == 1)
        }
        let fault = try #require(try EventLog.verify(path: path).fault)
        #expect(change.positions.contains(fault.position), "\(fault)")
    }

    @Test("whoever mends the hash of a changed commit breaks the next")
    func mended() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("log.db")
        let log = try EventLog.open(.test(path))
        try Self.write(log)
        let sound = try log.verify()
        #expect(sound.events == 5 && sound.commits == 3 && sound.head == log.head && sound.lastHash.count == 32)
        log.close()
        // The last commit leaves, with everything that belongs to it: still a sound log, but another end of the chain.
        try rawConnection(path).write { db in
            try Self.dropGuards(db)
            try db.execute(
                sql: "DELETE FROM commits WHERE first_seq = 5; DELETE FROM events WHERE seq = 5; DELETE FROM names WHERE text = 'actor-9'")
        }
        // The mark beside it knows better; without it nobody could tell.
        #expect(try EventLog.verify(path: path).fault?.part == .lost)
        try FileManager.default.removeItem(atPath: HeadMark.path(of: path))
        let shorter = try EventLog.verify(path: path)
        #expect(shorter.isSound && shorter.lastHash != sound.lastHash)
    }

    @Test("an id that was smuggled in twice is found, with both positions")
    func duplicate() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("log.db")
        var limits = EventLog.Limits.tiny
        limits.dedupeTableEvents = 4
        let log = try EventLog.open(.test(path, limits: limits))
        for k in 1...40 { try log.appendNow(.one("id-\(k)")) }
        log.close()
        // As a writer that forgot would have done it: the chain is right, the content isn't.
        try rawConnection(path).write { db in
            try Self.dropGuards(db)
            try db.execute(sql: "UPDATE events SET id = 'id-3' WHERE seq = 30")
            try Self.rechain(db)
        }
        let fault = try #require(try EventLog.verify(path: path).fault)
        #expect(fault.part == .duplicate && fault.position == 30 && fault.problem.contains("position 3"))
    }

    /// Works the chain out anew over whatever the rows say.
    static func rechain(_ db: Database) throws {
        let logID: [UInt8] = try Array(Data.fetchOne(db, sql: "SELECT id FROM log_info")!)
        var previous = CommitHash.genesis(logID: logID)
        var names = 0
        for commit in try Row.fetchAll(db, sql: "SELECT * FROM commits ORDER BY first_seq") {
            var hash = CommitHash(reservingBytes: 100)
            hash.begin(
                previous: previous, at: LogTime(microseconds: commit["at"]), firstSeq: commit["first_seq"], lastSeq: commit["last_seq"],
                lastName: commit["last_name"])
            for name in try String.fetchAll(
                db, sql: "SELECT text FROM names WHERE id > ? AND id <= ? ORDER BY id", arguments: [names, commit["last_name"] as Int])
            {
                Array(name.utf8).withUnsafeBufferPointer { hash.add(name: $0) }
            }
            names = commit["last_name"]
            for row in try Row.fetchAll(
                db, sql: "SELECT * FROM events WHERE seq BETWEEN ? AND ? ORDER BY seq",
                arguments: [commit["first_seq"] as Int, commit["last_seq"] as Int])
            {
                let id = Array((row["id"] as String).utf8)
                id.withUnsafeBufferPointer { bytes in
                    hash.add(
                        kind: row["kind"], pool: row["pool"] ?? 0, subject: row["subject"], worker: row["worker"] ?? 0,
                        source: row["source"],
                        id: StoredID(text: ByteRange(start: 0, count: id.count)), lag: row["lag"], prev: row["prev"] ?? 0, bytes: bytes,
                        body: .empty, extensions: .empty)
                }
            }
            previous = hash.finish()
            try db.execute(sql: "UPDATE commits SET hash = ? WHERE first_seq = ?", arguments: [Data(previous), commit["first_seq"] as Int])
        }
    }
}
