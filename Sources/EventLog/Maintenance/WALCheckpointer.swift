// When does the write-ahead log get back into the database?
//
// Never as part of an append, except where it has grown past its limit. The keeper copies it in the background with passive
// checkpoints, which disturb neither the writer nor readers. If the writer still finds it past the limit, it copies the little that
// is left, and the next commit starts the file over. A reader that stays with an old state keeps frames from being copied, and the
// file grows; once it has left, the file is cut back.
//
// One checkpoint runs at a time, and one begins only if there are frames to copy: a commit was completed since the last one ended,
// or that one had to leave some. That avoids a race in SQLite before 3.51.3: a checkpoint that starts while a writer restarts a
// wholly copied WAL may take old frames for new ones. As long as there are frames to copy, a writer can't restart the WAL.

import GRDB
import GRDBSQLite
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

final class WALCheckpointer: Sendable {
    private let commits = Atomic<Int>(0)
    private let bytesInWAL = Atomic<Int>(0)
    private let lastCheckpoint = Mutex(Last())

    /// The last checkpoint: `commits` when it ended, and whether it copied all there was.
    private struct Last: Sendable {
        var commits = 0
        var isWhole = true
    }

    var bytes: Int { bytesInWAL.load(ordering: .relaxed) }

    func noteCommit() { commits.add(1, ordering: .sequentiallyConsistent) }

    /// Copies what can be copied without waiting for anyone. False where there was nothing to do.
    @discardableResult
    func run(_ db: Database) throws -> Bool {
        try lastCheckpoint.withLock { last in
            guard commits.load(ordering: .sequentiallyConsistent) > last.commits || !last.isWhole else { return false }
            let done = try db.checkpoint(.passive)
            last.commits = commits.load(ordering: .sequentiallyConsistent)
            last.isWhole = done.walFrameCount == done.checkpointedFrameCount
            if last.isWhole { bytesInWAL.store(0, ordering: .relaxed) }
            return true
        }
    }

    /// Copies and syncs everything. Only inside the writer's access: with no other writer, the race can't be.
    /// The last one of all also empties the file: GRDB's pool closes its writer first, so SQLite finds no connection that
    /// may clean up.
    func runWhole(_ db: Database, isLast: Bool = false) throws {
        try lastCheckpoint.withLock { last in
            _ = try db.checkpoint(isLast ? .truncate : .full)
            last = Last(commits: commits.load(ordering: .sequentiallyConsistent))
            bytesInWAL.store(0, ordering: .relaxed)
        }
    }

    /// Whether all of it is copied, as far as is known.
    var isDone: Bool { bytes == 0 }

    /// Empties the file, unless somebody reads from it: that is not waited for. Only inside the writer's access.
    func cutBack(_ db: Database) throws {
        sqlite3_busy_timeout(db.sqliteConnection, 0)
        defer { sqlite3_busy_timeout(db.sqliteConnection, Int32(LogOpening.busySeconds * 1_000)) }
        do { try runWhole(db, isLast: true) } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {}
    }

    /// How large the file is, whatever of it is in use.
    static func fileBytes(ofLog path: String) -> Int {
        var found = stat()
        return stat(path + "-wal", &found) == 0 ? Int(found.st_size) : 0
    }

    /// Has SQLite report the WAL's size after each commit of this connection. It also keeps it from checkpointing by itself,
    /// which uses the same hook. The checkpointer must outlive the connection.
    func watch(_ db: Database, path: String) throws {
        guard try Int.fetchOne(db, sql: "PRAGMA page_size") == Self.pageBytes else {
            throw LogError(
                .notALog, operation: "open", path: path, problem: "its pages are not of \(Self.pageBytes) bytes",
                hint: "import an export of it into a new log")
        }
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_wal_hook(
            db.sqliteConnection,
            { context, _, _, frames in
                guard let context else { return SQLITE_OK }
                let watcher = Unmanaged<WALCheckpointer>.fromOpaque(context).takeUnretainedValue()
                watcher.bytesInWAL.store(Int(frames) * WALCheckpointer.pageBytes, ordering: .relaxed)
                watcher.noteCommit()
                return SQLITE_OK
            }, context)
    }

    static let pageBytes = 4096
}
