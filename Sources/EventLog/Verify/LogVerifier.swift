// Is the log what was written, all of it and nothing else?
//
// One pass over commits, names and events together (`ChainWalk`) recomputes the chain and checks the order of everything:
// positions and names without gaps, times that never go back, each subject's chain of events. On the way it remembers which ids it may
// have seen before (a filter, so memory stays at about 1.5 bytes an event); a second pass looks at those exactly. Last, the
// dedupe runs must say what the events say. It reads the file alone and believes nothing that is kept in memory.
//
// All of it reads one state of the file: while it runs, a writer's WAL can't start over and grows with what is written.

public import Domain
import GRDB

struct LogVerifier {
    /// Ends a pass; caught here.
    struct Found: Error { let fault: VerifyReport.Fault }

    static let progressEvery: Int64 = 65_536

    let db: Database
    let logID: [UInt8]
    let progress: (Position) -> Void
    private var report = VerifyReport()
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
        var walk = try ChainWalk(db, logID: logID)
        // What was sound before a fault counts.
        defer { (report.head, report.names) = (walk.head, walk.nameCount) }
        while try walk.next({ row in try check(row) }) { report.commits += 1 }
        try walk.expectEnd()
        report.lastHash = walk.link
    }

    private mutating func check(_ row: ChainWalk.Row) throws {
        let (seq, subject) = (row.seq, Int(row.subject))
        if subject >= lastSeqs.count { lastSeqs.append(contentsOf: repeatElement(0, count: subject + 1 - lastSeqs.count)) }
        guard row.previous == lastSeqs[subject] else {
            throw Found(fault: .init(part: .previous, position: seq, problem: "its subject's event before is at \(lastSeqs[subject]), not \(row.previous)"))
        }
        lastSeqs[subject] = seq
        let idHash = row.id.hash(source: NameID(row.source), key: duplicates.key, row.idText)
        duplicates.add(idHash)
        runs.add(seq, idHash)
        report.events += 1
        if seq % Self.progressEvery == 0 { progress(seq) }
    }

    /// Of the first version.
    private static let kindsAtFirst = 22

    private func checkKinds() throws {
        let rows = try Row.fetchAll(db, sql: "SELECT kind, name, carries_pool, carries_worker FROM kinds ORDER BY kind")
        // Read without being opened for writing, a file of an older version ends with the kinds of its time.
        let sound = rows.count >= Self.kindsAtFirst && rows.count <= EventKind.allCases.count && zip(rows, EventKind.allCases).allSatisfy { row, kind in
            row[0] == Int64(kind.rawValue) && row[1] == kind.name && row[2] == kind.shape.carriesPool && row[3] == kind.shape.carriesWorker
        }
        guard sound else { throw Found(fault: .init(part: .derived, position: 0, problem: "the table of kinds is not this version's")) }
    }
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

    /// The chain alone, of the commits after `position` through the one that holds `last`. `position` must end a commit; the
    /// link that stands there is believed. The report counts what was walked.
    public func verify(
        after position: Position, through last: Position, progress: @escaping (Position) -> Void = { _ in }
    ) throws(LogError) -> VerifyReport {
        do {
            return try catalog.pool.read { db in
                var report = VerifyReport()
                do {
                    var walk = try ChainWalk(db, logID: catalog.logID, after: position)
                    defer { (report.head, report.names, report.lastHash) = (walk.head, walk.nameCount, walk.link) }
                    while try walk.next(through: last, { row in
                        report.events += 1
                        if row.seq % LogVerifier.progressEvery == 0 { progress(row.seq) }
                    }) { report.commits += 1 }
                    if walk.head.seq < last { try walk.expectEnd() }
                } catch let found as LogVerifier.Found { report.fault = found.fault }
                return report
            }
        } catch { throw LogError(wrapping: error, operation: "verify", path: path) }
    }
}
