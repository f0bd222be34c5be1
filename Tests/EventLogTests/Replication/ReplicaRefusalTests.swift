import Domain
import Testing

@testable import EventLog

/// A stream that doesn't continue an instance's log is refused in words, and nothing of it is applied.
@Suite("What a replicated log refuses")
struct ReplicaRefusalTests {
    struct Tampering: Sendable, CustomStringConvertible {
        var description: String
        var words: String
        var change: @Sendable (inout [UInt8]) -> Void
    }

    static let tamperings = [
        Tampering(description: "the link before", words: "it stands on the link") { $0[21] ^= 1 },
        Tampering(description: "the log's id", words: "it belongs to the log") { $0[5] ^= 1 },
        Tampering(description: "the fence", words: "the leader of fence 3 wrote it after a had won the election 1") { $0[53] = 3 },
        Tampering(description: "the commit's own link", words: "and what it says gives") { $0[54] ^= 1 },
        Tampering(description: "a letter of an event", words: "and what it says gives") { $0[$0.count - 3] ^= 1 },
        Tampering(description: "the format", words: "a newer version wrote it; upgrade this instance") { $0[3] = 2 },
        Tampering(description: "all of it", words: "not a message of a log") { $0 = Array("{}".utf8) },
    ]

    @Test("a message that was changed stops a follower where it stands; reads go on", arguments: tamperings)
    func tampered(_ tampering: Tampering) throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        for k in 0..<10 { try leader.appendNow(.one("turn-\(k)")) }
        replicas.twin.tamper(replicas.twin.last - 2, tampering.change)
        let follower = try replicas.open("b", session: 2)
        while follower.followStream(tends: false) {}
        #expect(follower.head.seq == 7)
        #expect(try follower.read(after: 0, limitEvents: 100).count == 7)
        let problem = try #require(follower.replicaStatus?.problem)
        #expect(problem.contains(tampering.words), "\(problem)")
        #expect(problem.contains("message \(replicas.twin.last - 2) of the stream"), "\(problem)")
        let refused = #expect(throws: AppendError.self) { try follower.appendNow(.one("late")) }
        #expect(refused?.description.contains(tampering.words) == true, "\(refused?.description ?? "")")
        #expect(try !follower.campaign())
        #expect(try follower.verify().isSound)
    }

    @Test("an upgraded instance goes on where an older one stopped")
    func upgraded() throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        for k in 0..<5 { try leader.appendNow(.one("turn-\(k)")) }
        replicas.twin.tamper(4) { $0[3] = 2 }
        let follower = try replicas.open("b", session: 2)
        #expect(follower.replicaStatus?.problem != nil)
        follower.close()
        replicas.twin.tamper(4) { $0[3] = 1 }
        let again = try replicas.open("b", session: 3)
        while again.followStream(tends: false) {}
        #expect(try facts(replicas.path("b")) == facts(replicas.path("a")))
    }

    struct Change: Sendable, CustomStringConvertible {
        var description: String
        var words: String
        var change: @Sendable (Replicas) throws -> Void
    }

    static let changes = [
        Change(description: "the stream was deleted", words: "the stream isn't there") { $0.twin.state.withLock { $0.isThere = false } },
        Change(
            description: "the stream was made anew", words: "was made at 2026-12-02; this file follows one of that name that was made at"
        ) {
            $0.twin.makeAnew(created: "2026-12-02")
        },
        Change(description: "the stream is behind", words: "it has applied message 6, and the stream greenroom ends at 4") {
            $0.twin.state.withLock { $0.last = 4 }
        },
        Change(description: "the stream was purged too far", words: "what lies between was purged") { replicas in
            replicas.twin.state.withLock { for _ in 0..<10 { StreamTwin.store([], &$0) } }
            replicas.twin.purge(below: 12)
        },
    ]

    @Test("a stream that isn't the one this file followed is refused when it is opened", arguments: changes)
    func refused(_ change: Change) throws {
        let replicas = try Replicas()
        let log = try replicas.open("a")
        for k in 0..<4 { try log.appendNow(.one("turn-\(k)")) }
        #expect(replicas.twin.last == 6)
        log.close()
        try change.change(replicas)
        let error = #expect(throws: LogError.self) { try replicas.open("a", session: 2) }
        #expect(error?.description.contains(change.words) == true, "\(error?.description ?? "")")
        #expect(error?.reason == .refused)
    }

    @Test("the same is noticed while it is open, and reads go on")
    func whileOpen() throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        let follower = try replicas.open("b", session: 2)
        for k in 0..<4 { try leader.appendNow(.one("turn-\(k)")) }
        replicas.twin.purge(below: 5)
        #expect(!follower.followStream(tends: false))
        #expect(follower.replicaStatus?.problem?.contains("the stream begins at sequence 5") == true)
        #expect(try follower.read(after: 0, limitEvents: 10).isEmpty)
    }

    @Test("a log that is one file isn't taken for a replica, nor a replica of one log for another's")
    func otherLogs() throws {
        let replicas = try Replicas()
        let embedded = try EventLog.open(.test(replicas.path("old")))
        try embedded.appendNow(.one("id-1"))
        embedded.close()
        let error = #expect(throws: LogError.self) { try replicas.open("old") }
        #expect(error?.description.contains("it holds 1 events and never followed a stream") == true, "\(error?.description ?? "")")
        let empty = try EventLog.open(.test(replicas.path("empty")))
        empty.close()
        _ = try replicas.open("a")
        let other = #expect(throws: LogError.self) { try replicas.open("empty") }
        #expect(other?.description.contains("give the path of a new file: it joins by itself") == true, "\(other?.description ?? "")")
    }

    @Test("a request larger than a message is refused with both numbers, and what waits beside it is written")
    func tooLarge() throws {
        let replicas = try Replicas()
        let log = try replicas.open("a", StreamLink(replicas.twin, messageBytesLimit: 600))
        try log.appendNow(.one("id-1"))
        var large = EventBatch()
        let text = String(repeating: "x", count: 700)
        large.append(.actorIdle, source: "/s", id: "large", subject: "a", body: Array(#"{"text":"\#(text)"}"#.utf8))
        let error = #expect(throws: AppendError.self) { try log.appendNow(large) }
        #expect(error?.description.contains("takes at most 600") == true, "\(error?.description ?? "")")
        #expect(try log.appendNow(.one("id-2")).positions == [2])
        #expect(try log.verify().isSound)
    }

    @Test("two that found a log at the same time found one")
    func founding() throws {
        let replicas = try Replicas()
        let first = try replicas.open("a")
        let second = try replicas.open("b", StreamLink(replicas.twin, faults: .many), session: 2)
        #expect(first.id == second.id)
        #expect(first.replicaStatus?.isLeader == true && second.replicaStatus?.isLeader == false)
    }

    @Test("a file that knows its place is read while the stream can't be reached; a new one says what is missing")
    func unreachable() throws {
        let replicas = try Replicas()
        let log = try replicas.open("a")
        try log.appendNow(.one("id-1"))
        log.close()
        let link = StreamLink(replicas.twin)
        link.cut(true)
        let again = try replicas.open("a", link, session: 2)
        #expect(try again.read(after: 0, limitEvents: 10).count == 1)
        #expect(throws: AppendError.self) { try again.appendNow(.one("id-2")) }
        link.cut(false)
        #expect(try again.campaign())
        #expect(try again.appendNow(.one("id-2")).positions == [2])
        link.cut(true)
        let error = #expect(throws: LogError.self) { try replicas.open("new", link, session: 3) }
        #expect(error?.reason == .unreachable, "\(error?.description ?? "")")
    }
}
