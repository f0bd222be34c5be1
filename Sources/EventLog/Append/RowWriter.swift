// How does a staged commit become rows?
//
// Binds and steps prepared statements; see `RawStatement` for why. Runs inside the transaction of `CommitEngine`, which
// rolls back what fails half way.

import Domain
import GRDB

/// Belongs to the writer; used only inside its access.
struct RowWriter {
    let begin: RawStatement
    let commit: RawStatement
    let rollback: RawStatement
    private let putName: RawStatement
    private let putEvent: RawStatement
    private let putCommit: RawStatement
    private let putMark: RawStatement
    private let getIdentity: RawStatement

    init(_ db: Database) throws {
        begin = try RawStatement(db, "BEGIN IMMEDIATE")
        commit = try RawStatement(db, "COMMIT")
        rollback = try RawStatement(db, "ROLLBACK")
        putName = try RawStatement(db, "INSERT INTO names VALUES (?, ?)")
        putEvent = try RawStatement(db, "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        putCommit = try RawStatement(db, "INSERT INTO commits VALUES (?, ?, ?, ?, ?)")
        putMark = try RawStatement(db, "INSERT OR IGNORE INTO superseded VALUES (?)")
        getIdentity = try RawStatement(db, "SELECT source, id FROM events WHERE seq = ?")
    }

    func write(name id: NameID, _ text: UnsafeBufferPointer<UInt8>) throws {
        putName.bind(1, Int64(id.rawValue))
        putName.bindText(2, text)
        try putName.run()
    }

    /// Writes the rows of `staged` and adds each to the chain's next link.
    func write(_ staged: StagedCommit, _ hash: inout CommitHash) throws {
        try staged.batch.bytes.withUnsafeBufferPointer { bytes in
            for (event, id) in zip(staged.batch.events, staged.ids) {
                let lag = event.time.map { staged.at.microseconds(since: $0) }
                let prev = event.previous == 0 ? 0 : event.seq - event.previous
                hash.add(
                    kind: event.kind.rawValue, pool: event.pool.rawValue, subject: event.subject.rawValue, worker: event.worker.rawValue,
                    source: event.source.rawValue, id: id, lag: lag, prev: prev, bytes: bytes, body: event.body, extensions: event.extensions)
                try write(event, id, lag: lag, prev: prev, bytes)
            }
        }
    }

    @inline(__always)
    private func write(_ event: CommittedEvent, _ id: StoredID, lag: Int64?, prev: Int64, _ bytes: UnsafeBufferPointer<UInt8>) throws {
        let row = putEvent
        row.bind(1, event.seq)
        row.bind(2, Int64(event.kind.rawValue))
        row.bind(3, orNull: event.pool)
        row.bind(4, Int64(event.subject.rawValue))
        row.bind(5, orNull: event.worker)
        row.bind(6, Int64(event.source.rawValue))
        if let lag { row.bind(8, lag) } else { row.bindNull(8) }
        if prev == 0 { row.bindNull(9) } else { row.bind(9, prev) }
        row.bindText(10, bytes, orNull: event.body)
        row.bindText(11, bytes, orNull: event.extensions)
        switch id.form {
        case .integer:
            row.bind(7, id.integer)
            try row.run()
        case .text:
            row.bindText(7, UnsafeBufferPointer(rebasing: bytes[id.text.lower..<id.text.upper]))
            try row.run()
        case .uuid:
            try withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { raw in
                row.bindBlob(7, raw)
                try row.run()
            }
        }
    }

    func write(commit first: Position, _ last: Position, at: LogTime, lastName: Int, hash: [UInt8]) throws {
        putCommit.bind(1, first)
        putCommit.bind(2, last)
        putCommit.bind(3, at.microseconds)
        putCommit.bind(4, Int64(lastName))
        try hash.withUnsafeBytes { bytes in
            putCommit.bindBlob(5, bytes)
            try putCommit.run()
        }
    }

    func write(superseded seq: Position) throws {
        putMark.bind(1, seq)
        try putMark.run()
    }

    /// Whether the event at `seq` has this source and id.
    func isAt(_ seq: Position, _ source: NameID, _ id: StoredID, _ bytes: UnsafeBufferPointer<UInt8>) throws -> Bool {
        getIdentity.bind(1, seq)
        guard try getIdentity.step() else { return false }
        defer { getIdentity.reset() }
        guard getIdentity.integer(0) == Int64(source.rawValue) else { return false }
        let (stored, text) = getIdentity.storedID(1)
        return stored.equals(id, text, bytes)
    }
}
