// Is the log what was written, all of it and nothing else?
//
// One pass over commits, names and events together recomputes the chain and checks the order of everything: positions and
// names without gaps, times that never go back, each subject's chain of events. On the way it remembers which ids it may
// have seen before (a filter, so memory stays at about 1.5 bytes an event); a second pass looks at those exactly. Last, the
// dedupe runs must say what the events say. It reads the file alone and believes nothing that is kept in memory.
//
// All of it reads one state of the file: while it runs, a writer's WAL can't start over and grows with what is written.

public import Domain
import GRDB

struct LogVerifier {
    /// Ends a pass; caught here.
    struct Found: Error { let fault: VerifyReport.Fault }

    private static let progressEvery: Int64 = 65_536

    let db: Database
    let logID: [UInt8]
    let progress: (Position) -> Void
    private var report = VerifyReport()
    private var hash = CommitHash(reservingBytes: 1 << 20)
    /// Where each subject was last, by its name's number.
    private var lastSeqs: [Int64] = [0]
    private var duplicates: DuplicateSearch
    private var runs: DedupeAudit

    init(_ db: Database, logID: [UInt8], progress: @escaping (Position) -> Void) throws {
        self.db = db
        self.logID = logID
        self.progress = progress
        let events = try LogCatalog.lastCommit(db)?.head.seq ?? 0
        duplicates = DuplicateSearch(events: Int(events), key: CommitEngine.hashKey(logID))
        runs = try DedupeAudit(db)
    }

    mutating func verify() throws -> VerifyReport {
        do {
            try checkKinds()
            try checkCommits()
            try duplicates.finish(db)
            try runs.finish(db)
        } catch let found as Found { report.fault = found.fault }
        return report
    }

    // MARK: - The chain

    private mutating func checkCommits() throws {
        let commits = try RawStatement(db, "SELECT first_seq, last_seq, at, last_name, hash FROM commits ORDER BY first_seq")
        let names = try RawStatement(db, "SELECT id, text FROM names ORDER BY id")
        let events = try RawStatement(db, "SELECT \(EventRows.columns) FROM events ORDER BY seq")
        var previous = CommitHash.genesis(logID: logID)
        while try commits.step() {
            let (first, last) = (commits.integer(0), commits.integer(1))
            let expected = report.head.seq + 1
            guard first == expected else { throw chain(expected, "a commit begins at \(first), the one before ended at \(expected - 1)") }
            guard last >= first else { throw chain(first, "its commit ends before it begins") }
            let at = LogTime(microseconds: commits.integer(2))
            guard at >= report.head.at else { throw chain(first, "its commit's time lies before that of the commit before") }
            hash.begin(previous: previous, at: at, firstSeq: first, lastSeq: last, lastName: commits.integer(3))
            try addNames(names, upTo: commits.integer(3), at: first)
            for seq in first...last { try addEvent(events, seq, commitOf: first) }
            let link = hash.finish()
            guard link.elementsEqual(commits.bytes(4)) else {
                throw chain(first, "the commit of \(first) to \(last) is not what was written: its hash differs")
            }
            previous = link
            report.head = Head(seq: last, at: at)
            report.commits += 1
        }
        guard try !events.step() else { throw chain(report.head.seq + 1, "there are events after the last commit") }
        guard try !names.step() else { throw chain(report.head.seq + 1, "there are names after the last commit's") }
        report.lastHash = previous
    }

    private mutating func addNames(_ names: RawStatement, upTo last: Int64, at seq: Position) throws {
        guard last >= report.names else { throw chain(seq, "its commit counts fewer names than the one before") }
        while report.names < last {
            let expected = report.names + 1
            guard try names.step(), names.integer(0) == expected, !names.bytes(1).isEmpty else { throw chain(seq, "name \(expected) is missing") }
            hash.add(name: names.bytes(1))
            lastSeqs.append(0)
            report.names = expected
        }
    }

    private mutating func addEvent(_ row: RawStatement, _ seq: Position, commitOf first: Position) throws {
        guard try row.step(), row.integer(0) == seq else { throw chain(seq, "the event is missing") }
        let kind = row.integer(1)
        guard EventKind(rawValue: UInt8(truncatingIfNeeded: kind)) != nil, kind == Int64(UInt8(truncatingIfNeeded: kind)) else {
            throw chain(seq, "kind \(kind) is none")
        }
        let (pool, subject, worker, source) = (try name(row, 2, seq), try name(row, 3, seq), try name(row, 4, seq), try name(row, 5, seq))
        guard subject != 0, source != 0 else { throw chain(seq, "it has no subject or no source") }
        // The texts are added one after another into one run of bytes, as the writer has them.
        let (id, text) = row.storedID(6)
        let (body, extensions) = (row.bytes(9), row.bytes(10))
        var bytes = Array(text)
        bytes.append(contentsOf: body)
        bytes.append(contentsOf: extensions)
        bytes.withUnsafeBufferPointer { bytes in
            hash.add(
                kind: UInt8(truncatingIfNeeded: kind), pool: pool, subject: subject, worker: worker, source: source, id: id,
                lag: row.isNull(7) ? nil : row.integer(7), prev: row.integer(8), bytes: bytes,
                body: ByteRange(start: text.count, count: body.count),
                extensions: ByteRange(start: text.count + body.count, count: extensions.count))
        }
        let before = row.integer(8) == 0 ? 0 : seq - row.integer(8)
        guard before == lastSeqs[Int(subject)] else {
            throw Found(fault: .init(part: .previous, position: seq, problem: "its subject's event before is at \(lastSeqs[Int(subject)]), not \(before)"))
        }
        lastSeqs[Int(subject)] = seq
        let idHash = id.hash(source: NameID(source), key: duplicates.key, text)
        duplicates.add(idHash)
        runs.add(seq, idHash)
        report.events += 1
        if seq % Self.progressEvery == 0 { progress(seq) }
    }

    private func name(_ row: RawStatement, _ column: Int32, _ seq: Position) throws -> UInt32 {
        let id = row.integer(column)
        guard id >= 0, id <= report.names else { throw chain(seq, "name \(id) is none") }
        return UInt32(id)
    }

    private func checkKinds() throws {
        let rows = try Row.fetchAll(db, sql: "SELECT kind, name, carries_pool, carries_worker FROM kinds ORDER BY kind")
        let sound = rows.count == EventKind.allCases.count && zip(rows, EventKind.allCases).allSatisfy { row, kind in
            row[0] == Int64(kind.rawValue) && row[1] == kind.name && row[2] == kind.shape.carriesPool && row[3] == kind.shape.carriesWorker
        }
        guard sound else { throw Found(fault: .init(part: .derived, position: 0, problem: "the table of kinds is not this version's")) }
    }

    private func chain(_ seq: Position, _ problem: String) -> Found { Found(fault: .init(part: .chain, position: seq, problem: problem)) }
}

extension EventLog {
    /// Goes through everything. `progress` is called now and then with the position reached.
    public func verify(progress: @escaping (Position) -> Void = { _ in }) throws(LogError) -> VerifyReport {
        do {
            return try catalog.pool.read { db in
                var verifier = try LogVerifier(db, logID: catalog.logID, progress: progress)
                return try verifier.verify()
            }
        } catch { throw LogError(wrapping: error, operation: "verify", path: path) }
    }

    /// The same of a file that need not be open, nor sound enough to be opened.
    public static func verify(path: String, progress: @escaping (Position) -> Void = { _ in }) throws(LogError) -> VerifyReport {
        do {
            let queue = try LogOpening(Configuration(path: path)).connectionForVerifying()
            return try queue.read { db in
                let id = try Row.fetchOne(db, sql: "SELECT id FROM log_info").map { row in try row.withUnsafeData(atIndex: 0) { Array($0 ?? .init()) } }
                var verifier = try LogVerifier(db, logID: id ?? [], progress: progress)
                return try verifier.verify()
            }
        } catch { throw LogError(wrapping: error, operation: "verify", path: path) }
    }
}
