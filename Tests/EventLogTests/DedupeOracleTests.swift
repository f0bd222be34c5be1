import Basics
import Domain
import EventLog
import Testing

@testable import EventLog

/// Exactly once, against a plain dictionary. The limits are so small that tables freeze, runs build, merge over several
/// levels and are removed while the ids go by; a commit in five is repeated, one in twenty is followed by a restart.
@Suite("Exactly once against an oracle")
struct DedupeOracleTests {
    enum Ids: String, CaseIterable, Sendable { case uuids, rising, text, mixed }

    @Test("every answer is the dictionary's", arguments: Ids.allCases, [1, 2, 3] as [UInt64])
    func agrees(ids: Ids, seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("log.db")
        var random = SplitMix64(seed: seed)
        var oracle: [String: Position] = [:]
        var log = try EventLog.open(.test(path))
        for round in 0..<150 {
            let batch = (0..<Int.random(in: 1...40, using: &random)).map { _ in key(ids, oracle.count, &random) }
            var events = EventBatch()
            for (source, id) in batch { events.append(.actorIdle, source: source, id: id, subject: "a-\(id.utf8.count)") }
            let receipt = try log.appendNow(events)
            var accepted = 0
            for (position, (source, id)) in zip(receipt.positions, batch) {
                if oracle[source + "|" + id] == nil {
                    accepted += 1
                    oracle[source + "|" + id] = Position(oracle.count + 1)
                }
                #expect(oracle[source + "|" + id] == position, "seed \(seed), round \(round), \(source) \(id)")
            }
            #expect(receipt.accepted == accepted)
            if Int.random(in: 0..<20, using: &random) == 0 {
                let next = Bool.random(using: &random) ? path : try directory.copyLog(from: path, to: "copy-\(round).db")
                if next == path { log.close() }
                let reopened = try EventLog.open(.test(next))
                #expect(reopened.head.seq == oracle.count)
                if next == path { log = reopened } else { #expect(try reopened.verify().fault == nil) }
            }
        }
        #expect(log.head.seq == oracle.count)
        #expect(try log.stats().dedupeRuns > 0)
        #expect(try log.verify().fault == nil)
    }

    /// Sometimes one that was there before.
    private func key(_ ids: Ids, _ count: Int, _ random: inout SplitMix64) -> (String, String) {
        let source = "agents/\(Int.random(in: 0..<3, using: &random))"
        let number =
            Int.random(in: 0..<5, using: &random) == 0
            ? Int.random(in: 0...max(count, 1), using: &random) : count + Int.random(in: 0..<50, using: &random)
        var form = ids
        if form == .mixed { form = [.uuids, .rising, .text][number % 3] }
        switch form {
        case .uuids:
            let word = ByteHash.mix(UInt64(number))
            let digits = String(word, radix: 16)
            let hex = Array((String(repeating: "0", count: 16 - digits.count) + digits) + "0123456789abcdef")
            return (source, [hex[0..<8], hex[8..<12], hex[12..<16], hex[16..<20], hex[20..<32]].map { String($0) }.joined(separator: "-"))
        case .rising: return (source, String(number))
        default: return (source, "turn-\(number)")
        }
    }

    @Test("a run whose rows are gone or changed is found by verify, and made anew on request")
    func derivedDamage() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("log.db")
        let log = try EventLog.open(.test(path))
        for k in 0..<400 { try log.appendNow(.one("id-\(k)")) }
        log.close()
        try rawConnection(path).write { db in
            try db.execute(sql: "UPDATE dedupe_chunks SET entries = zeroblob(8) WHERE chunk = (SELECT min(chunk) FROM dedupe_chunks)")
        }
        #expect(try EventLog.verify(path: path).fault?.part == .derived)
        var configuration = EventLog.Configuration.test(path)
        configuration.rebuildsDerived = true
        let rebuilt = try EventLog.open(configuration)
        #expect(try rebuilt.verify().fault == nil)
        #expect(try rebuilt.appendNow(.ids((0..<400).map { "id-\($0)" })).positions == (1...400).map { Position($0) })
    }

    @Test("with its threads, too: many runs, nothing twice")
    func threaded() async throws {
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(.test(directory.file("log.db"), writer: .thread))
        let ids = (0..<3_000).map { "id-\($0)" }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<4 {
                group.addTask {
                    var accepted = 0
                    for start in stride(from: 0, to: 3_000, by: 50) {
                        accepted += try await log.append(.ids(ids[start..<(start + 50)].shuffled())).accepted
                        if task == 3 { await Task.yield() }
                    }
                    return accepted
                }
            }
            var total = 0
            for try await accepted in group { total += accepted }
            #expect(total == 3_000)
        }
        #expect(log.head.seq == 3_000)
        #expect(try log.verify().fault == nil)
    }
}
