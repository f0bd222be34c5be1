// How does a log end?
//
// In this order: appends are refused; the threads end, the writer after it has answered all that wait; marks and state are saved;
// statements are closed before their connection; the lock is released last.

import Dispatch
import Domain
import Foundation
import GRDB

extension EventLog {
    /// The parts that are to be ended, without the log itself, which may be gone already.
    struct Closing: Sendable {
        let catalog: LogCatalog
        let checkpoints: CheckpointStore
        let recent: RecentCommits
        let health: HealthRecord
        let writing: Writing?

        func run() {
            do {
                if let writing { try end(writing) }
                recent.close()
                try catalog.bodies.close()
                try catalog.pool.close()
            } catch { health.noteKeeper(error, path: catalog.path) }
            recent.close()
            writing?.lock.release()
        }

        private func end(_ writing: Writing) throws {
            writing.writer.close()
            writing.keeper.close()
            writing.threads.join()
            writing.writer.flushMarks()
            defer { writing.writer.releaseEngine() }
            try writing.keeper.closeConnection()
            // A write-ahead log that was deleted under us is still open, and this is the last moment to save what it holds. What was
            // written to a database that is not at its path would be of no use, and another log's files may be there.
            let trouble = writing.place.files.trouble()
            guard trouble?.part != .database else { return }
            // On a disk that is full there is nothing to save it to; opening then goes through more of the tail.
            guard health.failure == nil || trouble != nil else { return }
            if trouble == nil { _ = try StateSaving(writing, checkpoints).save() }
            do {
                try catalog.pool.writeWithoutTransaction { db in try writing.place.wal.runWhole(db, isLast: true) }
            } catch let error as DatabaseError where error.resultCode == .SQLITE_BUSY {
                // Another process reads: the WAL stays, and is taken up by whoever opens the log next.
            }
            writing.place.mark.sync()
        }
    }
}

/// Saves what the log keeps of subjects and sources, so that the next opening reads the tail alone.
struct StateSaving: Sendable {
    private let writing: EventLog.Writing
    private let checkpoints: CheckpointStore

    init(_ writing: EventLog.Writing, _ checkpoints: CheckpointStore) {
        self.writing = writing
        self.checkpoints = checkpoints
    }

    func save() throws -> Position {
        let (head, body) = try writing.writer.withEngine { engine, _ in (engine.head, writing.subjects.encoded()) }
        guard head.seq > 0 else { return 0 }
        let last = try checkpoints.latestSeq(.log)
        guard last != head.seq else { return head.seq }
        try checkpoints.save(.log, seq: head.seq, at: head.at, version: SubjectIndex.version, body: body)
        try checkpoints.thin(.log, keeping: 2)
        return head.seq
    }
}

/// The log's own threads, and waiting for their end.
final class LogThreads: Sendable {
    private let group = DispatchGroup()

    func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        group.enter()
        let thread = Thread { [group, key] in
            Thread.current.threadDictionary[key] = true
            body()
            group.leave()
        }
        thread.name = name
        thread.start()
    }

    /// Whether the caller runs on one of these.
    var isCurrent: Bool { Thread.current.threadDictionary[key] != nil }

    func join() { group.wait() }

    private var key: String { "greenroom.log.\(ObjectIdentifier(self).hashValue)" }
}
