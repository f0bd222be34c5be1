import Basics
import Views
import Domain
import EventLog
import Foundation
import Testing

@testable import HTTPService

@Suite("The log and its twin keep the same contract")
struct LogContractTests {
    enum Kind: String, CaseIterable, Sendable { case twin, real }

    private func with(_ kind: Kind, _ body: (any EventAppending & EventReading) async throws -> Void) async throws {
        if kind == .twin { return try await body(MemoryLog(knownPools: [])) }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-log-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("log.db").path)
        configuration.durability = .off
        let log = try EventLog.open(configuration)
        defer { log.close() }
        try await body(EventLogAccess(log))
    }

    private func append(_ log: any EventAppending, _ batch: EventBatch) async throws -> AppendReceipt {
        try await withCheckedContinuation { done in log.append(batch) { done.resume(returning: $0) } }.get()
    }

    private func batch(_ ids: some Sequence<Int>, subject: String? = nil, pool: String = "default/agents") -> EventBatch {
        var batch = EventBatch()
        for id in ids { batch.append(.actorRequested, source: "tests", id: "\(id)", subject: subject ?? "actor-\(id % 3)", pool: pool) }
        return batch
    }

    private func seqs(_ page: EventPage) -> [Position] { page.batches.flatMap { $0.events.map(\.seq) } }

    @Test(arguments: Kind.allCases)
    func aBatchIsAnsweredWithItsPositions(_ kind: Kind) async throws {
        try await with(kind) { log in
            let new = try await append(log, batch(0..<3))
            var wanted = AppendReceipt(accepted: 3, duplicates: 0, positions: [1, 2, 3])
            wanted.inNewPools = [0, 1, 2]
            #expect(new == wanted)
            let mixed = try await append(log, batch([5, 1, 5]))
            #expect(mixed == AppendReceipt(accepted: 1, duplicates: 2, positions: [4, 2, 4]))
            #expect(await log.lastPosition == 4)
            // The same id, and another subject.
            let other = try await append(log, batch([1, 9], subject: "somebody"))
            #expect(other == AppendReceipt(accepted: 1, duplicates: 1, positions: [2, 5], conflicts: [0]))
        }
    }

    @Test(arguments: Kind.allCases)
    func readingTakesWhatIsAskedForAndSaysHowFarItLooked(_ kind: Kind) async throws {
        try await with(kind) { log in
            for start in stride(from: 0, to: 30, by: 10) {
                _ = try await append(log, batch(start..<(start + 10), pool: start == 10 ? "default/other" : "default/agents"))
            }
            let rows: [(EventPageQuery, [Position])] = [
                (EventPageQuery(after: 0, limit: 3), [1, 2, 3]), (EventPageQuery(after: 8, limit: 4), [9, 10, 11, 12]),
                (EventPageQuery(after: 30, limit: 4), []),
                (EventPageQuery(after: 0, limit: 100, pool: "default/other"), Array(11...20)),
                (EventPageQuery(after: 0, limit: 2, subject: "actor-1"), [2, 5]),
                (EventPageQuery(after: 27, limit: 9, subject: "actor-1"), [29]),
                (EventPageQuery(after: 0, limit: 9, subject: "nobody"), []), (EventPageQuery(after: 0, limit: 9, kinds: [.actorIdle]), []),
                (EventPageQuery(after: 0, limit: 100, pool: "default/other", subject: "actor-1"), [11, 14, 17, 20]),
            ]
            for (query, expected) in rows {
                let page = try await log.read(query)
                #expect(seqs(page) == expected, "\(query)")
                #expect(page.readTo >= expected.last ?? query.after)
                if expected.count < query.limit { #expect(page.readTo == 30) }
            }
            let page = try await log.read(EventPageQuery(after: 0, limit: 1))
            var line: [UInt8] = []
            if let batch = page.batches.first, let event = batch.events.first {
                CloudEventWriter.append(event, of: batch, names: page.names, to: &line)
            }
            #expect(String(decoding: line, as: UTF8.self).contains(#""source":"tests","subject":"actor-0","id":"0""#))
        }
    }

    @Test(arguments: Kind.allCases)
    func whoWaitsIsWokenByTheNextCommit(_ kind: Kind) async throws {
        try await with(kind) { log in
            _ = try await append(log, batch(0..<2))
            await log.waitForEvents(after: 1)
            async let waited: Void = log.waitForEvents(after: 2)
            _ = try await append(log, batch(5..<6))
            await waited
            let cancelled = Task { await log.waitForEvents(after: 99) }
            cancelled.cancel()
            await cancelled.value
        }
    }

    @Test func oneSubjectsEventsAreFoundFarBackAlongItsOwnChain() async throws {
        try await with(.real) { log in
            _ = try await append(log, batch(0..<1_500, subject: "rare"))
            for part in 0..<4 {
                var many = EventBatch()
                for id in 0..<5_000 {
                    many.append(.actorRequested, source: "many", id: "\(part)-\(id)", subject: "actor-\(id)", pool: "default/agents")
                }
                _ = try await append(log, many)
            }
            _ = try await append(log, batch(2_000..<2_001, subject: "rare"))
            let page = try await log.read(EventPageQuery(after: 0, limit: 10_000, subject: "rare"))
            #expect(seqs(page) == Array(1...1_500) + [21_501])
            #expect(page.readTo == 21_501)
            let slice = try await log.read(EventPageQuery(after: 1_200, limit: 100, subject: "rare"))
            #expect(seqs(slice) == Array(1_201...1_300))
            #expect(slice.readTo == 1_300)
        }
    }

    @Test(arguments: [(0.0, true), (5.0, true), (6.0, false)])
    func readyIsAboutTheInstanceAndNotAboutItsPools(_ lagSeconds: Double, _ isReady: Bool) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-ready-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = try EventLog.open(EventLog.Configuration(path: folder.appendingPathComponent("log.db").path))
        defer { log.close() }
        let plane = TwinPlane {
            $0.health = LoopHealth(
                behindEvents: 1, lagSeconds: lagSeconds,
                unreachableTargets: [.init(pool: "anyone/p", problem: "there is no Deployment p in anyone")])
        }
        let checks = ServiceParts(log: log, plane: plane).readiness
        #expect(checks.map(\.name) == ["log writable", "disk space", "log time", "loop not behind"])
        var isFine = true
        for check in checks { if case .failing = await check.run() { isFine = false } }
        #expect(isFine == isReady)
    }

    /// Read backwards, a log says what it says forwards; so do pages that lead from one to the next.
    @Test(arguments: Kind.allCases)
    func backwardsIsForwardsTurnedAround(_ kind: Kind) async throws {
        try await with(kind) { log in
            for start in stride(from: 0, to: 3_000, by: 50) {
                _ = try await append(log, batch(start..<(start + 50), pool: start % 500 == 0 ? "default/other" : "default/agents"))
            }
            let queries: [EventPageQuery] = [
                EventPageQuery(after: 0, limit: 7), EventPageQuery(after: 2_900, limit: 1_000), EventPageQuery(after: 0, limit: 700),
                EventPageQuery(after: 0, limit: 3, pool: "default/other"), EventPageQuery(after: 500, limit: 9, subject: "actor-1"),
                EventPageQuery(after: 0, limit: 2_000, subject: "actor-2", through: 1_234),
                EventPageQuery(after: 10, limit: 4, through: 20),
                EventPageQuery(after: 0, limit: 5, subject: "nobody"), EventPageQuery(after: 0, limit: 5, kinds: [.actorIdle]),
                EventPageQuery(after: 0, limit: 10, subject: "actor-0", kinds: [.actorRequested], through: 777),
            ]
            for query in queries {
                var (forwards, back): ([Position], [Position]) = ([], [])
                var ahead = query
                ahead.limit = 10_000
                let end = min(3_000, query.through)
                while ahead.after < end {
                    let page = try await log.read(ahead)
                    forwards += seqs(page)
                    guard page.readTo > ahead.after else { break }
                    ahead.after = page.readTo
                }
                var behind = query
                while behind.through > behind.after {
                    let page = try await log.readBack(behind)
                    #expect(seqs(page).count <= query.limit && seqs(page) == seqs(page).sorted())
                    back += seqs(page).reversed()
                    #expect(page.readTo <= behind.through.addingClamped(1), "\(query)")
                    guard page.readTo <= behind.through else { break }
                    behind.through = page.readTo - 1
                }
                #expect(back == forwards.reversed(), "\(query)")
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func aTimeIsThePositionOfTheLastCommitUntilThen(_ kind: Kind) async throws {
        try await with(kind) { log in
            for start in 0..<5 { _ = try await append(log, batch((start * 3)..<(start * 3 + 3))) }
            for batch in try await log.read(EventPageQuery(after: 0, limit: 100)).batches {
                let position = try await log.position(at: batch.at)
                #expect(position >= batch.lastSeq)
                #expect(try await log.position(at: batch.at.adding(microseconds: -1)) < batch.firstSeq)
            }
            #expect(try await log.position(at: .zero) == 0)
            #expect(try await log.position(at: .latestWritable) == 15)
        }
    }
}
