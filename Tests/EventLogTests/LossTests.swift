import Basics
import Domain
import EventLog
import Foundation
import GRDB
import Testing

@testable import EventLog

/// Whatever happened to the files between two runs: what was acknowledged is there, or its absence is said.
@Suite("When acknowledged events are missing")
struct LossTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    /// As a killed process leaves them: the log's files while it is open, under another name.
    private func crashCopy(_ name: String = "crashed.db", mark: Bool = true) throws -> String {
        let copy = try directory.copyLog(from: path, to: name)
        if mark { try FileManager.default.copyItem(atPath: path + "-head", toPath: copy + "-head") }
        return copy
    }

    private func flip(_ file: String, at offset: Int) throws {
        let handle = try #require(FileHandle(forUpdatingAtPath: file))
        try handle.seek(toOffset: UInt64(offset))
        let byte = try #require(try handle.read(upToCount: 1)?.first)
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data([byte ^ 0x10]))
        try handle.close()
    }

    private func refusal(_ path: String) -> LogError? {
        do throws(LogError) {
            _ = try EventLog.open(.test(path))
            return nil
        } catch { return error }
    }

    private func walBytes() -> Int { (try? FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int) ?? 0 }

    /// Commits of one event each; the WAL's size after each.
    private func fill(_ log: EventLog, _ ids: ClosedRange<Int>) throws -> [Int] {
        try ids.map { id in
            try log.appendNow(.one("\(id)", subject: "actor-\(id % 7)"))
            return walBytes()
        }
    }

    @Test("one bit flipped anywhere in the write-ahead log is noticed, and nothing is given out twice", arguments: [1, 2, 3] as [UInt64])
    func flippedBit(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let log = try EventLog.open(.test(path))
        let sizes = try fill(log, 1...201)
        for round in 0..<12 {
            let copy = try crashCopy("flip\(round).db")
            let offset = Int.random(in: 32..<(sizes.last ?? 0), using: &random)
            try flip(copy + "-wal", at: offset)
            let error = try #require(refusal(copy))
            #expect(error.reason == .damaged && error.problem.contains("missing") && error.hint.contains("accept-loss"), "\(error)")
            #expect(try EventLog.verify(path: copy).fault?.part == .lost)
            // Refused again, and nothing is touched by asking.
            #expect(refusal(copy) == error)
            try goesOn(copy, after: 201)
        }
    }

    @Test("without a mark, commits behind the damage tell, and how far they went", arguments: [1, 2, 3] as [UInt64])
    func withoutMark(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let log = try EventLog.open(.test(path))
        let sizes = try fill(log, 1...100)
        for round in 0..<8 {
            let copy = try crashCopy("scan\(round).db", mark: false)
            // Two commits stand behind it at least: of one alone nobody could tell whether it was ever synced.
            let offset = Int.random(in: 32..<sizes[96], using: &random)
            try flip(copy + "-wal", at: offset)
            let loss = try #require(try EventLog.loss(path: copy))
            #expect(loss.acknowledged == 100)
            #expect(loss.head == Position(sizes.firstIndex { $0 > offset } ?? 0))
            #expect(refusal(copy)?.reason == .damaged)
            try goesOn(copy, after: 100)
        }
    }

    @Test("a damaged header of the write-ahead log, which hides all of it, is noticed", arguments: [true, false])
    func damagedHeader(mark: Bool) throws {
        let log = try EventLog.open(.test(path))
        _ = try fill(log, 1...30)
        for (round, offset) in [0, 3, 9, 17, 21, 25, 30].enumerated() {
            let copy = try crashCopy("header\(round).db", mark: mark)
            try flip(copy + "-wal", at: offset)
            #expect(try EventLog.loss(path: copy)?.acknowledged == 30, "at byte \(offset)")
            #expect(refusal(copy)?.reason == .damaged)
        }
    }

    @Test("what a power cut leaves of the last commit is no loss", arguments: [1, 2, 3] as [UInt64])
    func tornCommit(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let log = try EventLog.open(.test(path))
        let sizes = try fill(log, 1...40)
        for round in 0..<8 {
            let acknowledged = Int.random(in: 10...39, using: &random)
            let copy = try directory.copyLog(from: path, to: "torn\(round).db")
            // The next commit's frames got to the disk in any order, and not all of them.
            let wal = try #require(FileHandle(forWritingAtPath: copy + "-wal"))
            try wal.truncate(atOffset: UInt64(sizes[acknowledged]))
            let hole = Int.random(in: sizes[acknowledged - 1]..<(sizes[acknowledged] - 24), using: &random)
            try wal.seek(toOffset: UInt64(hole))
            try wal.write(contentsOf: Data(repeating: 0xA5, count: 24))
            try wal.close()
            let reopened = try EventLog.open(.test(copy))
            #expect(reopened.head.seq == acknowledged)
            #expect(try reopened.verify().isSound)
        }
    }

    @Test("pieces of commits whose sync failed, each written over the one before, are no loss")
    func failedSyncs() throws {
        let log = try EventLog.open(.test(path))
        let sizes = try fill(log, 1...40)
        let copy = try directory.copyLog(from: path, to: "failed.db")
        let file = URL(fileURLWithPath: copy + "-wal")
        var wal = try Data(contentsOf: file).prefix(sizes[39])
        // What is left of a try begins within it: its later frames follow one another, and nothing else.
        for commit in [10, 20, 30] { wal += wal[sizes[commit - 1]..<sizes[commit]] }
        try wal.write(to: file)
        let reopened = try EventLog.open(.test(copy))
        #expect(reopened.head.seq == 40)
        #expect(try reopened.verify().isSound)
    }

    @Test("frames of an earlier round of the write-ahead log are no loss")
    func olderFrames() throws {
        let log = try EventLog.open(.test(path))
        _ = try fill(log, 1...60)
        try log.checkpointWAL()
        _ = try fill(log, 61...65)
        let copy = try crashCopy()
        let reopened = try EventLog.open(.test(copy))
        #expect(reopened.head.seq == 65)
    }

    @Test("a write-ahead log that is gone, cut back or emptied after a crash is noticed", arguments: ["gone", "empty", "half"])
    func lostWAL(how: String) throws {
        let log = try EventLog.open(.test(path))
        let sizes = try fill(log, 1...20)
        let copy = try crashCopy()
        switch how {
        case "gone": try FileManager.default.removeItem(atPath: copy + "-wal")
        case "empty": try Data().write(to: URL(fileURLWithPath: copy + "-wal"))
        default: try #require(FileHandle(forWritingAtPath: copy + "-wal")).truncate(atOffset: UInt64(sizes[9]))
        }
        #expect(refusal(copy)?.problem.contains("position") == true)
        try goesOn(copy, after: 20)
    }

    @Test("a database that is gone isn't begun anew in silence", arguments: ["gone", "empty"])
    func lostDatabase(how: String) throws {
        var log = try EventLog.open(.test(path))
        _ = try fill(log, 1...20)
        log.close()
        try FileManager.default.removeItem(atPath: path)
        if how == "empty" { try Data().write(to: URL(fileURLWithPath: path)) }
        let error = try #require(refusal(path))
        #expect(error.problem.contains("20 acknowledged events, positions 1 to 20, are missing"))
        _ = try EventLog.acceptLoss(path: path)
        log = try EventLog.open(.test(path))
        #expect(try log.appendNow(.one("1")).positions == [21])
    }

    @Test("an older copy put in its place, and another log, are noticed", arguments: ["older", "other"])
    func replaced(how: String) throws {
        var log = try EventLog.open(.test(path))
        _ = try fill(log, 1...10)
        log.close()
        try FileManager.default.copyItem(atPath: path, toPath: directory.file("older.db"))
        log = try EventLog.open(.test(path))
        _ = try fill(log, 11...30)
        log.close()
        if how == "other" {
            let other = try EventLog.open(.test(directory.file("other.db")))
            _ = try fill(other, 1...40)
            other.close()
        }
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: directory.file("\(how).db"), toPath: path)
        #expect(
            refusal(path)?.problem.contains(how == "older" ? "20 acknowledged events, positions 11 to 30, are missing" : "another log")
                == true)
        try goesOn(path, after: how == "older" ? 30 : 40)
    }

    @Test("a log put where an empty one was is taken as it is")
    func afterEmpty() throws {
        try EventLog.open(.test(path)).close()
        let other = try EventLog.open(.test(directory.file("other.db")))
        _ = try fill(other, 1...4)
        other.close()
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: directory.file("other.db"), toPath: path)
        #expect(try EventLog.open(.test(path)).head.seq == 4)
    }

    @Test("another history under the same log id is noticed")
    func otherHistory() throws {
        var log = try EventLog.open(.test(path))
        _ = try fill(log, 1...10)
        log.close()
        try FileManager.default.copyItem(atPath: path, toPath: directory.file("branch.db"))
        log = try EventLog.open(.test(path))
        _ = try fill(log, 11...20)
        log.close()
        let branch = try EventLog.open(.test(directory.file("branch.db")))
        for id in 1...30 { try branch.appendNow(.one("b\(id)")) }
        branch.close()
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: directory.file("branch.db"), toPath: path)
        #expect(refusal(path)?.problem.contains("another commit at position 20") == true)
    }

    @Test("a mark that is missing, older or damaged stops nothing", arguments: ["missing", "older", "damaged"])
    func weakMark(how: String) throws {
        var log = try EventLog.open(.test(path))
        _ = try fill(log, 1...10)
        let mark = path + "-head"
        let older = try Data(contentsOf: URL(fileURLWithPath: mark))
        _ = try fill(log, 11...20)
        log.close()
        switch how {
        case "missing": try FileManager.default.removeItem(atPath: mark)
        case "older": try older.write(to: URL(fileURLWithPath: mark))
        default: try Data(repeating: 7, count: 8_192).write(to: URL(fileURLWithPath: mark))
        }
        log = try EventLog.open(.test(path))
        #expect(log.head.seq == 20)
        #expect((log.health.maintenanceProblem?.contains("log.db-head can't be read") == true) == (how == "damaged"))
        log.close()
        guard case .mark(let written) = HeadMark.read(of: path) else {
            throw LogError(.damaged, operation: "", path: "", problem: "no mark", hint: "")
        }
        #expect(written.head.seq == 20)
    }

    @Test("a slot that a power cut tore leaves the other")
    func tornMark() throws {
        let log = try EventLog.open(.test(path))
        _ = try fill(log, 1...11)
        for slot in 0..<2 {
            let copy = try crashCopy("torn\(slot).db")
            try flip(copy + "-head", at: slot * 4_096 + 30)
            guard case .mark(let mark) = HeadMark.read(of: copy) else {
                throw LogError(.damaged, operation: "", path: "", problem: "no mark", hint: "")
            }
            #expect((10...11).contains(mark.head.seq))
            #expect(try EventLog.open(.test(copy)).head.seq == 11)
        }
    }

    /// Accepts the loss, and goes on.
    private func goesOn(_ copy: String, after last: Position) throws {
        _ = try EventLog.acceptLoss(path: copy)
        #expect(try EventLog.acceptLoss(path: copy) == nil)
        #expect(try EventLog.verify(path: copy).isSound)
        let log = try EventLog.open(.test(copy))
        #expect(log.head.seq == last)
        #expect(try log.appendNow(.one("after", source: "new")).positions == [last + 1])
        // What was lost may be sent again.
        #expect(try log.appendNow(.one("201", subject: "actor-5")).positions.count == 1)
        #expect(try log.verify().isSound)
        log.close()
        #expect(try EventLog.open(.test(copy)).head.seq >= last + 1)
    }

    @Test("whatever lies in the mark's place, the log opens and doesn't wait for it", .timeLimit(.minutes(1)), arguments: [true, false])
    func otherThingInTheMarksPlace(isPipe: Bool) throws {
        let log = try EventLog.open(.test(path))
        _ = try fill(log, 1...3)
        log.close()
        let mark = path + "-head"
        try FileManager.default.removeItem(atPath: mark)
        if isPipe {
            #expect(mkfifo(mark, 0o600) == 0)
        } else {
            try FileManager.default.createDirectory(atPath: mark, withIntermediateDirectories: false)
        }
        #expect(HeadMark.read(of: path) == .unreadable)
        let again = try EventLog.open(.test(path))
        #expect(again.head.seq == 3)
        _ = try fill(again, 4...4)
        again.close()
    }
}

extension EventLog {
    /// Copies all of the write-ahead log into the database, so that the next commit starts it over.
    func checkpointWAL() throws { try catalog.pool.writeWithoutTransaction { db in _ = try db.checkpoint(.full) } }
}
