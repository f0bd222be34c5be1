// How does one commit happen, all of it or nothing?
//
//   stage (memory) ─▶ BEGIN ─▶ names, rows, marks, dedupe slices, chain link ─▶ COMMIT (synced) ─▶ keep
//                                       └──────────── any failure ────────────▶ ROLLBACK ─▶ drop
//
// After `keep` the memory says what the file says; after `drop` both say what they said before. Nothing here waits, queues
// or answers callers. Belongs to the writer: every method runs inside the writing connection's access.

import Basics
import Domain
import GRDB
import GRDBSQLite
import Synchronization

final class CommitEngine {
    private let catalog: LogCatalog
    private let subjects: SubjectIndex
    private let rows: RowWriter
    private let store: DedupeStore
    private let stager: CommitStager
    private let producesInline: Bool
    private var hash = CommitHash(reservingBytes: 1 << 20)
    private var chain: [UInt8]
    private var series: Series?
    let dedupe: DedupeIndex
    private(set) var head: Head
    /// The last commit's link of the chain.
    var link: [UInt8] { chain }

    init(_ db: Database, catalog: LogCatalog, subjects: SubjectIndex, dedupe: DedupeIndex, head: Head, chain: [UInt8], producesInline: Bool)
        throws
    {
        self.catalog = catalog
        self.subjects = subjects
        self.dedupe = dedupe
        self.head = head
        self.chain = chain
        self.producesInline = producesInline
        let rows = try RowWriter(db)
        self.rows = rows
        store = try DedupeStore(db)
        stager = CommitStager(
            names: catalog.names, subjects: subjects, dedupe: dedupe, store: store, hashKey: Self.hashKey(catalog.logID),
            isInFile: { seq, source, id, bytes in try rows.isAt(seq, source, id, bytes) },
            isSameInFile: { seq, check, names, jsonBytes in try rows.isSame(seq, as: check, names, &jsonBytes) })
    }

    /// Each log hashes ids in its own way.
    static func hashKey(_ logID: [UInt8]) -> UInt64 { logID.withUnsafeBufferPointer { ByteHash.of($0) } }

    /// Commits what is new in `requests`, at `time` or the head's, whichever is later.
    func commit(_ requests: [AppendRequest], time: LogTime, _ db: Database) throws -> StagedCommit {
        do {
            let staged = try stager.stage(requests, after: head, at: max(time, head.at))
            let marks = catalog.pendingMarks.withLock { $0 }
            if staged.isEmpty, marks.isEmpty {
                keep(staged, chain: chain, marks: [])
                return staged
            }
            try rows.begin.run()
            let link = try write(staged, marks, db)
            try rows.commit.run()
            keep(staged, chain: link, marks: marks)
            return staged
        } catch {
            drop(db)
            throw error
        }
    }

    private func write(_ staged: StagedCommit, _ marks: Set<Position>, _ db: Database) throws -> [UInt8] {
        for seq in marks { try rows.write(superseded: seq) }
        guard !staged.isEmpty else { return chain }
        let link = try writeRows(staged, after: chain, knownNames: catalog.names.count)
        try dedupe.writeMaintenance(events: staged.batch.events.count, store, db, producesInline: producesInline)
        return link
    }

    /// One commit's names, rows and link, behind `previous`.
    private func writeRows(_ staged: StagedCommit, after previous: [UInt8], knownNames: Int) throws -> [UInt8] {
        let names = catalog.names
        let lastName = names.countWithNew
        hash.begin(previous: previous, at: staged.at, firstSeq: staged.firstSeq, lastSeq: staged.lastSeq, lastName: Int64(lastName))
        try names.withNewNames(after: knownNames) { id, text in
            hash.add(name: text)
            try rows.write(name: id, text)
        }
        try rows.write(staged, &hash)
        let link = hash.finish()
        try rows.write(commit: staged.firstSeq, staged.lastSeq, at: staged.at, lastName: lastName, hash: link)
        return link
    }

    private func keep(_ staged: StagedCommit, chain: [UInt8], marks: Set<Position>) {
        catalog.names.keepNew()
        subjects.withState { $0.keepNoted() }
        dedupe.keep()
        catalog.pendingMarks.withLock { $0.subtract(marks) }
        self.chain = chain
        if !staged.isEmpty { head = Head(seq: staged.lastSeq, at: staged.at) }
    }

    private func drop(_ db: Database) {
        // Some failures have rolled back already. A rollback that fails leaves nothing to undo: SQLite forgets the
        // transaction with the next one it begins.
        if sqlite3_get_autocommit(db.sqliteConnection) == 0 { try? rows.rollback.run() }
        catalog.names.dropNew()
        subjects.withState { $0.dropNoted() }
        dedupe.drop()
    }

    // MARK: - Several commits in one transaction

    /// Commits that are written and not yet durable: a replicated log's, which the stream has to take first.
    struct Series {
        var head: Head
        var chain: [UInt8]
        var names: Int
        var marks: Set<Position>
        var events = 0
        var commits: [StagedCommit] = []
    }

    /// What the next commit of the series stands on; the head and link where none was begun.
    var seriesHead: Head { series?.head ?? head }
    var seriesLink: [UInt8] { series?.chain ?? chain }
    var isInSeries: Bool { series != nil }

    /// Whether `events` more may be staged before the series ends: their ids find room in the newest table.
    func hasRoomInSeries(for events: Int) -> Bool { series.map { $0.events == 0 } ?? true || dedupe.hasRoom(for: events) }

    func beginSeries(_ db: Database) throws {
        precondition(series == nil, "a series of commits was begun within another")
        try rows.begin.run()
        let marks = catalog.pendingMarks.withLock { $0 }
        series = Series(head: head, chain: chain, names: catalog.names.count, marks: marks)
        do { for seq in marks { try rows.write(superseded: seq) } } catch {
            dropSeries(db)
            throw error
        }
    }

    /// Stages and writes what is new in `requests`. Nothing is written where nothing is new.
    func addToSeries(_ requests: [AppendRequest], time: LogTime) throws -> (staged: StagedCommit, namesBefore: Int) {
        guard let before = series else { preconditionFailure("no series of commits was begun") }
        let staged = try stager.stage(requests, after: before.head, at: max(time, before.head.at))
        if !staged.isEmpty { try extend(with: staged) }
        return (staged, before.names)
    }

    /// Writes a commit that another instance staged. Throws `ReplicaMismatch` where it doesn't stand on this log's last one, or isn't what
    /// its link says; the series is then to be dropped.
    func addToSeries(_ content: CommitContent, after previous: [UInt8]) throws {
        guard let before = series else { preconditionFailure("no series of commits was begun") }
        if let mismatch = ReplicaMismatch(content, after: previous, on: before) { throw mismatch }
        dedupe.makeRoom(for: content.staged.ids.count)
        let staged = try restage(content)
        try extend(with: staged)
        guard series?.chain == content.link else {
            throw ReplicaMismatch(
                position: content.firstSeq,
                problem: "its link is \(Hex.text(content.link)), and what it says gives \(Hex.text(series?.chain ?? []))")
        }
    }

    /// The names after the first `known`, in order.
    func newNames(after known: Int) -> [[UInt8]] {
        var names: [[UInt8]] = []
        catalog.names.withNewNames(after: known) { _, text in names.append(Array(text)) }
        return names
    }

    private func extend(with staged: StagedCommit) throws {
        guard let before = series else { return }
        series?.chain = try writeRows(staged, after: before.chain, knownNames: before.names)
        series?.head = Head(seq: staged.lastSeq, at: staged.at)
        series?.names = catalog.names.countWithNew
        series?.events += staged.batch.events.count
        series?.commits.append(staged)
    }

    /// The names, subjects and ids of another instance's commit, noted as its own stager noted them.
    private func restage(_ content: CommitContent) throws -> StagedCommit {
        var staged = content.staged
        let key = Self.hashKey(catalog.logID)
        try catalog.names.withTable { table in
            for (offset, name) in content.newNames.enumerated() {
                let number = Int(content.namesBefore) + offset + 1
                guard let (id, isNew) = name.withUnsafeBufferPointer({ table.intern($0) }), isNew, id.index == number else {
                    throw ReplicaMismatch(position: content.firstSeq, problem: "its name \(number) has a number here already")
                }
            }
            subjects.withState { state in
                for (event, id) in zip(staged.batch.events, staged.ids) {
                    state.note(
                        SubjectIndex.State.Note(
                            seq: event.seq, subject: event.subject, pool: event.kind.carriesPool ? event.pool : .none, worker: event.worker,
                            source: event.source, integerID: id.form == .integer ? id.integer : nil, role: SubjectIndex.Role(event.kind)),
                        &table)
                }
            }
        }
        staged.batch.bytes.withUnsafeBufferPointer { bytes in
            for (event, id) in zip(staged.batch.events, staged.ids) { dedupe.add(id.hash(source: event.source, key: key, bytes)) }
        }
        let own = catalog.names.ownSource
        if !own.isNone {
            for index in staged.batch.events.indices where staged.batch.events[index].source == own {
                staged.batch.events[index].isOurs = true
            }
        }
        return staged
    }

    /// All of the series is durable. `last` runs before the end of its transaction. Returns its commits, in order.
    func finishSeries(_ db: Database, _ last: () throws -> Void = {}) throws -> [StagedCommit] {
        guard let done = series else { preconditionFailure("no series of commits was begun") }
        do {
            if done.events > 0 { try dedupe.writeMaintenance(events: done.events, store, db, producesInline: producesInline) }
            try last()
            try rows.commit.run()
        } catch {
            dropSeries(db)
            throw error
        }
        series = nil
        catalog.names.keepNew()
        subjects.withState { $0.keepNoted() }
        dedupe.keep()
        catalog.pendingMarks.withLock { $0.subtract(done.marks) }
        (head, chain) = (done.head, done.chain)
        return done.commits
    }

    /// Nothing of the series happened.
    func dropSeries(_ db: Database) {
        series = nil
        drop(db)
    }

    // MARK: - Opening

    /// Goes through the events after `subjectsSeq` and after the newest dedupe run, to know again what they say. Full dedupe
    /// tables on the way become runs, so memory stays bounded however much there is to go through.
    func catchUp(subjectsSeq: Position, _ db: Database) throws {
        let key = Self.hashKey(catalog.logID)
        let dedupeSeq = dedupe.coveredSeq
        var seq = min(subjectsSeq, dedupeSeq)
        let rows = try RawStatement(
            db, "SELECT seq, kind, pool, subject, source, id, worker FROM events WHERE seq > ? ORDER BY seq LIMIT 4096")
        let marks = try RawStatement(db, "SELECT seq FROM superseded WHERE seq > ? AND seq <= ?")
        while seq < head.seq {
            let before = seq
            let superseded = try Self.positions(marks, after: seq, count: 4_096)
            rows.bind(1, seq)
            try catalog.names.withTable { table in
                try subjects.withState { state in
                    while try rows.step() {
                        seq = rows.integer(0)
                        let (id, text) = rows.storedID(5)
                        let source = NameID(UInt32(truncatingIfNeeded: rows.integer(4)))
                        if seq > subjectsSeq { note(rows, seq, source, id, changesNothing: superseded.contains(seq), &state, &table) }
                        if seq > dedupeSeq { dedupe.addCommitted(id.hash(source: source, key: key, text)) }
                    }
                    state.keepNoted()
                }
            }
            if seq == before { throw gap(after: seq) }
            if dedupe.isBehind { try maintain(events: 1 << 20, db) }
        }
    }

    private static func positions(_ statement: RawStatement, after first: Position, count: Int64) throws -> Set<Position> {
        statement.bind(1, first)
        statement.bind(2, first + count)
        var found: Set<Position> = []
        while try statement.step() { found.insert(statement.integer(0)) }
        return found
    }

    /// - Parameter changesNothing: it was superseded. When names alone counted, one that came to another namespace changed nothing
    ///   there: its name stays with whoever had it.
    private func note(
        _ rows: RawStatement, _ seq: Position, _ source: NameID, _ id: StoredID, changesNothing: Bool, _ state: inout SubjectIndex.State,
        _ table: inout NameTable
    ) {
        let kind = EventKind(rawValue: UInt8(truncatingIfNeeded: rows.integer(1)))
        let pool =
            kind?.carriesPool == true && !(changesNothing && kind?.isNamespaced == true)
            ? NameID(UInt32(truncatingIfNeeded: rows.integer(2))) : .none
        let subject = NameID(UInt32(truncatingIfNeeded: rows.integer(3)))
        state.note(
            SubjectIndex.State.Note(
                seq: seq, subject: subject, pool: pool, worker: NameID(UInt32(truncatingIfNeeded: rows.integer(6))), source: source,
                integerID: id.form == .integer ? id.integer : nil, role: kind.map { SubjectIndex.Role($0) } ?? []), &table)
    }

    private func gap(after seq: Position) -> LogError {
        LogError(
            .damaged, operation: "open", path: catalog.path,
            problem: "the last commit ends at \(head.seq), but there is no event after \(seq)",
            hint: "restore the file from a copy")
    }

    /// A transaction of dedupe maintenance alone.
    private func maintain(events: Int, _ db: Database) throws {
        try rows.begin.run()
        do {
            try dedupe.writeMaintenance(events: events, store, db, producesInline: true)
            try rows.commit.run()
        } catch {
            if sqlite3_get_autocommit(db.sqliteConnection) == 0 { try? rows.rollback.run() }
            throw error
        }
        dedupe.keep()
    }
}
