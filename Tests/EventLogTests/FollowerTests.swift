import Domain
import EventLog
import Testing

@testable import EventLog

@Suite("Following")
struct FollowerTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    @Test("from any position, across the edge of what is in memory, everything comes once and in order")
    func anyPosition() throws {
        let log = try EventLog.open(.test(path))
        for round in 0..<30 { try log.appendNow(.ids((0..<(1 + round % 7)).map { "\(round)-\($0)" })) }
        for start in 0...log.head.seq {
            let follower = log.follower(after: start)
            var seqs: [Position] = []
            while let batch = try follower.poll() { seqs += batch.events.map(\.seq) }
            #expect(seqs == Array((start + 1)..<(log.head.seq + 1)))
            #expect(follower.position == max(start, log.head.seq))
        }
    }

    @Test("a slow follower that falls out of memory catches up from the file")
    func fallsBehind() throws {
        let log = try EventLog.open(.test(path))
        let follower = log.follower(after: 0)
        var seqs: [Position] = []
        for round in 0..<100 {
            try log.appendNow(.ids((0..<9).map { "\(round)-\($0)" }))
            if round % 9 == 0, let batch = try follower.poll() { seqs += batch.events.map(\.seq) }
        }
        while let batch = try follower.poll() { seqs += batch.events.map(\.seq) }
        #expect(seqs == Array(1...900))
    }

    @Test("many followers, from different positions, while appends run")
    func whileAppending() async throws {
        let log = try EventLog.open(.test(path, writer: .thread))
        for round in 0..<20 { _ = try await log.append(.ids((0..<5).map { "before-\(round)-\($0)" })) }
        try await withThrowingTaskGroup(of: (Position, [Position]).self) { group in
            for start in stride(from: 0 as Position, to: 100, by: 5) {
                group.addTask {
                    let follower = log.follower(after: start)
                    var seqs: [Position] = []
                    while seqs.last ?? 0 < 700, let batch = try await follower.next() { seqs += batch.events.map(\.seq) }
                    return (start, seqs)
                }
            }
            group.addTask {
                for round in 0..<200 { _ = try await log.append(.ids((0..<3).map { "during-\(round)-\($0)" })) }
                return (0, Array(1...700))
            }
            for try await (start, seqs) in group { #expect(seqs == Array((start + 1)...700)) }
        }
    }

    @Test("a waiting follower ends with the log, and with its task")
    func ends() async throws {
        let log = try EventLog.open(.test(path, writer: .thread))
        let cancelled = Task { try await log.follower(after: 0).next() }
        cancelled.cancel()
        #expect(try await cancelled.value == nil)
        let waiting = Task { try await log.follower(after: 0).next() }
        log.close()
        #expect(try await waiting.value == nil)
    }

    @Test("a thousand followers that wait all hear of one commit")
    func thousand() async throws {
        let log = try EventLog.open(.test(path, writer: .thread))
        try await withThrowingTaskGroup(of: Position?.self) { group in
            for _ in 0..<1_000 { group.addTask { try await log.follower(after: 0).next()?.lastSeq } }
            group.addTask { try await log.append(.ids(["a", "b"])).lastSeq }
            for try await seq in group { #expect(seq == 2) }
        }
    }

    @Test("who is answered sees its own events, and onCommit hears of each commit")
    func readYourWrites() throws {
        let log = try EventLog.open(.test(path))
        let heads = Collector<Position>()
        log.onCommit { heads.add($0.seq) }
        let follower = log.follower(after: 0)
        for k in 1...10 {
            try log.appendNow(.one("\(k)"))
            #expect(log.head.seq == Position(k))
            #expect(try follower.poll()?.lastSeq == Position(k))
        }
        #expect(heads.all == Array(1...10))
    }

    @Test("an append from within onCommit is committed too")
    func reentrant() throws {
        let log = try EventLog.open(.test(path))
        log.onCommit { [weak log] head in
            if head.seq < 5 { log?.append(.one("reply-\(head.seq)")) { _ in } }
        }
        try log.appendNow(.one("first"))
        #expect(log.head.seq == 5)
        #expect(try log.verify().isSound)
    }
}
