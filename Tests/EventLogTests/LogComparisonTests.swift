import Basics
import Domain
import Testing

@testable import EventLog

/// Where do two logs part?
@Suite("Comparing two logs")
struct LogComparisonTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// A log of `count` commits, and a copy of it.
    private func pair(_ count: Int) throws -> (String, String) {
        let log = try EventLog.open(.test(directory.file("a.db")))
        var events = RandomEvents(seed: 4)
        for _ in 0..<count { try log.appendNow(events.batch()) }
        log.close()
        return (log.path, try directory.copyLog(from: log.path, to: "b.db"))
    }

    private func append(_ ids: [String], to path: String) throws {
        let log = try EventLog.open(.test(path))
        for id in ids { try log.appendNow(.one(id, source: "/other")) }
        log.close()
    }

    @Test("a copy is the same, one that stopped is behind, and the other ahead of it")
    func lengths() throws {
        let (one, other) = try pair(30)
        let head = try EventLog.openReadOnly(path: one).head.seq
        #expect(try LogComparison.of(one, and: other) == .same(through: head))
        try append(["x", "y"], to: other)
        #expect(try LogComparison.of(one, and: other) == .isBehind(through: head, of: head + 2))
        #expect(try LogComparison.of(other, and: one) == .isAhead(through: head + 2, of: head))
    }

    @Test("logs that parted are told by the first commit that differs, wherever it is", arguments: [0, 1, 7, 30])
    func parted(common: Int) throws {
        let (one, other) = try pair(common)
        let head = try EventLog.openReadOnly(path: one).head.seq
        try append((0..<9).map { "mine-\($0)" }, to: one)
        try append((0..<5).map { "theirs-\($0)" }, to: other)
        let found = try LogComparison.of(one, and: other)
        #expect(found == .differs(at: head + 1))
        #expect(found.problem == "the commit at position \(head + 1) isn't the same in both")
    }

    @Test("two logs of their own are no copies of each other")
    func others() throws {
        let (one, _) = try pair(3)
        try append(["x"], to: directory.file("c.db"))
        #expect(try LogComparison.of(one, and: directory.file("c.db")) == .otherLog)
    }
}
