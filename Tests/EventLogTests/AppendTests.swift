import Basics
import Domain
import EventLog
import Synchronization
import Testing

@testable import EventLog

@Suite("Append")
struct AppendTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    @Test("positions run from 1, and a repeat is answered with the first one")
    func repeats() throws {
        let log = try EventLog.open(.test(path))
        let first = try log.appendNow(.ids(["a", "b", "c"]))
        #expect(first == AppendReceipt(accepted: 3, duplicates: 0, positions: [1, 2, 3]))
        let second = try log.appendNow(.ids(["c", "d", "a"]))
        #expect(second == AppendReceipt(accepted: 1, duplicates: 2, positions: [3, 4, 1]))
        #expect(second.firstSeq == 1 && second.lastSeq == 4)
        #expect(log.head.seq == 4)
    }

    @Test("an id twice in one batch is one event")
    func twiceInOneBatch() throws {
        let log = try EventLog.open(.test(path))
        let receipt = try log.appendNow(.ids(["a", "b", "a", "a"]))
        #expect(receipt == AppendReceipt(accepted: 2, duplicates: 2, positions: [1, 2, 1, 1]))
    }

    @Test("the same id of another source is another event")
    func otherSource() throws {
        let log = try EventLog.open(.test(path))
        _ = try log.appendNow(.ids(["7"], source: "agents/a"))
        #expect(try log.appendNow(.ids(["7"], source: "agents/b")).accepted == 1)
    }

    @Test(
        "ids that look alike are not",
        arguments: [
            "7", "07", "+7", "7.0", "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000A", "9223372036854775807",
            "9223372036854775808", "ü", "{}",
        ])
    func lookAlikes(id: String) throws {
        let log = try EventLog.open(.test(path))
        let all = [
            "7", "07", "+7", "7.0", "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000A", "9223372036854775807",
            "9223372036854775808", "ü", "{}",
        ]
        try log.appendNow(.ids(all))
        let position = Position((all.firstIndex(of: id) ?? -1) + 1)
        #expect(try log.appendNow(.ids([id])).positions == [position])
        let batch = try #require(try log.event(at: position))
        #expect(batch.text(batch.events[0].id) == id)
    }

    @Test("exactly once holds across a restart, clean or not", arguments: [true, false])
    func restart(clean: Bool) throws {
        let ids = (0..<200).map { "id-\($0)" }
        let log = try EventLog.open(.test(path))
        for id in ids { try log.appendNow(.ids([id])) }
        let next = clean ? path : try directory.copyLog(from: path, to: "crashed.db")
        log.close()
        let reopened = try EventLog.open(.test(next))
        #expect(reopened.head.seq == 200)
        #expect(try reopened.appendNow(.ids(ids)) == AppendReceipt(accepted: 0, duplicates: 200, positions: (1...200).map { Position($0) }))
        #expect(try reopened.verify().isSound)
    }

    @Test("a pool holds for its subject until another event says otherwise, and previous leads back", arguments: [false, true])
    func homePoolAndPrevious(reopens: Bool) throws {
        var log = try EventLog.open(.test(path))
        var batch = EventBatch()
        batch.append(.actorRequested, source: "s", id: "1", subject: "a", pool: "blue")
        batch.append(.actorIdle, source: "s", id: "2", subject: "b")
        batch.append(.actorIdle, source: "s", id: "3", subject: "a")
        try log.appendNow(batch)
        if reopens {
            log.close()
            log = try EventLog.open(.test(path))
        }
        var more = EventBatch()
        more.append(.actorRunning, source: "s", id: "4", subject: "a", worker: "w")
        more.append(.actorRequested, source: "s", id: "5", subject: "a", pool: "green")
        more.append(.actorIdle, source: "s", id: "6", subject: "a")
        try log.appendNow(more)
        let events = try log.read(after: 0, limitEvents: 100).flatMap(\.events)
        #expect(events.map { log.names.text(of: $0.pool) } == ["blue", "", "blue", "blue", "green", "green"])
        #expect(events.map(\.previous) == [0, 0, 1, 3, 4, 5])
        let subject = try #require(log.names.find("a"))
        #expect(try log.history(of: subject).map(\.firstSeq) == [1, 3, 4, 5, 6])
        #expect(try log.history(of: subject, before: 5, limit: 2).map(\.firstSeq) == [3, 4])
    }

    @Test("the log's time never goes back, whatever the clock does")
    func timeNeverGoesBack() throws {
        let clock = ManualClock(noon)
        let log = try EventLog.open(.test(path, clock: clock.read))
        try log.appendNow(.one("1"))
        clock.advance(microseconds: -5_000_000)
        try log.appendNow(.one("2"))
        clock.set(noon.adding(seconds: 10))
        try log.appendNow(.one("3"))
        #expect(try log.read(after: 0, limitEvents: 10).map(\.at) == [noon, noon, noon.adding(seconds: 10)])
        #expect(try log.position(at: noon.adding(microseconds: -1)) == 0)
        #expect(try log.position(at: noon) == 2)
        #expect(try log.position(at: noon.adding(seconds: 9)) == 2)
        #expect(try log.position(at: .distantFuture) == 3)
    }

    @Test("a time is found among many commits of any size")
    func positionsOfTimes() throws {
        let clock = ManualClock(noon)
        let log = try EventLog.open(.test(path, clock: clock.read))
        var random = SplitMix64(seed: 5)
        var ends: [(LogTime, Position)] = []
        for round in 0..<60 {
            clock.advance(microseconds: Int64.random(in: 0...3, using: &random))
            try log.appendNow(.ids((0..<Int.random(in: 1...9, using: &random)).map { "\(round)-\($0)" }))
            ends.append((log.head.at, log.head.seq))
        }
        for microseconds in -1..<200 {
            let time = noon.adding(microseconds: Int64(microseconds))
            #expect(try log.position(at: time) == ends.last { $0.0 <= time }?.1 ?? 0)
        }
    }

    @Test("a batch that can't be stored is refused alone, and nothing of it is kept")
    func invalidBatch() throws {
        let log = try EventLog.open(.test(path))
        var bad = EventBatch.ids(["1", "2"])
        bad.append(.actorIdle, source: "s", id: "3", subject: String(repeating: "x", count: 513))
        #expect(throws: AppendError.invalid(index: 2, problem: "a name has 513 bytes; at most 512 are taken")) { try log.appendNow(bad) }
        #expect(throws: AppendError.self) { try log.appendNow(.one("")) }
        #expect(log.head.seq == 0)
        #expect(try log.appendNow(.ids(["1"])).positions == [1])
    }

    @Test("an empty batch is answered and commits nothing")
    func emptyBatch() throws {
        let log = try EventLog.open(.test(path))
        #expect(try log.appendNow(EventBatch()) == AppendReceipt(accepted: 0, duplicates: 0, positions: []))
        #expect(try log.stats().commits == 0)
    }

    @Test("after close an append is answered, not lost in silence")
    func closed() throws {
        let log = try EventLog.open(.test(path, writer: .thread))
        try log.appendNow(.one("1"))
        log.close()
        #expect(throws: AppendError.closed) { try log.appendNow(.one("2")) }
        log.close()
    }

    @Test("what has been read back is what was appended")
    func roundTrip() throws {
        let log = try EventLog.open(.test(path))
        let body = Array(#"{"a":null,"labels":{"x":"é\"\\"},"n":1.50}"#.utf8)
        var batch = EventBatch()
        batch.append(
            .actorRunning, source: "s/1", id: "x", subject: "actor", worker: "w-1", time: noon.adding(microseconds: -1_500_001), body: body)
        batch.append(.actorCrashed, source: "s/1", id: "y", subject: "actor", time: noon.adding(microseconds: 3))
        try log.appendNow(batch)
        let committed = try #require(try log.follower(after: 0).poll())
        let stored = try #require(try log.read(after: 0, limitEvents: 10).first)
        for batch in [committed, stored] {
            #expect(batch.at == noon)
            #expect(batch.events.map(\.time) == [noon.adding(microseconds: -1_500_001), noon.adding(microseconds: 3)])
            #expect(Array(batch.bytes[batch.events[0].body.lower..<batch.events[0].body.upper]) == body)
            #expect(batch.events.map { log.names.text(of: $0.worker) } == ["w-1", ""])
            #expect(batch.events[1].body.isEmpty)
        }
    }

    @Test("who may not write any more is refused before each commit, and nothing of it is in the log")
    func refusedCommits() throws {
        let mayWrite = Mutex(true)
        var configuration = EventLog.Configuration.test(path)
        configuration.commitRefusal = { mayWrite.withLock { $0 } ? nil : .notWritable(reason: "another leads", hint: "ask it") }
        let log = try EventLog.open(configuration)
        defer { log.close() }
        try log.appendNow(.one("a"))
        mayWrite.withLock { $0 = false }
        #expect(throws: AppendError.notWritable(reason: "another leads", hint: "ask it")) { try log.appendNow(.one("b")) }
        // It is no failure of the disk: nothing is tried again, and nothing is unhealthy.
        #expect(log.head.seq == 1 && log.health.isWritable)
        mayWrite.withLock { $0 = true }
        #expect(try log.appendNow(.one("b")).accepted == 1)
    }
}
