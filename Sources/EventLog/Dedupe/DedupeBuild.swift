// How does a table, or eight runs, become one run?
//
//   inputs ──produce()──▶ slices of buckets … slices of the filter ──▶ isProduced
//
// A build is worked on step by step: each step reads a stretch of hashes from all inputs, sorts it, and cuts it into
// buckets. Memory holds one stretch, the filter, and the slices that wait for the writer. Whoever works on a build has it
// alone; `DedupeBuilds` sees to that.

import GRDB

final class DedupeBuild {
    enum Input {
        case table(DedupeTable)
        case runs([DedupeRun])
    }

    /// Buckets of one slice: about 60 kB.
    private static let bucketsPerSlice = 16
    /// Buckets read from an input at a time.
    private static let bucketsPerRead = 32

    let input: Input
    /// The run to be.
    let run: DedupeRun
    /// Fills as entries go by. Made with the first of them, away from the writer: a large one is tens of megabytes.
    private(set) var filter: DedupeFilter?
    private(set) var isProduced = false

    private var nextBucket = 0
    private var nextFilterByte = 0
    private var readers: [Reader]

    init(run id: Int64, table: DedupeTable) {
        input = .table(table)
        run = DedupeRun(
            id: id, level: 0, firstSeq: table.firstSeq, lastSeq: table.lastSeq, offsetBits: table.offsetBits,
            buckets: DedupeEntry.buckets(forEvents: table.count), filterBytes: DedupeFilter.bytes(forEvents: table.count))
        readers = [Reader(.table(table))]
    }

    init(run id: Int64, merging runs: [DedupeRun]) {
        precondition(!runs.isEmpty, "a merge of no runs")
        input = .runs(runs)
        let events = runs.reduce(0) { $0 + $1.events }
        run = DedupeRun(
            id: id, level: runs[0].level + 1, firstSeq: runs[0].firstSeq, lastSeq: runs[runs.count - 1].lastSeq,
            offsetBits: DedupeEntry.offsetBits(forEvents: events), buckets: DedupeEntry.buckets(forEvents: events),
            filterBytes: DedupeFilter.bytes(forEvents: events))
        readers = runs.map { Reader(.run($0)) }
    }

    var merged: [DedupeRun] { if case .runs(let runs) = input { runs } else { [] } }

    /// The next rows; nil where all are made.
    func produce(_ db: Database) throws -> DedupeSlice? {
        if nextBucket < run.buckets { return try produceBuckets(db) }
        if nextFilterByte < run.filterBytes { return produceFilterPart() }
        readers = []
        isProduced = true
        return nil
    }

    private func produceBuckets(_ db: Database) throws -> DedupeSlice {
        let upTo = min(nextBucket + Self.bucketsPerSlice, run.buckets)
        let limit = DedupeEntry.lowestHash(ofBucket: upTo, buckets: run.buckets)
        var entries: [UInt64] = []
        entries.reserveCapacity((upTo - nextBucket) * DedupeEntry.entriesPerBucket * 5 / 4)
        for k in readers.indices { try readers[k].take(below: limit, into: run, &entries, db) }
        if readers.count > 1 { entries.sort() }
        fill(with: entries)
        let slice = cut(entries, upTo: upTo)
        nextBucket = upTo
        return slice
    }

    private func fill(with entries: [UInt64]) {
        let filling = filter ?? DedupeFilter(events: run.events)
        for entry in entries { filling.insert(entry) }
        filter = filling
    }

    private func cut(_ entries: [UInt64], upTo: Int) -> DedupeSlice {
        var slice = DedupeSlice(isFilter: false)
        var start = 0
        for bucket in nextBucket..<upTo {
            var end = start
            while end < entries.count, DedupeEntry.bucket(ofHash: entries[end], buckets: run.buckets) == bucket { end += 1 }
            if end > start { slice.rows.append((run.row(bucket), DedupeChunk.bytes(entries[start..<end]))) }
            start = end
        }
        return slice
    }

    private func produceFilterPart() -> DedupeSlice {
        guard let filter else { preconditionFailure("run \(run.id) has buckets but no filter") }
        let end = min(nextFilterByte + DedupeRun.filterPartBytes, run.filterBytes)
        let row = run.row(nextFilterByte / DedupeRun.filterPartBytes)
        defer { nextFilterByte = end }
        return DedupeSlice(isFilter: true, rows: [(row, filter.slice(from: nextFilterByte, upTo: end))])
    }

    // MARK: - One input

    private struct Reader {
        enum Source { case table(DedupeTable), run(DedupeRun) }

        let source: Source
        private let firstSeq: Int64
        private let offsetBits: Int
        private var held: [UInt64] = []
        private var next = 0
        private var nextBucket = 0

        init(_ source: Source) {
            self.source = source
            switch source {
            case .table(let table): (firstSeq, offsetBits) = (table.firstSeq, table.offsetBits)
            case .run(let run): (firstSeq, offsetBits) = (run.firstSeq, run.offsetBits)
            }
        }

        /// Appends the entries whose hash is below `limit`, as entries of `target`.
        mutating func take(below limit: UInt64?, into target: DedupeRun, _ out: inout [UInt64], _ db: Database) throws {
            let shift = Int(firstSeq - target.firstSeq)
            while try fill(db) {
                while next < held.count {
                    if let limit, held[next] >= limit { return }
                    out.append(DedupeEntry.moved(held[next], from: offsetBits, to: target.offsetBits, offsetBy: shift))
                    next += 1
                }
            }
        }

        /// False where the input is at its end.
        private mutating func fill(_ db: Database) throws -> Bool {
            if next < held.count { return true }
            switch source {
            case .table(let table):
                guard nextBucket == 0 else { return false }
                nextBucket = 1
                held = table.sortedEntries()
            case .run(let run):
                guard nextBucket < run.buckets else { return false }
                let upTo = min(nextBucket + DedupeBuild.bucketsPerRead, run.buckets)
                held = try run.entries(ofBuckets: nextBucket..<upTo, db)
                nextBucket = upTo
            }
            next = 0
            return true
        }
    }
}
