import Basics
import Domain
import EventLog
import Foundation
import GRDB
import Synchronization
import Testing

@testable import EventLog

/// A crash leaves the file, and as much of the WAL as had reached the disk: everything that was synced, and of what came
/// after it any part. Both are copied at the moment of a commit and opened again.
@Suite("After a crash")
struct CrashTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    @Test("a copy at any commit holds everything acknowledged until then, once, and is sound", arguments: [1, 2, 3] as [UInt64])
    func atCommits(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let log = try EventLog.open(.test(path))
        var copies: [(String, Position)] = []
        for round in 0..<60 {
            try log.appendNow(.ids((0..<Int.random(in: 1...20, using: &random)).map { "\(round)-\($0)" }))
            if Int.random(in: 0..<6, using: &random) == 0 {
                copies.append((try directory.copyLog(from: path, to: "c\(round).db"), log.head.seq))
            }
        }
        for (copy, acknowledged) in copies {
            let reopened = try EventLog.open(.test(copy))
            #expect(reopened.head.seq == acknowledged)
            #expect(try reopened.verify().fault == nil)
            try reopened.appendNow(.one("after"))
            #expect(try reopened.verify().fault == nil)
        }
    }

    @Test("a WAL cut anywhere opens to a prefix that holds every commit whose frames are whole", arguments: [11, 12, 13, 14] as [UInt64])
    func truncatedWAL(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let log = try EventLog.open(.test(path))
        // What the WAL held after each commit, and how far the log went then.
        var synced: [(bytes: Int, seq: Position)] = []
        for round in 0..<40 {
            try log.appendNow(.ids((0..<Int.random(in: 1...10, using: &random)).map { "\(round)-\($0)" }))
            synced.append((walBytes(), log.head.seq))
        }
        for cut in 0..<12 {
            let copy = try directory.copyLog(from: path, to: "t\(cut).db")
            let bytes = Int.random(in: synced[0].bytes...synced[synced.count - 1].bytes, using: &random)
            try #require(FileHandle(forWritingAtPath: copy + "-wal")).truncate(atOffset: UInt64(bytes))
            let acknowledged = synced.last { $0.bytes <= bytes }?.seq ?? 0
            let reopened = try EventLog.open(.test(copy))
            #expect(reopened.head.seq == acknowledged, "cut at \(bytes)")
            #expect(try reopened.verify().fault == nil)
            #expect(try reopened.appendNow(.ids((0..<40).map { "\($0)-0" })).duplicates > 0)
            #expect(try reopened.verify().fault == nil)
        }
    }

    private func walBytes() -> Int { (try? FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int) ?? 0 }

    @Test("nobody is answered before the commit is through")
    func acknowledgedAfterSync() async throws {
        let order = Mutex<[String]>([])
        var configuration = EventLog.Configuration.test(path, writer: .thread)
        configuration.durability = .full
        configuration.hooks.afterCommit = { head in order.withLock { $0.append("committed \(head.seq)") } }
        configuration.hooks.beforeCompletion = { order.withLock { $0.append("answering") } }
        let log = try EventLog.open(configuration)
        _ = try await log.append(.one("1"))
        order.withLock { $0.append("answered 1") }
        _ = try await log.append(.one("2"))
        order.withLock { $0.append("answered 2") }
        #expect(order.withLock { $0 } == ["committed 1", "answering", "answered 1", "committed 2", "answering", "answered 2"])
        #expect(try log.synchronousSetting() == 2)
    }
}

extension EventLog {
    /// What SQLite says of how the writer syncs: 2 is FULL.
    func synchronousSetting() throws -> Int {
        try catalog.pool.writeWithoutTransaction { db in try #require(try Int.fetchOne(db, sql: "PRAGMA synchronous")) }
    }

    /// As if the disk had this many pages left, or, with nil, room again.
    func limitPages(_ left: Int?) throws {
        try catalog.pool.writeWithoutTransaction { db in
            let used = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            _ = try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(left.map { used + $0 } ?? 1_000_000_000)")
        }
    }
}
