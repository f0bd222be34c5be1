// How far has this file followed which stream?
//
// One row, written in the transaction of the commits that it counts: the file never holds a commit without the sequence it came with.
// The table is made when a log becomes a replica. A log that isn't one doesn't have it, so earlier versions open it as before.

import Domain
import Foundation
import GRDB

struct ReplicaPlace: Hashable {
    var stream: String
    var created: String
    var sequence: UInt64 = 0
    var fence: UInt64 = 0
    var leader = ""
}

struct ReplicaTable {
    private let put: RawStatement

    init(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS replica (
                    only INTEGER PRIMARY KEY CHECK (only = 1),
                    stream TEXT NOT NULL, created TEXT NOT NULL, sequence INTEGER NOT NULL, fence INTEGER NOT NULL, leader TEXT NOT NULL
                )
                """)
        put = try RawStatement(db, "INSERT OR REPLACE INTO replica VALUES (1, ?, ?, ?, ?, ?)")
    }

    /// Nil where the file never followed a stream.
    static func read(_ db: Database) throws -> ReplicaPlace? {
        guard try db.tableExists("replica"),
            let row = try Row.fetchOne(db, sql: "SELECT stream, created, sequence, fence, leader FROM replica")
        else { return nil }
        let (sequence, fence): (Int64, Int64) = (row[2], row[3])
        return ReplicaPlace(
            stream: row[0], created: row[1], sequence: UInt64(bitPattern: sequence), fence: UInt64(bitPattern: fence), leader: row[4])
    }

    func write(_ place: ReplicaPlace) throws {
        try Self.bytes(place.stream) { stream in
            try Self.bytes(place.created) { created in
                try Self.bytes(place.leader) { leader in
                    put.bindText(1, stream)
                    put.bindText(2, created)
                    put.bind(3, Int64(bitPattern: place.sequence))
                    put.bind(4, Int64(bitPattern: place.fence))
                    put.bindText(5, leader)
                    try put.run()
                }
            }
        }
    }

    /// An empty text has an address too: without one it would be NULL.
    private static func bytes(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
        var copy = text
        try copy.withUTF8 { bytes in
            if !bytes.isEmpty { return try body(bytes) }
            try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) { spare in
                try body(UnsafeBufferPointer(start: spare.baseAddress, count: 0))
            }
        }
    }
}

extension EventLog {
    /// Whether the log of a new stream may begin with the file at `path`: there is none yet, or it holds nothing and followed no stream.
    package static func mayFoundStream(path: String) -> Bool {
        guard FileManager.default.fileExists(atPath: path) else { return true }
        var configuration = GRDB.Configuration()
        configuration.readonly = true
        guard let file = try? DatabaseQueue(path: path, configuration: configuration) else { return false }
        let isNew = try? file.read { db in
            guard try db.tableExists("commits") else { return true }
            return try ReplicaTable.read(db) == nil && LogCatalog.lastCommit(db) == nil
        }
        return isNew ?? false
    }
}
