import Basics
import Domain
import Foundation
import GRDB
import Testing

@testable import EventLog

/// A log that was one file goes on as a stream: the same commits, positions and links.
@Suite("Migrating a log into a stream")
struct MigrationTests {
    private func migrate(_ path: String, _ link: StreamLink, progress: @escaping (LogMigration.Step, Position) -> Void = { _, _ in }) throws
        -> LogMigration.Report
    {
        let twin = link.twin
        return try LogMigration.run(path: path, stream: link, clock: { twin.now }, progress: progress)
    }

    private func compare(_ path: String, _ twin: StreamTwin) throws -> StreamComparison {
        try StreamComparison.of(path, and: StreamLink(twin), clock: { twin.now })
    }

    /// A log that is one file, with all that rows can have.
    private func embedded(_ path: String, batches: Int = 60, seed: UInt64 = 4) throws {
        var configuration = EventLog.Configuration.test(path)
        configuration.replica = nil
        let log = try EventLog.open(configuration)
        defer { log.close() }
        var events = RandomEvents(seed: seed)
        for _ in 0..<batches { try log.appendNow(events.batch()) }
    }

    @Test("a service on the file, and one on none, go on with the same log", arguments: [false, true])
    func goesOn(hasFaults: Bool) throws {
        let replicas = try Replicas()
        try embedded(replicas.path("a"))
        let before = try facts(replicas.path("a"))
        let report = try migrate(replicas.path("a"), StreamLink(replicas.twin, seed: 3, faults: hasFaults ? .many : .none))
        #expect(report.continuedAfter == 0 && report.commits > 20 && report.sequence == report.commits + 2)
        #expect(try facts(replicas.path("a")) == before)
        #expect(try compare(replicas.path("a"), replicas.twin).result == .same(through: report.events))

        let first = try replicas.open("a")
        let second = try replicas.open("b", session: 2)
        while second.followStream(tends: false) {}
        #expect(first.head.seq == report.events && second.head.seq == report.events)
        #expect(try facts(replicas.path("b")) == before)
        #expect(try first.campaign())
        #expect(try first.appendNow(.one("after")).positions == [report.events + 1])
        while second.followStream(tends: false) {}
        #expect(try facts(replicas.path("b")) == facts(replicas.path("a")))
        #expect(try second.verify().isSound)
        // A running instance's file is compared with the stream as well; one that is behind is said to be.
        #expect(try compare(replicas.path("b"), replicas.twin).result == .same(through: report.events + 1))
    }

    @Test("an interrupted migration continues behind what is there", arguments: [1, 2, 17] as [UInt64])
    func resumes(stored: UInt64) throws {
        let replicas = try Replicas()
        try embedded(replicas.path("a"))
        let report = try migrate(replicas.path("a"), StreamLink(replicas.twin))
        // The same stream as it was when only some of it had been published.
        replicas.twin.state.withLock { state in
            state.entries = state.entries.filter { $0.key <= stored }
            state.last = stored
        }
        var published = 0
        let again = try migrate(replicas.path("a"), StreamLink(replicas.twin)) { step, _ in if step == .publishing { published += 1 } }
        #expect(again.sequence == report.sequence && again.link == report.link && again.commits == report.commits)
        #expect(again.continuedAfter > 0 || stored == 1)
        #expect(published == Int(report.commits + 1 - stored))
        // A third time there is nothing to do.
        #expect(try migrate(replicas.path("a"), StreamLink(replicas.twin)).continuedAfter == report.events)
    }

    @Test("a stream that isn't empty, or is led already, is refused")
    func refusesOthers() throws {
        let replicas = try Replicas()
        try embedded(replicas.path("a"))
        let other = try replicas.open("other")
        try other.appendNow(.one("x"))
        let refused = #expect(throws: LogError.self) { try migrate(replicas.path("a"), StreamLink(replicas.twin)) }
        #expect(refused?.problem.contains("isn't empty") == true, "\(refused?.description ?? "")")

        let led = try Replicas()
        try embedded(led.path("a"))
        _ = try migrate(led.path("a"), StreamLink(led.twin))
        let instance = try led.open("a")
        #expect(try instance.campaign())
        instance.close()
        let leads = #expect(throws: LogError.self) { try migrate(led.path("a"), StreamLink(led.twin)) }
        #expect(leads?.problem.contains("leads the stream") == true, "\(leads?.description ?? "")")
    }

    @Test("a commit that is larger than a message is found before anything is published")
    func tooLarge() throws {
        let replicas = try Replicas()
        try embedded(replicas.path("a"))
        let refused = #expect(throws: LogError.self) {
            try migrate(replicas.path("a"), StreamLink(replicas.twin, messageBytesLimit: 300))
        }
        #expect(refused?.problem.contains("takes at most 300") == true && refused?.hint.contains("max_payload") == true)
        #expect(replicas.twin.last == 0)
    }

    @Test("without a quorum it gives up in words, and goes on later")
    func quorum() throws {
        let replicas = try Replicas()
        try embedded(replicas.path("a"))
        replicas.twin.loseQuorum()
        let refused = #expect(throws: LogError.self) { try migrate(replicas.path("a"), StreamLink(replicas.twin)) }
        #expect(refused?.reason == .unreachable && refused?.hint.contains("run it again") == true, "\(refused?.description ?? "")")
        replicas.twin.regainQuorum()
        #expect(try migrate(replicas.path("a"), StreamLink(replicas.twin)).commits > 20)
    }

    @Test("the first position that differs is named")
    func differences() throws {
        let replicas = try Replicas()
        try embedded(replicas.path("a"))
        let report = try migrate(replicas.path("a"), StreamLink(replicas.twin))
        let file = replicas.path("a")
        let commit = try rawConnection(file).read { db in
            try Row.fetchOne(db, sql: "SELECT first_seq FROM commits ORDER BY first_seq LIMIT 1 OFFSET 20")
        }
        let position: Position = try #require(commit)[0]
        // Message 1 is the election, so commit 21 is message 22. Its rows are others under the same link.
        let whole = try #require(replicas.twin.bytes(at: 22))
        var message = try ReplicaMessage(whole)
        guard case .commit(var content) = message.content else {
            Issue.record("message 22 is no commit")
            return
        }
        content.staged.batch.at = content.staged.batch.at.adding(microseconds: 1)
        message.content = .commit(content)
        let other = try message.encoded()
        replicas.twin.tamper(22) { $0 = other }
        #expect(try compare(file, replicas.twin).result == .differs(at: position))
        replicas.twin.tamper(22) { $0 = whole }
        #expect(try compare(file, replicas.twin).result == .same(through: report.events))

        // What was purged is covered by the link on which the rest stands.
        replicas.twin.purge(below: 22)
        let rest = try compare(file, replicas.twin)
        #expect(rest.result == .same(through: report.events) && rest.from == position)

        // Another log, and a file that ends before the stream begins.
        try embedded(replicas.path("other"))
        #expect(try compare(replicas.path("other"), replicas.twin).result == .otherLog)
    }

    @Test("a file that the stream is ahead of is behind, and one that goes on is ahead")
    func behind() throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        let follower = try replicas.open("b")
        for k in 0..<5 { try leader.appendNow(.one("id-\(k)")) }
        while follower.followStream(tends: false) {}
        for k in 5..<9 { try leader.appendNow(.one("id-\(k)")) }
        #expect(try compare(replicas.path("b"), replicas.twin).result == .isBehind(through: 5, of: 9))
        // Before the commits are an election and a heartbeat.
        replicas.twin.state.withLock { $0.last = 7 }
        #expect(try compare(replicas.path("a"), replicas.twin).result == .isAhead(through: 9, of: 5))
    }

    @Test("an instance's file is a log of its own; once it has gone on alone it can't follow the stream again")
    func wayBack() throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        for k in 0..<20 { try leader.appendNow(.one("id-\(k)")) }
        let follower = try replicas.open("b", session: 2)
        while follower.followStream(tends: false) {}
        follower.close()
        var alone = EventLog.Configuration.test(replicas.path("b"))
        alone.replica = nil
        // Opened and closed it is what it was.
        try EventLog.open(alone).close()
        let again = try replicas.open("b", session: 3)
        #expect(again.head.seq == 20)
        again.close()
        let embedded = try EventLog.open(alone)
        #expect(try embedded.appendNow(.one("alone")).positions == [21])
        #expect(try embedded.appendNow(.one("id-3")).duplicates == 1)
        #expect(try embedded.verify().isSound)
        embedded.close()
        let refused = #expect(throws: LogError.self) { try replicas.open("b", session: 4) }
        #expect(refused?.problem.contains("another commit than the stream") == true, "\(refused?.description ?? "")")
        // It goes on as a stream of its own.
        let other = StreamTwin()
        #expect(try migrate(replicas.path("b"), StreamLink(other)).events == 21)
    }
}
