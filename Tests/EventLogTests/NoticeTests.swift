import Domain
import EventLog
import GRDB
import Testing

@testable import EventLog

@Suite("What people who run the log are told", .timeLimit(.minutes(1)))
struct NoticeTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    private var large: EventBatch {
        var batch = EventBatch()
        batch.append(
            .actorIdle, source: "s", id: "large", subject: "a", body: Array(#"{"x":"\#(String(repeating: "x", count: 30_000))"}"#.utf8))
        return batch
    }

    @Test("a disk that refuses is told when it begins and when it is over, with the reason, and not for every append")
    func failureAndRecovery() throws {
        let notices = Collector<LogNotice>()
        var configuration = EventLog.Configuration.test(path)
        configuration.notice = { notices.add($0) }
        let log = try EventLog.open(configuration)
        try log.appendNow(.one("1"))
        try log.limitPages(0)
        for _ in 0..<50 { #expect(throws: AppendError.self) { try log.appendNow(large) } }
        #expect(notices.all.count == 1)
        let first = try #require(notices.all.first)
        #expect(first.level == .error && first.text.contains("can't be written") && first.text.contains("the disk is full (SQLite says 13"))
        try log.limitPages(nil)
        try log.appendNow(large)
        #expect(notices.all.count == 2)
        #expect(notices.all.last?.level == .notice && notices.all.last?.text.contains("50 commits were refused") == true)
    }

    @Test("while it lasts it is told again, at a bounded pace, though nobody appends")
    func again() async throws {
        let notices = Collector<LogNotice>()
        var configuration = EventLog.Configuration.test(path, writer: .thread)
        configuration.notice = { notices.add($0) }
        configuration.limits.tendMicroseconds = 1_000
        configuration.limits.noticeMicroseconds = 2_000
        let log = try EventLog.open(configuration)
        try log.limitPages(0)
        #expect(throws: AppendError.self) { try log.appendNow(large) }
        while notices.all.count < 3 { await Task.yield() }
        #expect(notices.all.dropFirst().allSatisfy { $0.text.contains("still can't be written") })
        try log.limitPages(nil)
    }

    @Test(
        "SQLite's codes are said in words",
        arguments: [(Int32(1034), "refused to sync"), (778, "refused to write"), (266, "refused to read"), (10, "the disk failed")])
    func words(code: Int32, words: String) {
        let (_, problem, _) = DatabaseTrouble(DatabaseError(resultCode: ResultCode(rawValue: code))).explained
        #expect(problem.contains(words) && problem.contains("SQLite says \(code)"))
    }
}
