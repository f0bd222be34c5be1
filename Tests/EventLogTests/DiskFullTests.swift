import Domain
import EventLog
import Testing

@testable import EventLog

@Suite("When the disk is full")
struct DiskFullTests {
    let directory: TemporaryDirectory
    var path: String { directory.file("log.db") }

    init() throws { directory = try TemporaryDirectory() }

    @Test("appends fail with reason and remedy, nothing acknowledged is lost, and writing resumes by itself", arguments: [4, 16, 64])
    func recovers(tableEvents: Int) throws {
        var limits = EventLog.Limits.tiny
        limits.dedupeTableEvents = tableEvents
        let log = try EventLog.open(.test(path, limits: limits))
        var acknowledged: [String] = []
        var refused: [String] = []
        for round in 0..<200 {
            // The disk fills up and is emptied again, over and over.
            if round % 40 == 10 { try log.limitPages(1) }
            if round % 40 == 30 { try log.limitPages(nil) }
            let id = "id-\(round)"
            do {
                var batch = EventBatch.ids([id, "\(id)-b"], source: "agents/\(round % 5)-\(round)")
                batch.append(
                    .actorRequested, source: "s", id: "r-\(round)", subject: "new-\(round)", pool: "pool-\(round)",
                    body: Array(#"{"reason":"\#(String(repeating: "x", count: 900))"}"#.utf8))
                try log.appendNow(batch)
                acknowledged.append(id)
                #expect(log.health.isWritable)
            } catch let AppendError.notWritable(reason, hint) {
                refused.append(id)
                #expect(reason.contains("the disk is full") && hint.contains("free some space"))
                #expect(!log.health.isWritable && log.health.failingSince == noon)
            }
        }
        #expect(acknowledged.count > 50 && refused.count > 20)
        #expect(log.head.seq == acknowledged.count * 3)
        #expect(try log.verify().fault == nil)
        // What was refused left no trace: it can be sent again, and what was acknowledged can't.
        for id in refused { #expect(try log.appendNow(.one(id, source: "again")).accepted == 1) }
        let path = log.path
        log.close()
        let reopened = try EventLog.open(.test(path))
        #expect(reopened.head.seq == acknowledged.count * 3 + refused.count)
        for (k, id) in acknowledged.enumerated() {
            let round = try #require(Int(id.dropFirst(3)))
            #expect(try reopened.appendNow(.one(id, source: "agents/\(round % 5)-\(round)")).positions == [Position(k * 3 + 1)])
        }
        #expect(try reopened.verify().fault == nil)
    }

    @Test("while failing, the writer's thread finds out by itself that the disk takes pages again")
    func probes() async throws {
        var limits = EventLog.Limits.tiny
        limits.retryFirstMicroseconds = 1_000
        limits.retryLastMicroseconds = 2_000
        let log = try EventLog.open(.test(path, writer: .thread, limits: limits))
        _ = try await log.append(.one("1"))
        try log.limitPages(0)
        await #expect(throws: AppendError.self) {
            var large = EventBatch()
            large.append(
                .actorIdle, source: "s", id: "2", subject: "a", body: Array(#"{"x":"\#(String(repeating: "x", count: 30_000))"}"#.utf8))
            _ = try await log.append(large)
        }
        #expect(!log.health.isWritable)
        try log.limitPages(nil)
        // No append comes: health must change all the same.
        while !log.health.isWritable { await Task.yield() }
        #expect(try await log.append(.one("2")).positions == [2])
        log.close()
        #expect(try EventLog.verify(path: path).isSound)
    }

    @Test("readers go on")
    func readersGoOn() throws {
        let log = try EventLog.open(.test(path))
        try log.appendNow(.ids(["1", "2"]))
        try log.limitPages(0)
        var large = EventBatch()
        large.append(
            .actorIdle, source: "s", id: "3", subject: "a", body: Array(#"{"x":"\#(String(repeating: "x", count: 30_000))"}"#.utf8))
        #expect(throws: AppendError.self) { try log.appendNow(large) }
        #expect(try log.read(after: 0, limitEvents: 1).first?.firstSeq == 1)
        #expect(try log.verify().events == 2)
    }
}
