// What becomes of a table of derived rows, one of whose pages is damaged?
//
// To delete its rows, or the table, SQLite would need the damaged page. So the table gets another name, under which it is
// never read again, and an empty one takes its place. Its pages stay in the file.

import GRDB

enum SideTables {
    /// In one transaction.
    static func replace(_ tables: [String], _ db: Database) throws {
        try db.inTransaction {
            for table in tables {
                guard
                    let sql = try String.fetchOne(
                        db, sql: "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", arguments: [table])
                else { continue }
                let others =
                    try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master WHERE name LIKE ?", arguments: ["damaged_\(table)_%"])
                    ?? 0
                try db.execute(sql: "ALTER TABLE \(table) RENAME TO damaged_\(table)_\(others + 1)")
                try db.execute(sql: sql)
            }
            return .commit
        }
    }
}

extension DatabaseError {
    /// A page of the file isn't what it should be.
    var isDamage: Bool { resultCode == .SQLITE_CORRUPT }
}
