import Dispatch
import Domain
import EventLog
import GRDB
import Synchronization
import Testing

@testable import EventLog

@Suite("Checkpoints")
struct CheckpointTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    private func body(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) } }

    @Test("the newest at or before a position comes back, in any size", arguments: [0, 1, 255, 256, 257, 5_000])
    func roundTrip(size: Int) throws {
        let log = try EventLog.open(.test(path))
        try log.appendNow(.ids((0..<50).map { "\($0)" }))
        try log.saveCheckpoint(seq: 10, at: noon, version: 1, body: body(size))
        try log.saveCheckpoint(seq: 20, at: noon, version: 1, body: body(size + 1))
        try log.saveCheckpoint(seq: 30, at: noon, version: 2, body: body(size + 2))
        #expect(try log.latestCheckpoint(atOrBefore: 9) == nil)
        #expect(try log.latestCheckpoint(atOrBefore: 10)?.body == body(size))
        #expect(try log.latestCheckpoint(atOrBefore: 29)?.seq == 20)
        #expect(try log.latestCheckpoint()?.version == 2)
        #expect(try log.latestCheckpoint(version: 1)?.seq == 20)
        log.close()
        #expect(try EventLog.open(.test(path)).latestCheckpoint()?.body == body(size + 2))
    }

    @Test("two that are saved at the same time are both there: each has an id of its own")
    func savedAtTheSameTime() throws {
        let log = try EventLog.open(.test(path))
        try log.appendNow(.ids((0..<50).map { "\($0)" }))
        let faults = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 40) { index in
            do { try log.saveCheckpoint(seq: Position(index + 1), at: noon, version: index + 1, body: body(700 + index)) } catch {
                faults.withLock { $0.append("\(error)") }
            }
        }
        #expect(faults.withLock { $0 } == [])
        #expect(try log.latestCheckpoint()?.body == body(739))
    }

    @Test(
        "a damaged one is passed over and reported",
        arguments: [
            "UPDATE checkpoint_parts SET body = zeroblob(256) WHERE part = (SELECT max(part) FROM checkpoint_parts WHERE part >> 20 = (SELECT max(id) FROM checkpoints WHERE owner = 'loop'))",
            "DELETE FROM checkpoint_parts WHERE part >> 20 = (SELECT max(id) FROM checkpoints WHERE owner = 'loop')",
            "UPDATE checkpoints SET digest = x'00' WHERE seq = 4",
        ])
    func damaged(sql: String) throws {
        let log = try EventLog.open(.test(path))
        try log.appendNow(.ids(["1", "2", "3", "4"]))
        try log.saveCheckpoint(seq: 2, at: noon, version: 1, body: body(600))
        try log.saveCheckpoint(seq: 4, at: noon, version: 1, body: body(700))
        try rawConnection(path).write { db in try db.execute(sql: sql) }
        #expect(try log.latestCheckpoint()?.seq == 2)
        #expect(log.health.maintenanceProblem?.contains("1 damaged checkpoint") == true)
    }

    @Test("the log's own state may be damaged or missing: opening works it out again")
    func ownState() throws {
        let log = try EventLog.open(.test(path))
        var batch = EventBatch()
        batch.append(.actorRequested, source: "s", id: "1", subject: "a", pool: "blue")
        try log.appendNow(batch)
        log.close()
        try rawConnection(path).write { db in try db.execute(sql: "UPDATE checkpoint_parts SET body = zeroblob(100)") }
        let reopened = try EventLog.open(.test(path))
        try reopened.appendNow(.one("2", subject: "a"))
        let event = try #require(try reopened.event(at: 2)?.events.first)
        #expect(reopened.names.text(of: event.pool) == "blue" && event.previous == 1)
        #expect(try reopened.verify().isSound)
    }

    @Test("old ones are thinned out: the oldest and the newest stay, gaps grow with age")
    func thinning() throws {
        var configuration = EventLog.Configuration.test(path)
        configuration.limits.checkpointsKept = 16
        let log = try EventLog.open(configuration)
        try log.appendNow(.ids((0..<10).map { "\($0)" }))
        for seq in 1...100 { try log.saveCheckpoint(seq: Position(seq * 10), at: noon, version: 1, body: body(seq)) }
        let left = try rawConnection(path).read { db in
            try Int64.fetchAll(db, sql: "SELECT seq FROM checkpoints WHERE owner = 'loop' ORDER BY seq")
        }
        #expect(left.count == 16 && left.first == 10 && left.suffix(3) == [980, 990, 1_000])
        let parts = try rawConnection(path).read { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM checkpoint_parts WHERE part >> 20 NOT IN (SELECT id FROM checkpoints)")
        }
        #expect(parts == 0)
        // From anywhere in the log, the one before is not much further back than the head is ahead.
        for seq in stride(from: Int64(10), through: 1_000, by: 10) {
            let before = try #require(left.last { $0 <= seq })
            #expect(seq - before <= max(20, 1_000 - seq + 60))
        }
    }
}
