import Domain
import EventLog
import GRDB
import Testing

@testable import EventLog

/// The keeper and the writer may build at the same time.
@Suite("Runs of ids come in order")
struct DedupeOrderTests {
    private func table(_ firstSeq: Int64) -> DedupeTable {
        let table = DedupeTable(firstSeq: firstSeq, capacity: 8)
        for hash in 1...8 { _ = table.append(UInt64(hash) << 40 | UInt64(firstSeq)) }
        return table
    }

    @Test("a run that is built before an older one waits for it")
    func waits() throws {
        let builds = DedupeBuilds(readyLimit: 8)
        builds.add(DedupeBuild(run: 1, table: table(1)))
        builds.add(DedupeBuild(run: 2, table: table(9)))
        try DatabaseQueue().read { db in
            let writer: ((Database) throws -> Void) throws -> Void = { body in try body(db) }
            // While the keeper has the first, the writer makes all of the second.
            _ = try builds.produceOne { body in
                while try builds.produceOne(writer) {}
                while builds.take() != nil {}
                #expect(builds.finished().isEmpty)
                try body(db)
            }
            while try builds.produceOne(writer) {}
            while builds.take() != nil {}
            #expect(builds.finished().map(\.run.firstSeq) == [1, 9])
        }
    }

    @Test("a flood through small tables keeps every id known, with both at work", .timeLimit(.minutes(1)))
    func flood() async throws {
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(.test(directory.file("log.db"), writer: .thread))
        for round in 0..<300 { _ = try await log.append(.ids((0..<40).map { "\(round)-\($0)" })) }
        for round in 0..<300 { #expect(try await log.append(.ids((0..<40).map { "\(round)-\($0)" })).duplicates == 40) }
        #expect(log.head.seq == 12_000)
        #expect(try log.verify().isSound)
    }
}
