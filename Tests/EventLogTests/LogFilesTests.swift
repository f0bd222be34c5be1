import Domain
import EventLog
import Foundation
import GRDB
import Testing

@testable import EventLog

/// A file that is moved away while it is open can be written on, and what is written is found by nobody.
@Suite("When the log's files are taken away", .timeLimit(.minutes(1)))
struct LogFilesTests {
    let directory: TemporaryDirectory
    var folder: String { directory.file("data") }
    var path: String { folder + "/log.db" }

    init() throws {
        directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    enum Harm: String, CaseIterable, Sendable {
        case moved, deleted, replaced, directoryMoved, directoryReplaced, walDeleted, indexDeleted, walReplaced, allDeleted
    }

    private func move(_ from: String, _ to: String) throws { try FileManager.default.moveItem(atPath: from, toPath: to) }
    private func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: path) }

    private func harm(_ harm: Harm) throws {
        switch harm {
        case .moved: try move(path, directory.file("elsewhere.db"))
        case .deleted: try remove(path)
        case .replaced:
            try move(path, directory.file("elsewhere.db"))
            try FileManager.default.copyItem(atPath: directory.file("elsewhere.db"), toPath: path)
        case .directoryMoved: try move(folder, directory.file("elsewhere"))
        case .directoryReplaced:
            try move(folder, directory.file("elsewhere"))
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        case .walDeleted: try remove(path + "-wal")
        case .indexDeleted: try remove(path + "-shm")
        case .walReplaced:
            try remove(path + "-wal")
            try Data().write(to: URL(fileURLWithPath: path + "-wal"))
        case .allDeleted: for suffix in ["", "-wal", "-shm"] { try remove(path + suffix) }
        }
    }

    /// What an append is answered; nil where it is acknowledged.
    private func refusal(_ log: EventLog, _ batch: EventBatch) async -> String? {
        await withCheckedContinuation { continuation in
            log.append(batch) { result in
                if case .failure(let error) = result {
                    continuation.resume(returning: error.description)
                } else {
                    continuation.resume(returning: nil)
                }
            }
        }
    }

    @Test("nothing is acknowledged any more, and what happened is said", arguments: Harm.allCases)
    func refuses(_ kind: Harm) async throws {
        let notices = Collector<LogNotice>()
        var configuration = EventLog.Configuration.test(path, writer: .thread)
        configuration.limits.tendMicroseconds = 1_000
        configuration.notice = { notices.add($0) }
        let log = try EventLog.open(configuration)
        _ = try await log.append(.one("1"))
        try harm(kind)
        for id in ["2", "3"] {
            let refusal = try #require(await refusal(log, .one(id)))
            #expect(refusal.contains(path) && (refusal.contains("moved or deleted") || refusal.contains("replaced")))
        }
        #expect(log.head.seq == 1)
        #expect(!log.health.isWritable && log.health.problem?.contains(path) == true)
        #expect(notices.all.filter { $0.level == .error }.count == 1)
    }

    @Test("with nobody appending, health and notices say it")
    func idle() async throws {
        let notices = Collector<LogNotice>()
        var configuration = EventLog.Configuration.test(path, writer: .thread)
        configuration.limits.tendMicroseconds = 1_000
        configuration.notice = { notices.add($0) }
        let log = try EventLog.open(configuration)
        try harm(.moved)
        #expect(!log.health.isWritable)
        while notices.all.isEmpty { await Task.yield() }
        #expect(notices.all.first?.text.contains("was moved or deleted while the log was open") == true)
    }

    @Test(
        "once the file is back, writing resumes by itself, and what was sent again is there once", arguments: [Harm.moved, .directoryMoved])
    func comesBack(_ kind: Harm) async throws {
        var configuration = EventLog.Configuration.test(path, writer: .thread)
        configuration.limits.tendMicroseconds = 1_000
        configuration.limits.retryFirstMicroseconds = 1_000
        configuration.limits.retryLastMicroseconds = 2_000
        let log = try EventLog.open(configuration)
        _ = try await log.append(.one("1"))
        try harm(kind)
        await #expect(throws: AppendError.self) { try await log.append(.one("2")) }
        if kind == .moved { try move(directory.file("elsewhere.db"), path) } else { try move(directory.file("elsewhere"), folder) }
        while !log.health.isWritable { await Task.yield() }
        while true {
            // Until the writer has tried for itself.
            if let receipt = try? await log.append(.one("2")) {
                #expect(receipt.positions == [2])
                break
            }
        }
        log.close()
        let reopened = try EventLog.open(.test(path))
        #expect(reopened.head.seq == 2)
        #expect(try reopened.verify().isSound)
    }

    @Test("a write-ahead log deleted under the service is saved by a stop in good order", arguments: [Harm.walDeleted, .walReplaced])
    func stopSaves(_ kind: Harm) async throws {
        let log = try EventLog.open(.test(path, writer: .thread))
        for id in 1...50 { _ = try await log.append(.one("\(id)")) }
        try harm(kind)
        await #expect(throws: AppendError.self) { try await log.append(.one("x")) }
        log.close()
        let reopened = try EventLog.open(.test(path))
        #expect(reopened.head.seq == 50)
        #expect(try reopened.verify().isSound)
    }

    @Test("a log that was closed where its file isn't leaves what lies there alone")
    func leavesOthersAlone() async throws {
        let log = try EventLog.open(.test(path, writer: .thread))
        _ = try await log.append(.one("1"))
        try harm(.directoryReplaced)
        let other = try EventLog.open(.test(path, writer: .thread))
        for id in 1...20 { _ = try await other.append(.one("\(id)")) }
        await #expect(throws: AppendError.self) { try await log.append(.one("2")) }
        log.close()
        _ = try await other.append(.one("21"))
        other.close()
        #expect(try EventLog.verify(path: path).events == 21)
        #expect(try EventLog.verify(path: path).isSound)
    }
}
