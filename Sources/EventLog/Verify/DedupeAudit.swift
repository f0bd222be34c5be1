// Do the dedupe runs say what the events say?
//
// For each live run: the sum over its events of a number that depends on id and position, once from the events and once
// from the run's entries. Order doesn't matter to a sum, so one pass over each is enough; a missing, added or changed entry
// makes them differ. A run that a writer merges away meanwhile is passed over: what it becomes is for the next time.

import Basics
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

    /// Of no runs.
    init() { (runs, sums) = ([], []) }

    private static func term(_ hash: UInt64, _ offset: Int, _ offsetBits: Int) -> UInt64 {
        ByteHash.mix(DedupeEntry.make(hash: hash, offset: offset, offsetBits: offsetBits))
    }

    private static let bucketsPerRead = 4_096
    private static let bucketsAtOnce = 64

    func finish(_ read: ReadStretch) throws {
        var covered: Position = 0
        for (run, sum) in zip(runs, sums) {
            guard run.firstSeq == covered + 1, run.lastSeq >= run.firstSeq else { throw fault(covered + 1, "no run of ids begins here") }
            covered = run.lastSeq
            guard let found = try found(in: run, read) else { continue }
            guard found == sum else {
                throw fault(run.firstSeq, "the run of ids of positions \(run.firstSeq) to \(run.lastSeq) is not theirs")
            }
        }
    }

    /// The sum over the run's entries; nil where it isn't live any more.
    private func found(in run: DedupeRun, _ read: ReadStretch) throws -> UInt64? {
        var found: UInt64 = 0
        var start = 0
        var isLive = true
        while isLive, start < run.buckets {
            let end = min(start + Self.bucketsPerRead, run.buckets)
            try read { db in
                isLive = try Int.fetchOne(db, sql: "SELECT state FROM dedupe_runs WHERE run = ?", arguments: [run.id]) == 1
                guard isLive else { return }
                for first in stride(from: start, to: end, by: Self.bucketsAtOnce) {
                    for entry in try run.entries(ofBuckets: first..<min(first + Self.bucketsAtOnce, end), db) {
                        found &+= ByteHash.mix(entry)
                    }
                }
            }
            start = end
        }
        return isLive ? found : nil
    }

    private func fault(_ seq: Position, _ problem: String) -> LogVerifier.Found {
        LogVerifier.Found(fault: .init(part: .derived, position: seq, problem: problem))
    }
}
