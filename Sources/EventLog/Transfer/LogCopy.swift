// How does a whole log get from one file into another?
//
// A copy is SQLite's own backup: page by page, of one state of the file, while the writer goes on. It holds everything that the log derives
// as well, so whoever opens it has nothing to work out again. A copy is put in another log's place only where it continues what is there.

import Foundation
import GRDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension EventLog {
    /// Writes a copy of the log as it is now to `target`, which is made anew. Needs as much room as the log.
    package func copy(to target: String) throws(LogError) -> LogFacts {
        do {
            Self.removeLog(at: target)
            let queue = try DatabaseQueue(path: target)
            do {
                // Nobody has it yet: one that breaks off is made again.
                try queue.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF") }
                try catalog.pool.backup(to: queue)
                try queue.close()
            } catch {
                try? queue.close()
                Self.removeLog(at: target)
                throw error
            }
        } catch { throw LogError(wrapping: error, operation: "copy into \(target)", path: path) }
        guard let facts = try Self.facts(path: target) else {
            throw LogError(
                .damaged, operation: "copy into \(target)", path: path, problem: "the copy is empty", hint: "see what writes to it")
        }
        return facts
    }

    /// Puts the copy at `copy` in the place of what is at `path`: nothing, or the beginning of the same log. Whatever else is there stays,
    /// and this says so.
    package static func install(_ copy: String, at path: String) throws(LogError) {
        let path = try LogFileName.resolved(path)
        let lock = try LogLock(logPath: path)
        defer { lock.release() }
        guard let coming = try facts(path: copy) else { throw refused(path, "the copy \(copy) holds no log", "fetch it again") }
        if let there = try facts(path: path) { try check(there, isBegunBy: coming, copy, path) }
        do {
            try FileSync.run(copy)
            // Before the database: a write-ahead log beside another database would be copied into it.
            for suffix in ["-wal", "-shm", "-head"] { try removeIfThere(path + suffix) }
            guard rename(copy, path) == 0 else { throw FileSync.systemError() }
            // What looking at the copy left.
            removeLog(at: copy)
            try FileSync.run(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        } catch {
            throw LogError(
                .unreachable, operation: "put a copy in the place of", path: path, problem: "\(error.localizedDescription)",
                hint: "see that the directory may be written and has room")
        }
    }

    private static func check(_ there: LogFacts, isBegunBy coming: LogFacts, _ copy: String, _ path: String) throws(LogError) {
        guard there.id == coming.id else {
            throw refused(
                path, "it is another log than the copy", "move it away, with its -wal and -head: the instance then joins by itself")
        }
        let log = try openReadOnly(path: copy)
        defer { log.close() }
        let commit = there.position == 0 ? nil : try log.reader.commit(with: there.position)
        guard there.position == 0 || (commit?.last == there.position && commit?.hash == there.link) else {
            throw refused(
                path, "it holds another commit at position \(there.position) than the copy",
                "this instance's log has diverged: keep the file, compare it with `log verify --against`, and move it away to join anew")
        }
    }

    /// Removes the file and what stands beside it.
    package static func removeLog(at path: String) {
        for suffix in ["", "-wal", "-shm", "-journal", "-head", ".lock"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }

    private static func removeIfThere(_ path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        try FileManager.default.removeItem(atPath: path)
    }

    private static func refused(_ path: String, _ problem: String, _ hint: String) -> LogError {
        LogError(.refused, operation: "put a copy in the place of", path: path, problem: problem, hint: hint)
    }
}

/// Apart from the log, whose `open` is another.
private enum FileSync {
    static func run(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemError() }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw systemError() }
    }

    static func systemError() -> NSError {
        NSError(domain: NSPOSIXErrorDomain, code: Int(errno), userInfo: [NSLocalizedDescriptionKey: String(cString: strerror(errno))])
    }
}
