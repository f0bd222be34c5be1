import Domain
import Testing

@testable import EventLog

/// Which repeats under the same source and id say something else?
@Suite struct ConflictTests {
    struct Draft: Sendable {
        var kind = EventKind.actorRequested
        var subject = "a"
        var pool: String? = "ns/p"
        var worker: String?
        var body = #"{"priority":1,"selector":{"a":"b","c":"d"}}"#
        var time: LogTime?

        func batch(id: String = "1") -> EventBatch {
            var batch = EventBatch()
            add(to: &batch, id)
            return batch
        }

        func add(to batch: inout EventBatch, _ id: String) {
            batch.append(kind, source: "/s", id: id, subject: subject, pool: pool, worker: worker, time: time, body: Array(body.utf8))
        }

        func with(_ change: (inout Draft) -> Void) -> Draft {
            var draft = self
            change(&draft)
            return draft
        }
    }

    struct Row: Sendable, CustomStringConvertible {
        var description: String
        var again: Draft
        var isConflict: Bool
    }

    static let first = Draft()
    static let rows = [
        Row(description: "the same bytes", again: first, isConflict: false),
        Row(
            description: "the same members in another order, with spaces",
            again: first.with { $0.body = #"{ "selector": {"c":"d", "a":"b"}, "priority": 1 }"# }, isConflict: false),
        Row(description: "another time", again: first.with { $0.time = noon }, isConflict: false),
        Row(description: "the subject with its namespace", again: first.with { $0.subject = "ns/a" }, isConflict: false),
        Row(
            description: "another member's value", again: first.with { $0.body = #"{"priority":2,"selector":{"a":"b","c":"d"}}"# },
            isConflict: true),
        Row(description: "a member less", again: first.with { $0.body = #"{"priority":1}"# }, isConflict: true),
        Row(description: "no data", again: first.with { $0.body = "" }, isConflict: true),
        Row(description: "another subject", again: first.with { $0.subject = "b" }, isConflict: true),
        Row(description: "another subject that ends alike", again: first.with { $0.subject = "aa" }, isConflict: true),
        Row(description: "another pool", again: first.with { $0.pool = "ns/q" }, isConflict: true),
        Row(
            description: "another kind",
            again: first.with { draft in
                draft.kind = .actorCreated
            }, isConflict: true),
    ]

    @Test("what is a conflict, in a later commit, in the same batch, and after a restart", arguments: rows)
    func conflicts(_ row: Row) throws {
        let directory = try TemporaryDirectory()
        var log = try EventLog.open(.test(directory.file("log.db")))
        try log.appendNow(Self.first.batch())
        let wanted = row.isConflict ? [0] : []
        var receipt = try log.appendNow(row.again.batch())
        #expect(receipt.conflicts == wanted && receipt.duplicates == 1 && receipt.positions == [1])
        log.close()
        log = try EventLog.open(.test(directory.file("log.db")))
        receipt = try log.appendNow(row.again.batch())
        #expect(receipt.conflicts == wanted && receipt.positions == [1])
        var both = Self.first.batch(id: "2")
        row.again.add(to: &both, "2")
        row.again.add(to: &both, "1")
        receipt = try log.appendNow(both)
        #expect(receipt.conflicts == (row.isConflict ? [1, 2] : []) && receipt.positions == [2, 2, 1] && receipt.accepted == 1)
        #expect(receipt.conflictPositions.map(\.seq) == (row.isConflict ? [2, 1] : []))
        #expect(try log.verify().isSound)
    }

    @Test func `each request of one commit hears of its own conflicts`() async throws {
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(.test(directory.file("log.db"), writer: .thread))
        defer { log.close() }
        _ = try await log.append(Self.first.batch())
        let receipts = try await withThrowingTaskGroup(of: (Int, AppendReceipt).self) { group in
            for k in 0..<8 {
                let draft = k % 2 == 0 ? Self.first : Self.first.with { $0.body = #"{"priority":\#(k + 10)}"# }
                group.addTask { (k, try await log.append(draft.batch())) }
            }
            var found: [Int: AppendReceipt] = [:]
            for try await (k, receipt) in group { found[k] = receipt }
            return found
        }
        for k in 0..<8 { #expect(receipts[k]?.conflicts == (k % 2 == 0 ? [] : [0])) }
    }

    @Test func `what the loop concludes twice is one event, whichever came first`() throws {
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(.test(directory.file("log.db")))
        for body in [#"{"from":1,"to":2}"#, #"{"from":1,"to":3}"#] {
            var batch = EventBatch()
            batch.append(.scaleDecided, source: CommittedEvent.ownSource, id: "x", subject: "ns/p", pool: "ns/p", body: Array(body.utf8))
            #expect(try log.appendNow(batch).conflicts.isEmpty)
        }
    }

    @Test("deeply nested data is compared once a level", .timeLimit(.minutes(1)))
    func nested() throws {
        func deep(_ value: Int) -> String { String(repeating: #"{"x":"#, count: 50) + "\(value)" + String(repeating: "}", count: 50) }
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(.test(directory.file("log.db")))
        var batch = EventBatch()
        for value in [1, 2] { Self.first.with { $0.body = deep(value) }.add(to: &batch, "1") }
        #expect(try log.appendNow(batch).conflicts == [1])
        log.close()
    }

    @Test(
        "what one of our own watches tells again, in the words of that moment, is no conflict; what comes over the API is one",
        arguments: [
            ("/greenroom/kubernetes/pods", false), ("/greenroom/local-workers/7", false), ("/greenroom/pollers", false),
            ("/greenroom/send", true), ("/greenroom/worker/ns/w", true), ("/greenroomer", true),
        ])
    func watches(source: String, isConflict: Bool) throws {
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(.test(directory.file("log.db")))
        var batch = EventBatch()
        for reason in ["ErrImagePull", "ImagePullBackOff"] {
            batch.append(
                .workerDraining, source: source, id: "1", subject: "w", pool: "ns/p", body: Array(#"{"reason":"\#(reason)"}"#.utf8))
        }
        let receipt = try log.appendNow(batch)
        #expect(receipt.duplicates == 1 && receipt.conflicts == (isConflict ? [1] : []))
        log.close()
    }

    @Test("who did it doesn't count where the service says it: the same event may come with another token")
    func author() throws {
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(.test(directory.file("log.db")))
        func deleted(_ body: String) throws -> AppendReceipt {
            var batch = EventBatch()
            batch.append(.actorDeleted, source: "/s", id: "1", subject: "ns/a", body: Array(body.utf8))
            return try log.appendNow(batch)
        }
        _ = try deleted(#"{"by":"ops"}"#)
        for body in ["", "{}", #"{"by":"ops"}"#, #"{"by":"somebody else"}"#] { #expect(try deleted(body).conflicts.isEmpty, "\(body)") }
        for body in [#"{"n":1}"#, #"{"by":"ops","n":1}"#] { #expect(try deleted(body).conflicts == [0], "\(body)") }
        log.close()
    }

    @Test("beyond a commit's share of JSON repeats are compared by their bytes")
    func share() throws {
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(.test(directory.file("log.db")))
        let long = String(repeating: "x", count: 60_000)
        let (one, other) = (#"{"a":"\#(long)","b":1}"#, #"{"b":1,"a":"\#(long)"}"#)
        var batch = EventBatch()
        Self.first.with { $0.body = one }.add(to: &batch, "1")
        for _ in 0..<60 { Self.first.with { $0.body = other }.add(to: &batch, "1") }
        Self.first.with { $0.body = one }.add(to: &batch, "1")
        let conflicts = try log.appendNow(batch).conflicts
        #expect(conflicts == Array((RepeatCheck.jsonBytesPerCommit / (2 * one.utf8.count) + 1)...60))
        log.close()
    }
}
