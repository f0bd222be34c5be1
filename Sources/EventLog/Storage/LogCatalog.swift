// What does a reader need besides the file?
//
// The connections, the dictionary, and the marks of superseded events that the writer has not written yet. Shared by all
// who read; holds nothing that belongs to the writer.

import Domain
import GRDB
import Synchronization

final class LogCatalog: Sendable {
    let path: String
    let pool: DatabasePool
    let bodies: BodyLookup
    let names = NameDictionary()
    let logID: [UInt8]
    /// Another process may be adding names: they are read before each use.
    let isReadOnly: Bool
    /// Superseded events whose mark waits for the next commit.
    let pendingMarks = Mutex<Set<Position>>([])
    /// Two readers that load names at once would load them twice.
    private let loading = Mutex<Void>(())

    init(path: String, pool: DatabasePool, logID: [UInt8], isReadOnly: Bool) {
        self.path = path
        self.pool = pool
        bodies = BodyLookup(path: path, settings: pool.configuration)
        self.logID = logID
        self.isReadOnly = isReadOnly
    }

    /// Runs `body` on a reading connection, on one state of the file. What goes wrong comes out as a `LogError`.
    func read<Result>(_ operation: String, _ body: (Database) throws -> Result) throws(LogError) -> Result {
        do {
            return try pool.read { db in
                if isReadOnly { try loadNewNames(db, operation) }
                return try body(db)
            }
        } catch { throw LogError(wrapping: error, operation: operation, path: path) }
    }

    /// Names that are in the file and not yet in memory.
    func loadNewNames(_ db: Database, _ operation: String) throws {
        let rows = try RawStatement(cached: "SELECT id, text FROM names WHERE id > ? ORDER BY id", db)
        try loading.withLock { _ in
            rows.bind(1, Int64(names.count))
            while try rows.step() {
                guard names.restore(rows.integer(0), rows.bytes(1)) else { throw brokenDictionary(at: rows.integer(0), operation, rows) }
            }
        }
    }

    private func brokenDictionary(at id: Int64, _ operation: String, _ rows: RawStatement) -> LogError {
        rows.reset()
        return LogError(
            .damaged, operation: operation, path: path, problem: "the dictionary is broken at name \(id)",
            hint: "restore the file from a copy, or import an export; `log verify` says how far the log is sound")
    }

    /// The last commit's position, time, last name and link of the chain; nil for an empty log.
    static func lastCommit(_ db: Database) throws -> (head: Head, lastName: Int64, hash: [UInt8])? {
        guard let row = try Row.fetchOne(db, sql: "SELECT last_seq, at, last_name, hash FROM commits ORDER BY first_seq DESC LIMIT 1")
        else { return nil }
        let hash: [UInt8] = try row.withUnsafeData(atIndex: 3) { Array($0 ?? .init()) }
        return (Head(seq: row[0], at: LogTime(microseconds: row[1])), row[2], hash)
    }
}

extension LogError {
    /// What a database error means to whoever runs this log.
    init(wrapping error: any Error, operation: String, path: String) {
        if let known = error as? LogError { self = known; return }
        guard let database = error as? DatabaseError else {
            self.init(
                .unreachable, operation: operation, path: path, problem: "\(error)", hint: "see whether the file is there and may be read")
            return
        }
        let (reason, problem, hint) = DatabaseTrouble(database).explained
        self.init(reason, operation: operation, path: path, problem: problem, hint: hint)
    }
}

/// SQLite's result codes, in words.
struct DatabaseTrouble {
    private let error: DatabaseError

    /// What SQLite was doing when the disk failed.
    private static let operations: [(code: ResultCode, what: String)] = [
        (.SQLITE_IOERR_FSYNC, "sync what was written"), (.SQLITE_IOERR_DIR_FSYNC, "sync the directory"), (.SQLITE_IOERR_WRITE, "write"),
        (.SQLITE_IOERR_READ, "read"), (.SQLITE_IOERR_SHORT_READ, "read a whole page"), (.SQLITE_IOERR_TRUNCATE, "cut a file back"),
        (.SQLITE_IOERR_FSTAT, "tell a file's size"), (.SQLITE_IOERR_LOCK, "lock a file"), (.SQLITE_IOERR_UNLOCK, "unlock a file"),
        (.SQLITE_IOERR_RDLOCK, "lock a file"), (.SQLITE_IOERR_DELETE, "delete a file"), (.SQLITE_IOERR_SHMOPEN, "open the -shm file"),
        (.SQLITE_IOERR_SHMSIZE, "enlarge the -shm file"), (.SQLITE_IOERR_SHMMAP, "map the -shm file"),
        (.SQLITE_IOERR_SHMLOCK, "lock the -shm file"),
        (.SQLITE_IOERR_CLOSE, "close a file"), (.SQLITE_IOERR_SEEK, "seek in a file"), (.SQLITE_IOERR_MMAP, "map a file"),
    ]

    init(_ error: DatabaseError) { self.error = error }

    var explained: (LogError.Reason, problem: String, hint: String) {
        let code = "SQLite says \(error.extendedResultCode.rawValue): \(error.message ?? "no more")"
        let failed =
            Self.operations.first { $0.code == error.extendedResultCode }.map { "the disk refused to \($0.what)" } ?? "the disk failed"
        switch error.resultCode {
        case .SQLITE_FULL: return (.notWritable, "the disk is full (\(code))", "free some space: writing resumes without a restart")
        case .SQLITE_IOERR: return (.notWritable, "\(failed) (\(code))", "check the disk: writing resumes without a restart once it works")
        case .SQLITE_READONLY:
            return (.notWritable, "the file may not be written (\(code))", "check the rights of the file and its directory")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return (.notWritable, "another program holds the file (\(code))", "close the program that writes to it: writing then resumes")
        case .SQLITE_CANTOPEN: return (.unreachable, "can't be opened (\(code))", "check that the directory is there and may be written")
        case .SQLITE_NOTADB:
            return (.notALog, "not a SQLite file (\(code))", "give the path of a log; a new one needs a path where there is no file")
        case .SQLITE_CORRUPT:
            return (
                .damaged, "the file is damaged (\(code))",
                "restore it from a copy; `log verify` says how far it is intact, and `log rebuild` rebuilds what is derived"
            )
        case .SQLITE_CONSTRAINT: return (.damaged, "a row is there already (\(code))", "run `log verify`: something else wrote to the log")
        default: return (.unreachable, code, "see whether the file is there, a log, and may be read")
        }
    }
}
