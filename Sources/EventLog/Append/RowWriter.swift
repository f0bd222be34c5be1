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
    private let putEvents: RawStatement
    private let putCommit: RawStatement
    private let putMark: RawStatement
    private let getIdentity: RawStatement
    private let getContent: RawStatement

    private static let columns: Int32 = 11
    private static let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    /// Rows that one statement inserts, where so many are left: opening the table and the statement is paid for once.
    private static let rowsPerStatement = 32

    init(_ db: Database) throws {
        begin = try RawStatement(db, "BEGIN IMMEDIATE")
        commit = try RawStatement(db, "COMMIT")
        rollback = try RawStatement(db, "ROLLBACK")
        putName = try RawStatement(db, "INSERT INTO names VALUES (?, ?)")
        putEvent = try RawStatement(db, "INSERT INTO events VALUES \(Self.row)")
        putEvents = try RawStatement(
            db, "INSERT INTO events VALUES \([String](repeating: Self.row, count: Self.rowsPerStatement).joined(separator: ", "))")
        putCommit = try RawStatement(db, "INSERT INTO commits VALUES (?, ?, ?, ?, ?)")
        putMark = try RawStatement(db, "INSERT OR IGNORE INTO superseded VALUES (?)")
        getIdentity = try RawStatement(db, "SELECT source, id FROM events WHERE seq = ?")
        getContent = try RawStatement(db, "SELECT kind, pool, subject, worker, body FROM events WHERE seq = ?")
    }

    func write(name id: NameID, _ text: UnsafeBufferPointer<UInt8>) throws {
        putName.bind(1, Int64(id.rawValue))
        putName.bindText(2, text)
        try putName.run()
    }

    /// Writes the rows of `staged` and adds each to the chain's next link.
    func write(_ staged: StagedCommit, _ hash: inout CommitHash) throws {
        try staged.batch.bytes.withUnsafeBufferPointer { bytes in
            try withUnsafeTemporaryAllocation(byteCount: Self.rowsPerStatement * 16, alignment: 8) { uuids in
                var next = 0
                while next < staged.ids.count {
                    let isFull = staged.ids.count - next >= Self.rowsPerStatement
                    let statement = isFull ? putEvents : putEvent
                    let count = isFull ? Self.rowsPerStatement : 1
                    for k in 0..<count {
                        let (event, id) = (staged.batch.events[next + k], staged.ids[next + k])
                        let lag = event.time.map { staged.at.microseconds(since: $0) }
                        let prev = event.previous == 0 ? 0 : event.seq - event.previous
                        hash.add(
                            kind: event.kind.rawValue, pool: event.pool.rawValue, subject: event.subject.rawValue,
                            worker: event.worker.rawValue,
                            source: event.source.rawValue, id: id, lag: lag, prev: prev, bytes: bytes, body: event.body,
                            extensions: event.extensions)
                        let uuid = UnsafeMutableRawBufferPointer(rebasing: uuids[(k * 16)..<(k * 16 + 16)])
                        bind(statement, at: Int32(k) * Self.columns, event, id, lag: lag, prev: prev, bytes, uuid)
                    }
                    try statement.run()
                    next += count
                }
            }
        }
    }

    /// `uuid` is where this row's UUID may lie until the statement ran.
    @inline(__always)
    private func bind(
        _ row: RawStatement, at base: Int32, _ event: CommittedEvent, _ id: StoredID, lag: Int64?, prev: Int64,
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ uuid: UnsafeMutableRawBufferPointer
    ) {
        row.bind(base + 1, event.seq)
        row.bind(base + 2, Int64(event.kind.rawValue))
        row.bind(base + 3, orNull: event.pool)
        row.bind(base + 4, Int64(event.subject.rawValue))
        row.bind(base + 5, orNull: event.worker)
        row.bind(base + 6, Int64(event.source.rawValue))
        switch id.form {
        case .integer: row.bind(base + 7, id.integer)
        case .text: row.bindText(base + 7, UnsafeBufferPointer(rebasing: bytes[id.text.lower..<id.text.upper]))
        case .uuid:
            uuid.storeBytes(of: id.high.bigEndian, toByteOffset: 0, as: UInt64.self)
            uuid.storeBytes(of: id.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            row.bindBlob(base + 7, UnsafeRawBufferPointer(uuid))
        }
        if let lag { row.bind(base + 8, lag) } else { row.bindNull(base + 8) }
        if prev == 0 { row.bindNull(base + 9) } else { row.bind(base + 9, prev) }
        row.bindText(base + 10, bytes, orNull: event.body)
        row.bindText(base + 11, bytes, orNull: event.extensions)
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

    /// Whether the event at `seq` says what `draft` says.
    func isSame(_ seq: Position, as check: RepeatCheck, _ names: NameTable, _ jsonBytes: inout Int) throws -> Bool {
        getContent.bind(1, seq)
        guard try getContent.step() else { return true }
        defer { getContent.reset() }
        func name(_ column: Int32) -> NameID { NameID(UInt32(truncatingIfNeeded: getContent.integer(column))) }
        let first = RepeatCheck.First(
            kind: getContent.integer(0), pool: name(1), subject: name(2), worker: name(3), body: getContent.bytes(4))
        return check.isSame(as: first, names, &jsonBytes)
    }
}
