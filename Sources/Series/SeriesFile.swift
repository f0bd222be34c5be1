import Domain
import EventLog
import Foundation
import GRDB

// What is in the file beside the log, and is it of this log?
//
// `LOG-series` is a SQLite file with chunks, marks and the position up to which both are folded, saved together. It is a cache: whoever
// deletes it loses time. It is deleted and rebuilt if it is of another version, of another log, of positions that the log doesn't have, or
// can't be read. It is never the log's own file, so the log's writer never waits for it.

struct SeriesFile: Sendable {
    /// Rises with whatever is written otherwise, or means something else.
    static let version: Int64 = 1

    let path: String
    private let pool: DatabasePool

    struct Saved: Sendable {
        var position: Position
        var tracks: [NameID: SeriesTrack]
    }

    static func path(besideLog path: String) -> String { path + "-series" }

    // MARK: - Opening

    /// Opens it, or makes it where there is none that can be used. What was saved is nil where it begins anew.
    static func open(beside log: EventLog) throws -> (file: SeriesFile, saved: Saved) {
        let path = path(besideLog: log.path)
        if let found = try? SeriesFile(path) {
            if let saved = try? found.saved(of: log) { return (found, saved) }
            // Before it is deleted: what closes last deletes the file beside it by its name.
            found.close()
        }
        try remove(path)
        let made = try SeriesFile(path)
        try made.create(for: log)
        return (made, Saved(position: 0, tracks: [:]))
    }

    private static func remove(_ path: String) throws {
        for name in [path, path + "-wal", path + "-shm"] where FileManager.default.fileExists(atPath: name) {
            try FileManager.default.removeItem(atPath: name)
        }
    }

    private init(_ path: String) throws {
        var configuration = GRDB.Configuration()
        configuration.maximumReaderCount = 3
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 268435456") }
        self.path = path
        pool = try DatabasePool(path: path, configuration: configuration)
    }

    func close() { try? pool.close() }

    private func create(for log: EventLog) throws {
        try pool.write { db in
            try db.execute(
                sql: """
                    CREATE TABLE chunks (
                        level INTEGER NOT NULL, pool INTEGER NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL,
                        PRIMARY KEY (level, pool, number)) WITHOUT ROWID;
                    CREATE TABLE marks (
                        pool INTEGER NOT NULL, kind INTEGER NOT NULL, second INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
                        count INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (pool, kind, second)) WITHOUT ROWID;
                    CREATE TABLE head (version INTEGER NOT NULL, log TEXT NOT NULL, position INTEGER NOT NULL, at INTEGER NOT NULL);
                    """)
            try db.execute(sql: "INSERT INTO head VALUES (?, ?, 0, 0)", arguments: [Self.version, log.id])
        }
    }

    /// nil where it isn't of this log as it is.
    private func saved(of log: EventLog) throws -> Saved? {
        try pool.read { db in
            guard let head = try Row.fetchOne(db, sql: "SELECT version, log, position, at FROM head"), head[0] == Self.version,
                head[1] == log.id
            else { return nil }
            let position: Position = head[2]
            let at: Int64 = head[3]
            guard position <= log.head.seq else { return nil }
            // A log that was brought back from a copy may have other events at the same positions.
            if position > 0, try log.event(at: position)?.at.microseconds != at { return nil }
            return Saved(position: position, tracks: try Self.tracks(db))
        }
    }

    private static func tracks(_ db: Database) throws -> [NameID: SeriesTrack] {
        var chunks: [Int64: [(number: Int64, bytes: [UInt8])]] = [:]
        for level in SeriesLevel.allCases {
            let rows = try Row.fetchCursor(
                db, sql: "SELECT pool, max(number), body FROM chunks WHERE level = ? GROUP BY pool", arguments: [level.rawValue])
            while let row = try rows.next() {
                chunks[row[0], default: []].append((row[1], Array(row[2] as Data)))
            }
        }
        var tracks: [NameID: SeriesTrack] = [:]
        for (pool, chunks) in chunks { tracks[NameID(UInt32(truncatingIfNeeded: pool))] = try SeriesTrack(saved: chunks) }
        return tracks
    }

    // MARK: - Saving

    struct Changes: Sendable {
        var position: Position
        var at: LogTime
        var chunks: [(pool: NameID, level: SeriesLevel, number: Int64, bytes: [UInt8])] = []
        var marks: [MarkKey: PoolMark] = [:]
    }

    func save(_ changes: Changes) throws {
        try pool.write { db in
            let chunk = try db.cachedStatement(sql: "INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)")
            for change in changes.chunks {
                try chunk.execute(arguments: [change.level.rawValue, Int64(change.pool.rawValue), change.number, Data(change.bytes)])
            }
            let mark = try db.cachedStatement(
                sql: """
                    INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pool, kind, second) DO UPDATE SET
                    seq = excluded.seq, at = excluded.at, count = count + excluded.count, text = excluded.text
                    """)
            for (key, value) in changes.marks {
                try mark.execute(arguments: [
                    Int64(key.pool.rawValue), key.kind.rawValue, key.second, value.seq, value.at.microseconds, value.count, value.text,
                ])
            }
            try db.execute(sql: "UPDATE head SET position = ?, at = ?", arguments: [changes.position, changes.at.microseconds])
        }
    }

    /// Deletes what is older than each level keeps, but for what tells how a pool was when that began.
    func thinOut(at now: LogTime) throws {
        try pool.write { db in
            for level in SeriesLevel.allCases {
                let oldest = SeriesChunk.number(
                    ofBucket: level.bucket(at: now.adding(microseconds: -level.keptSeconds * 1_000_000)))
                try db.execute(
                    sql: """
                        DELETE FROM chunks WHERE level = ?1 AND number <
                        (SELECT max(c.number) FROM chunks c WHERE c.level = ?1 AND c.pool = chunks.pool AND c.number <= ?2)
                        """, arguments: [level.rawValue, oldest])
            }
            let oldest = SeriesLevel.second.bucket(at: now) - SeriesLevel.minute.keptSeconds
            try db.execute(sql: "DELETE FROM marks WHERE second < ?", arguments: [oldest])
        }
    }

    // MARK: - Reading

    /// The chunks of `pool` that touch the numbers, and the last one before them, in order.
    func chunks(of pool: NameID, _ level: SeriesLevel, _ numbers: ClosedRange<Int64>) throws -> [(number: Int64, bytes: [UInt8])] {
        try self.pool.read { db in
            let statement = try db.cachedStatement(
                sql: """
                    SELECT number, body FROM chunks WHERE level = ?1 AND pool = ?2 AND number <= ?4 AND number >= coalesce(
                    (SELECT max(number) FROM chunks WHERE level = ?1 AND pool = ?2 AND number < ?3), ?3) ORDER BY number
                    """)
            let rows = try Row.fetchCursor(
                statement, arguments: [level.rawValue, Int64(pool.rawValue), numbers.lowerBound, numbers.upperBound])
            var chunks: [(number: Int64, bytes: [UInt8])] = []
            while let row = try rows.next() {
                let body = try row.withUnsafeData(atIndex: 1) { Array($0 ?? Data()) }
                chunks.append((row[0], body))
            }
            return chunks
        }
    }

    /// Marks of `pool` in a stretch of seconds, the last of each kind in each step of so many seconds, in order of time.
    func marks(of pool: NameID, _ seconds: ClosedRange<Int64>, step: Int64) throws -> [(kind: MarkKind, mark: PoolMark)] {
        try self.pool.read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT kind, max(seq), at, sum(count), text FROM marks WHERE pool = ?1 AND second BETWEEN ?2 AND ?3
                    GROUP BY kind, (second - ?2) / ?4 ORDER BY 2
                    """, arguments: [Int64(pool.rawValue), seconds.lowerBound, seconds.upperBound, step])
            var marks: [(kind: MarkKind, mark: PoolMark)] = []
            while let row = try rows.next() {
                guard let kind = MarkKind(rawValue: row[0]) else { continue }
                marks.append((kind, PoolMark(seq: row[1], at: LogTime(microseconds: row[2]), count: row[3], text: row[4])))
            }
            return marks
        }
    }

    /// The newest mark of a kind before a position; nil where there is none.
    func newestMark(of pool: NameID, _ kind: MarkKind, before position: Position) throws -> PoolMark? {
        try self.pool.read { db in
            try Row.fetchOne(
                db, sql: "SELECT seq, at, count, text FROM marks WHERE pool = ? AND kind = ? AND seq < ? ORDER BY second DESC LIMIT 1",
                arguments: [Int64(pool.rawValue), kind.rawValue, position]
            ).map { PoolMark(seq: $0[0], at: LogTime(microseconds: $0[1]), count: $0[2], text: $0[3]) }
        }
    }
}
