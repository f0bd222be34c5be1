// Which tables must there be, and is this file one of ours?
//
// One file of `migrations/` is one migration; the binary carries them all. GRDB's migrator applies what is missing, in
// order, each in a transaction. A file that knows migrations we don't is a newer version's: it is refused, not guessed at.

import Domain
import Foundation
import GRDB

enum Schema {
    /// Names the files of `migrations/`, in the order they are applied.
    private static let migrations: [(name: String, sql: [UInt8])] = [
        ("001_log", PackageResources._01_log_sql), ("002_snapshot_observed", PackageResources._02_snapshot_observed_sql),
        ("003_prefetch_suggested", PackageResources._03_prefetch_suggested_sql),
        ("004_clock_and_losses", PackageResources._04_clock_and_losses_sql),
        ("005_pool_paused", PackageResources._05_pool_paused_sql),
        ("006_worker_observed", PackageResources._06_worker_observed_sql),
        ("007_pool_deleted", PackageResources._07_pool_deleted_sql),
        ("008_leader_elected", PackageResources._08_leader_elected_sql),
    ]

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator().disablingDeferredForeignKeyChecks()
        for (name, sql) in migrations {
            migrator.registerMigration(name) { db in try db.execute(sql: String(decoding: sql, as: UTF8.self)) }
        }
        return migrator
    }

    /// Brings the file up to this version, and gives it the log's id where it is new.
    /// - Parameter id: asked for a new one; a random one is drawn where it answers nil.
    static func prepare(_ pool: DatabasePool, path: String, id: () throws -> [UInt8]?) throws {
        guard try pool.read({ try !migrator.hasBeenSuperseded($0) }) else { throw newer(path) }
        try migrator.migrate(pool)
        guard try pool.read({ try Int.fetchOne($0, sql: "SELECT count(*) FROM log_info") == 0 }) else { return }
        let given = try id()
        try pool.write { db in
            if let given {
                try db.execute(sql: "INSERT INTO log_info VALUES (1, ?)", arguments: [Data(given)])
            } else {
                try db.execute(sql: "INSERT INTO log_info VALUES (1, randomblob(16))")
            }
        }
    }

    /// For reading only: nothing may be applied. What came after the first migration names kinds for the sqlite3 shell, which no
    /// reader asks for: an older version's file, a copy of a backup say, is read as it is.
    static func check(_ pool: DatabasePool, path: String) throws {
        try pool.read { db in
            guard try !migrator.hasBeenSuperseded(db) else { throw newer(path) }
            guard try migrator.appliedIdentifiers(db).contains(migrations[0].name) else {
                throw LogError(.notALog, operation: "open", path: path, problem: "not a log", hint: "give the path of a log")
            }
        }
    }

    private static func newer(_ path: String) -> LogError {
        LogError(
            .notALog, operation: "open", path: path, problem: "written by a newer version, with tables this one doesn't know",
            hint: "use that version or a later one")
    }
}
