// What does the log say between two positions, about which subject or pool?
//
// Everything is read from the file, on connections of its own that never wait for the writer. Commits come whole and in
// order. The superseded flag is filled in as far as it is known.

import Basics
import Domain
import GRDB

struct LogReader: Sendable {
    let catalog: LogCatalog

    private var path: String { catalog.path }

    /// Whole commits after `position`, until they hold `limitEvents`; at least one where there is one. A commit that
    /// `position` lies within comes without what is before.
    func read(after position: Position, limitEvents: Int) throws(LogError) -> [CommittedBatch] {
        try catalog.read("read") { db in
            let commits = try commits(after: position, limitEvents: limitEvents, db)
            guard let last = commits.last else { return [] }
            let marks = try marks(after: position, upTo: last.last, db)
            let statement = try RawStatement(cached: "SELECT \(EventRows.columns) FROM events WHERE seq > ? AND seq <= ? ORDER BY seq", db)
            statement.bind(1, position)
            statement.bind(2, last.last)
            defer { statement.reset() }
            let rows = EventRows(statement, path: path, ownSource: catalog.names.ownSource)
            return try commits.map { commit in
                var batch = CommittedBatch(at: commit.at, events: [], bytes: [])
                let count = Int(commit.last - max(commit.first - 1, position))
                batch.events.reserveCapacity(count)
                for seq in (commit.last - Int64(count) + 1)...commit.last {
                    guard try statement.step(), statement.integer(0) == seq else { throw missing(seq) }
                    try rows.append(to: &batch) { marks.contains($0) }
                }
                return batch
            }
        }
    }

    /// The event at `position`, alone in its batch; nil where there is none.
    func event(at position: Position) throws(LogError) -> CommittedBatch? {
        try catalog.read("read") { db in try event(position, db) }
    }

    /// Where the commit of the event at `position` begins.
    func firstSeq(ofCommitWith position: Position) throws(LogError) -> Position {
        try catalog.read("read") { db in
            try Position.fetchOne(db, sql: "SELECT max(first_seq) FROM commits WHERE first_seq <= ?", arguments: [position]) ?? position
        }
    }

    /// The newest `limit` events of `subject` before `before`, oldest first, each alone in its batch. `last` is the
    /// subject's last position where that is known.
    func history(of subject: NameID, last: Position?, before: Position, limit: Int) throws(LogError) -> [CommittedBatch] {
        try catalog.read("read history of") { db in
            var seq = try last ?? lastPosition(of: subject, before: before, db)
            var found: [CommittedBatch] = []
            while seq > 0, found.count < limit {
                guard let batch = try event(seq, db), let event = batch.events.first, event.subject == subject, event.previous < seq
                else { throw missing(seq) }
                if seq < before { found.append(batch) }
                seq = event.previous
            }
            return found.reversed()
        }
    }

    /// The last position whose commit's time is `at` or earlier; 0 where there is none. Commits are in order of both, so
    /// halving the positions finds it without an index on the time.
    func position(at: LogTime) throws(LogError) -> Position {
        try catalog.read("look up a time in") { db in
            let statement = try RawStatement(
                cached: "SELECT first_seq, last_seq, at FROM commits WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1", db)
            defer { statement.reset() }
            var low: Position = 0
            var high = try LogCatalog.lastCommit(db)?.head.seq ?? 0
            var answer: Position = 0
            while low < high {
                let middle = low + (high - low + 1) / 2
                statement.bind(1, middle)
                guard try statement.step() else { break }
                let (first, last, time) = (statement.integer(0), statement.integer(1), statement.integer(2))
                statement.reset()
                if time <= at.microseconds { answer = last; low = last } else { high = first - 1 }
            }
            return answer
        }
    }

    // MARK: - Parts

    private struct Commit { var first, last: Position; var at: LogTime }

    private func commits(after position: Position, limitEvents: Int, _ db: Database) throws -> [Commit] {
        let statement = try RawStatement(
            cached: """
                SELECT first_seq, last_seq, at FROM commits
                WHERE first_seq >= coalesce((SELECT max(first_seq) FROM commits WHERE first_seq <= ?1), 0) AND last_seq >= ?1 ORDER BY first_seq
                """, db)
        statement.bind(1, position.addingClamped(1))
        defer { statement.reset() }
        var found: [Commit] = []
        while try statement.step() {
            found.append(Commit(first: statement.integer(0), last: statement.integer(1), at: LogTime(microseconds: statement.integer(2))))
            if statement.integer(1) - position >= Int64(limitEvents) { break }
        }
        return found
    }

    private func marks(after position: Position, upTo last: Position, _ db: Database) throws -> Set<Position> {
        let stored = try Position.fetchAll(db, sql: "SELECT seq FROM superseded WHERE seq > ? AND seq <= ?", arguments: [position, last])
        return catalog.pendingMarks.withLock { $0 }.union(stored)
    }

    private func event(_ position: Position, _ db: Database) throws -> CommittedBatch? {
        let statement = try RawStatement(
            cached: """
                SELECT \(EventRows.columns),
                    (SELECT at FROM commits WHERE first_seq <= events.seq ORDER BY first_seq DESC LIMIT 1),
                    EXISTS (SELECT 1 FROM superseded WHERE superseded.seq = events.seq)
                FROM events WHERE seq = ?
                """, db)
        statement.bind(1, position)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        var batch = CommittedBatch(at: LogTime(microseconds: statement.integer(11)), events: [], bytes: [])
        let isMarked = statement.integer(12) != 0 || catalog.pendingMarks.withLock { $0.contains(position) }
        try EventRows(statement, path: path, ownSource: catalog.names.ownSource).append(to: &batch) { _ in isMarked }
        return batch
    }

    /// Goes back through the rows: for logs opened only to read, which keep no index of subjects.
    private func lastPosition(of subject: NameID, before: Position, _ db: Database) throws -> Position {
        try Position.fetchOne(
            db, sql: "SELECT seq FROM events WHERE subject = ? AND seq < ? ORDER BY seq DESC LIMIT 1",
            arguments: [Int64(subject.rawValue), before]) ?? 0
    }

    private func missing(_ seq: Position) -> LogError {
        LogError(
            .damaged, operation: "read", path: path, problem: "position \(seq) is missing or not where it belongs",
            hint: "run `log verify`; restore the file from a copy")
    }
}
