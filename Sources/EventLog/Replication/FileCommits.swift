// Which message is each commit of this file?
//
// A message has exactly one encoding, so a commit of the file and a message of the stream are the same if their bytes are. Read for a
// migration, which publishes them, and for a comparison, which holds them against what is there.

import Domain
import GRDB

/// A commit as the file has it, and what stands before it.
struct FileCommit: Sendable {
    /// The link before it.
    var previous: [UInt8]
    /// Its fence is 0: the file doesn't keep who wrote it.
    var content: CommitContent

    var firstSeq: Position { content.firstSeq }
    var lastSeq: Position { content.lastSeq }
    var link: [UInt8] { content.link }

    /// The message that `fence`'s leader publishes it as.
    func bytes(logID: [UInt8], fence: UInt64, limit: Int = ReplicaMessage.bytesLimit) throws(ReplicaMessageFault) -> [UInt8] {
        var content = content
        content.fence = fence
        return try ReplicaMessage(logID: logID, previous: previous, content: .commit(content)).encoded(limit: limit)
    }
}

extension LogReader {
    /// Whole commits after `position`, which must end one, until they hold `limitEvents`; at least one where there is one.
    func fileCommits(after position: Position, limitEvents: Int) throws(LogError) -> [FileCommit] {
        try catalog.read("read") { db in
            var (previous, lastName) = try end(at: position, db)
            let commits = try RawStatement(
                cached: "SELECT first_seq, last_seq, at, last_name, hash FROM commits WHERE first_seq > ? ORDER BY first_seq", db)
            let names = try RawStatement(cached: "SELECT id, text FROM names WHERE id > ? ORDER BY id", db)
            let events = try RawStatement(cached: "SELECT \(EventRows.columns) FROM events WHERE seq > ? ORDER BY seq", db)
            commits.bind(1, position)
            names.bind(1, lastName)
            events.bind(1, position)
            defer {
                commits.reset()
                names.reset()
                events.reset()
            }
            let rows = EventRows(events, path: catalog.path, ownSource: .none)
            var found: [FileCommit] = []
            var head = position
            while head - position < Int64(limitEvents), try commits.step() {
                guard commits.integer(0) == head + 1, commits.integer(1) > head else { throw gap(head + 1, "a commit is missing") }
                let at = LogTime(microseconds: commits.integer(2))
                var added: [[UInt8]] = []
                let before = lastName
                while lastName < commits.integer(3) {
                    guard try names.step(), names.integer(0) == lastName + 1 else { throw gap(head + 1, "name \(lastName + 1) is missing") }
                    added.append(Array(names.bytes(1)))
                    lastName += 1
                }
                var staged = StagedCommit(batch: CommittedBatch(at: at, events: [], bytes: []), firstSeq: head + 1)
                while head < commits.integer(1) {
                    guard try events.step(), events.integer(0) == head + 1 else { throw gap(head + 1, "the event is missing") }
                    try rows.append(to: &staged.batch) { _ in false }
                    head += 1
                }
                staged.ids = staged.batch.bytes.withUnsafeBufferPointer { bytes in staged.batch.events.map { StoredID(bytes, $0.id) } }
                let link = Array(commits.bytes(4))
                found.append(
                    FileCommit(
                        previous: previous,
                        content: CommitContent(
                            fence: 0, link: link, namesBefore: UInt32(truncatingIfNeeded: before), newNames: added, staged: staged)))
                previous = link
            }
            return found
        }
    }

    /// The link and the last name where the commit that ends at `position` ends.
    private func end(at position: Position, _ db: Database) throws -> (link: [UInt8], lastName: Int64) {
        guard position > 0 else { return (CommitHash.genesis(logID: catalog.logID), 0) }
        let row = try RawStatement(
            cached: "SELECT last_seq, last_name, hash FROM commits WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1", db)
        row.bind(1, position)
        defer { row.reset() }
        guard try row.step(), row.integer(0) == position else { throw gap(position, "no commit ends here") }
        return (Array(row.bytes(2)), row.integer(1))
    }

    private func gap(_ position: Position, _ problem: String) -> LogError {
        LogError(
            .damaged, operation: "read", path: catalog.path, problem: "at position \(position): \(problem)",
            hint: "run `log verify`; restore the file from a copy")
    }
}
