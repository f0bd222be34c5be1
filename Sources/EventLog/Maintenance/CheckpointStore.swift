// How are states at a position kept and found again?
//
// A state is a run of bytes with an owner, a version and a digest. It is written in parts, each a transaction of its own
// between two commits, and counts only once its row in `checkpoints` is there, which is last. One whose digest doesn't fit
// its bytes is passed over: everything in it can be worked out from events. For the same reason a damaged page among them
// stops nothing: both tables are then set aside under other names, as to delete from them would need the damaged page, and
// begun anew.

import Crypto
package import Domain
import Foundation
import GRDB

package struct LogCheckpoint: Sendable {
    package var seq: Position
    package var at: LogTime
    package var version: Int
    package var body: [UInt8]
}

struct CheckpointStore: Sendable {
    enum Owner: String, Sendable { case log, loop }

    let catalog: LogCatalog
    let partBytes: Int

    private static let partBits: Int64 = 20
    private static let partsLimit = 1 << 20

    func save(_ owner: Owner, seq: Position, at: LogTime, version: Int, body: [UInt8]) throws(LogError) {
        do {
            do { try write(owner, seq: seq, at: at, version: version, body: body) } catch let error as DatabaseError where error.isDamage {
                try setAside()
                try write(owner, seq: seq, at: at, version: version, body: body)
            }
        } catch { throw LogError(wrapping: error, operation: "save a checkpoint in", path: catalog.path) }
    }

    private func write(_ owner: Owner, seq: Position, at: LogTime, version: Int, body: [UInt8]) throws {
        let parts = max(1, (body.count + partBytes - 1) / partBytes)
        precondition(parts < Self.partsLimit, "a checkpoint of \(body.count) bytes")
        // The log and the loop may save at the same time: an id is taken by the transaction that writes its first part.
        let id = try catalog.pool.write { db in
            let id = try nextID(db)
            try insert(part: 0, of: id, body, db)
            return id
        }
        for part in 1..<parts { try catalog.pool.write { db in try insert(part: part, of: id, body, db) } }
        try catalog.pool.write { db in
            try db.execute(
                sql: "INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)",
                arguments: [id, owner.rawValue, seq, at.microseconds, version, body.count, Self.data(Self.digest(body))])
        }
    }

    private func insert(part: Int, of id: Int64, _ body: [UInt8], _ db: Database) throws {
        let slice = Array(body[(part * partBytes)..<min((part + 1) * partBytes, body.count)])
        try db.execute(sql: "INSERT INTO checkpoint_parts VALUES (?, ?)", arguments: [id << Self.partBits | Int64(part), Self.data(slice)])
    }

    /// The newest sound one of `version` at `seq` or before, and how many were passed over because they are damaged.
    func latest(_ owner: Owner, atOrBefore seq: Position, version: Int?) throws(LogError) -> (checkpoint: LogCheckpoint?, damaged: Int) {
        try catalog.read("read a checkpoint of") { db in
            var damaged = 0
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT * FROM checkpoints WHERE owner = ? AND seq <= ? AND (?3 IS NULL OR version = ?3) ORDER BY seq DESC, id DESC",
                arguments: [owner.rawValue, seq, version])
            for row in rows {
                do { if let found = try load(row, db) { return (found, damaged) } } catch let error as DatabaseError where error.isDamage {}
                damaged += 1
            }
            return (nil, damaged)
        }
    }

    /// The position of the newest one, sound or not.
    func latestSeq(_ owner: Owner) throws -> Position? {
        try catalog.pool.read { db in
            try Position.fetchOne(db, sql: "SELECT max(seq) FROM checkpoints WHERE owner = ?", arguments: [owner.rawValue])
        }
    }

    private func load(_ row: Row, _ db: Database) throws -> LogCheckpoint? {
        let id: Int64 = row["id"]
        let count: Int = row["bytes"]
        let digest: [UInt8] = try row.withUnsafeData(named: "digest") { Array($0 ?? .init()) }
        var body: [UInt8] = []
        let parts = try Row.fetchCursor(
            db, sql: "SELECT body FROM checkpoint_parts WHERE part >= ? AND part < ? ORDER BY part",
            arguments: [id << Self.partBits, (id + 1) << Self.partBits])
        while let part = try parts.next() {
            try part.withUnsafeData(atIndex: 0) { body.append(contentsOf: $0 ?? .init()) }
            if body.count > count { return nil }
        }
        guard body.count == count, Self.digest(body) == digest else { return nil }
        return LogCheckpoint(seq: row["seq"], at: LogTime(microseconds: row["at"]), version: row["version"], body: body)
    }

    // MARK: - Room

    /// Leaves `kept` of an owner's checkpoints: the newest and the oldest, and between them those that lie well apart
    /// measured by their age, so that any moment has one not far before it.
    func thin(_ owner: Owner, keeping kept: Int) throws(LogError) {
        do {
            do { try removeBeyond(kept, owner) } catch let error as DatabaseError where error.isDamage { try setAside() }
        } catch { throw LogError(wrapping: error, operation: "thin out checkpoints of", path: catalog.path) }
    }

    private func removeBeyond(_ kept: Int, _ owner: Owner) throws {
        var left = try catalog.pool.read { db in
            try Row.fetchAll(db, sql: "SELECT id, seq FROM checkpoints WHERE owner = ? ORDER BY seq, id", arguments: [owner.rawValue])
                .map { (id: $0["id"] as Int64, seq: $0["seq"] as Int64) }
        }
        while left.count > max(kept, 1) {
            let victim = Self.victim(left.map(\.seq), keepsOldest: kept > 2)
            try remove(left[victim].id)
            left.remove(at: victim)
        }
    }

    /// The one that is missed least: the gap it would leave, by how long ago that is.
    static func victim(_ seqs: [Int64], keepsOldest: Bool) -> Int {
        guard seqs.count > 2 else { return 0 }
        let newest = seqs[seqs.count - 1]
        func cost(_ k: Int) -> Double {
            let gap = Double(seqs[k + 1] - (k == 0 ? 0 : seqs[k - 1]))
            return gap / Double(newest - seqs[k] + 1)
        }
        return ((keepsOldest ? 1 : 0)..<(seqs.count - 1)).min { cost($0) < cost($1) } ?? 0
    }

    /// Its row first, then its parts, a few at a time.
    private func remove(_ id: Int64) throws {
        try catalog.pool.write { db in try db.execute(sql: "DELETE FROM checkpoints WHERE id = ?", arguments: [id]) }
        try removeParts(from: id << Self.partBits, to: (id + 1) << Self.partBits)
    }

    private func removeParts(from first: Int64, to end: Int64) throws {
        var removed = 1
        while removed > 0 {
            removed = try catalog.pool.write { db in
                try db.execute(
                    sql:
                        "DELETE FROM checkpoint_parts WHERE part IN (SELECT part FROM checkpoint_parts WHERE part >= ? AND part < ? LIMIT 4)",
                    arguments: [first, end])
                return db.changesCount
            }
        }
    }

    /// While opening: removes parts of checkpoints that a crash kept from being finished. Answers what was found damaged, in words.
    func repair() throws -> String? {
        do {
            try catalog.pool.writeWithoutTransaction { db in
                try db.execute(sql: "DELETE FROM checkpoint_parts WHERE part >> \(Self.partBits) NOT IN (SELECT id FROM checkpoints)")
                _ = try Row.fetchAll(db, sql: "SELECT * FROM checkpoints")
            }
            return nil
        } catch let error as DatabaseError where error.isDamage {
            try setAside()
            return
                "a page of the checkpoints in \(catalog.path) is damaged (SQLite says \(error.extendedResultCode.rawValue): \(error.message ?? "no more")): "
                + "they are dropped, and state is folded from the log"
        }
    }

    /// Both tables under other names, and empty ones in their place.
    private func setAside() throws {
        try catalog.pool.writeWithoutTransaction { db in try SideTables.replace(["checkpoints", "checkpoint_parts"], db) }
    }

    private func nextID(_ db: Database) throws -> Int64 {
        let used = try Int64.fetchOne(
            db,
            sql:
                "SELECT max(coalesce((SELECT max(id) FROM checkpoints), 0), coalesce((SELECT max(part) FROM checkpoint_parts), 0) >> \(Self.partBits))"
        )
        return (used ?? 0) + 1
    }

    private static func digest(_ body: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        body.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Array(hash.finalize())
    }

    private static func data(_ bytes: [UInt8]) -> Data { Data(bytes) }
}
