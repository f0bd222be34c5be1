// Do the dedupe runs say what the events say?
//
// For each live run: the sum over its events of a number that depends on id and position, once from the events and once
// from the run's entries. Order doesn't matter to a sum, so one pass over each is enough; a missing, added or changed entry
// makes them differ.

import Domain
import GRDB

struct DedupeAudit {
    private let runs: [DedupeRun]
    private var sums: [UInt64]
    private var current = 0

    init(_ db: Database) throws {
        runs = try Row.fetchAll(db, sql: "SELECT * FROM dedupe_runs WHERE state = 1 ORDER BY first_seq").map { DedupeRun($0) }
        sums = [UInt64](repeating: 0, count: runs.count)
    }

    @inline(__always)
    mutating func add(_ seq: Position, _ hash: UInt64) {
        while current < runs.count, seq > runs[current].lastSeq { current += 1 }
        guard current < runs.count, seq >= runs[current].firstSeq else { return }
        sums[current] &+= Self.term(hash, Int(seq - runs[current].firstSeq), runs[current].offsetBits)
    }

    private static func term(_ hash: UInt64, _ offset: Int, _ offsetBits: Int) -> UInt64 {
        ByteHash.mix(DedupeEntry.make(hash: hash, offset: offset, offsetBits: offsetBits))
    }

    func finish(_ db: Database) throws {
        var covered: Position = 0
        for (run, sum) in zip(runs, sums) {
            guard run.firstSeq == covered + 1, run.lastSeq >= run.firstSeq else { throw fault(covered + 1, "no run of ids begins here") }
            covered = run.lastSeq
            var found: UInt64 = 0
            var start = 0
            while start < run.buckets {
                let end = min(start + 64, run.buckets)
                for entry in try run.entries(ofBuckets: start..<end, db) { found &+= ByteHash.mix(entry) }
                start = end
            }
            guard found == sum else { throw fault(run.firstSeq, "the run of ids of positions \(run.firstSeq) to \(run.lastSeq) is not theirs") }
        }
    }

    private func fault(_ seq: Position, _ problem: String) -> LogVerifier.Found {
        LogVerifier.Found(fault: .init(part: .derived, position: seq, problem: problem))
    }
}
