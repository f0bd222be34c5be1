// How do runs get into the file and out of it?
//
// The SQL of the dedupe tables, and nothing else. Writing goes through the writer's connection, in the transaction of a
// commit; reading a run's entries works on any connection, since a live run never changes.

import GRDB

/// The writer's statements. Used only inside the writer's access.
struct DedupeStore {
    static let tables = ["dedupe_runs", "dedupe_chunks", "dedupe_filters"]

    private let putChunk: RawStatement
    private let putFilter: RawStatement
    private let dropChunks: RawStatement
    private let dropFilters: RawStatement
    private let getChunk: RawStatement
    private let putRun: RawStatement
    private let dropRun: RawStatement

    init(_ db: Database) throws {
        putChunk = try RawStatement(db, "INSERT INTO dedupe_chunks VALUES (?, ?)")
        putFilter = try RawStatement(db, "INSERT INTO dedupe_filters VALUES (?, ?)")
        dropChunks = try RawStatement(db, "DELETE FROM dedupe_chunks WHERE chunk BETWEEN ? AND ?")
        dropFilters = try RawStatement(db, "DELETE FROM dedupe_filters WHERE part BETWEEN ? AND ?")
        getChunk = try RawStatement(db, "SELECT entries FROM dedupe_chunks WHERE chunk = ?")
        putRun = try RawStatement(db, "INSERT OR REPLACE INTO dedupe_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        dropRun = try RawStatement(db, "DELETE FROM dedupe_runs WHERE run = ?")
    }

    func write(_ run: DedupeRun, state: DedupeRun.State) throws {
        let values = [
            run.id, Int64(run.level), run.firstSeq, run.lastSeq, Int64(run.offsetBits), Int64(run.buckets), Int64(run.filterParts),
            Int64(run.filterBytes), state.rawValue,
        ]
        for (k, value) in values.enumerated() { putRun.bind(Int32(k + 1), value) }
        try putRun.run()
    }

    func write(_ slice: DedupeSlice) throws {
        for row in slice.rows {
            let statement = slice.isFilter ? putFilter : putChunk
            statement.bind(1, row.number)
            try row.bytes.withUnsafeBytes { bytes in
                statement.bindBlob(2, bytes)
                try statement.run()
            }
        }
    }

    func removeChunks(_ run: Int64, _ buckets: Range<Int>) throws { try remove(dropChunks, run, buckets) }
    func removeFilters(_ run: Int64, _ parts: Range<Int>) throws { try remove(dropFilters, run, parts) }

    func removeRun(_ run: Int64) throws {
        dropRun.bind(1, run)
        try dropRun.run()
    }

    private func remove(_ statement: RawStatement, _ run: Int64, _ rows: Range<Int>) throws {
        guard !rows.isEmpty else { return }
        statement.bind(1, DedupeRun.row(run: run, rows.lowerBound))
        statement.bind(2, DedupeRun.row(run: run, rows.upperBound - 1))
        try statement.run()
    }

    /// Positions in `run` whose hash matches.
    func positions(in run: DedupeRun, hash: UInt64) throws -> [Int64] {
        getChunk.bind(1, run.row(DedupeEntry.bucket(ofHash: hash, buckets: run.buckets)))
        guard try getChunk.step() else { return [] }
        defer { getChunk.reset() }
        return DedupeChunk.offsets(in: getChunk.bytes(0), hash: hash, offsetBits: run.offsetBits).map { run.firstSeq + Int64($0) }
    }
}

/// Rows that are ready to be written: some buckets of a run, or some parts of its filter.
struct DedupeSlice: Sendable {
    var isFilter: Bool
    var rows: [(number: Int64, bytes: [UInt8])] = []

    /// What writing it costs, in entries.
    var cost: Int { rows.reduce(0) { $0 + $1.bytes.count / 8 } }
}

extension DedupeRun {
    /// The entries of some buckets, in order.
    func entries(ofBuckets buckets: Range<Int>, _ db: Database) throws -> [UInt64] {
        let statement = try db.cachedStatement(sql: "SELECT entries FROM dedupe_chunks WHERE chunk BETWEEN ? AND ? ORDER BY chunk")
        let rows = try Row.fetchCursor(statement, arguments: [row(buckets.lowerBound), row(buckets.upperBound - 1)])
        var entries: [UInt64] = []
        while let row = try rows.next() {
            let bytes: [UInt8] = try row.withUnsafeData(atIndex: 0) { Array($0 ?? .init()) }
            bytes.withUnsafeBufferPointer { entries.append(contentsOf: DedupeChunk.entries($0)) }
        }
        return entries
    }

    /// A run as a row of `dedupe_runs` names it.
    init(_ row: Row) {
        self.init(
            id: row["run"], level: row["level"], firstSeq: row["first_seq"], lastSeq: row["last_seq"], offsetBits: row["offset_bits"],
            buckets: row["buckets"], filterBytes: row["filter_bytes"])
    }

    func loadFilter(_ db: Database) throws -> DedupeFilter? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(filterBytes)
        let rows = try Row.fetchCursor(
            db, sql: "SELECT bits FROM dedupe_filters WHERE part BETWEEN ? AND ? ORDER BY part", arguments: [row(0), row(filterParts)])
        while let row = try rows.next() { try row.withUnsafeData(atIndex: 0) { bytes.append(contentsOf: $0 ?? .init()) } }
        return bytes.count == filterBytes ? DedupeFilter(bytes: bytes) : nil
    }
}
