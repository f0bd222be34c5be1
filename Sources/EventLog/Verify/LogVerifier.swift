// Is the log what was written, all of it and nothing else?
//
// One pass over commits, names and events together (`ChainWalk`) recomputes the chain and checks the order of everything:
// positions and names without gaps, times that never go back, each subject's chain of events. On the way it remembers which ids it may
// have seen before (a filter, so memory stays at about 1.5 bytes an event); a second pass looks at those exactly. Last, the
// dedupe runs must say what the events say. It reads the file alone and believes nothing that is kept in memory.
//
// It reads a stretch at a time, each of one state of the file: a writer's WAL can start over in between, however large the
// log is. What is appended meanwhile isn't looked at.

package import Domain
import GRDB

/// Runs a body on a reading connection, on one state of the file.
typealias ReadStretch = ((Database) throws -> Void) throws -> Void

struct LogVerifier {
    /// Ends a pass; caught here.
    struct Found: Error { let fault: VerifyReport.Fault }

    static let progressEvery: Int64 = 65_536
    /// Events of a stretch: some tens of milliseconds.
    static let stretchEvents: Int64 = 65_536

    private let read: ReadStretch
    private let logID: [UInt8]
    private let progress: (Position) -> Void
    /// Where the log ended when verifying began.
    private let end: Position
    private var report = VerifyReport()
    /// Where each subject was last, by its name's number.
    private var lastSeqs: [Int64] = [0]
    private var duplicates: DuplicateSearch
    private var runs: DedupeAudit

    init(logID: [UInt8], progress: @escaping (Position) -> Void, read: @escaping ReadStretch) throws {
        self.logID = logID
        self.progress = progress
        self.read = read
        var opening: (end: Position, runs: DedupeAudit)?
        try read { db in opening = (try LogCatalog.lastCommit(db)?.head.seq ?? 0, try DedupeAudit(db)) }
        (end, runs) = opening ?? (0, DedupeAudit())
        duplicates = DuplicateSearch(events: Int(end), key: CommitEngine.hashKey(logID))
    }

    mutating func verify() throws -> VerifyReport {
        do {
            try read { db in try checkKinds(db) }
            // Whoever cancels the task reads no report.
            while try checkStretch(), !Task.isCancelled {}
            guard !Task.isCancelled else { return report }
            try duplicates.finish(upTo: end, read)
            try runs.finish(read)
        } catch let found as Found { report.fault = found.fault }
        return report
    }

    // MARK: - The chain

    /// The commits of the next stretch; false where they were the last.
    private mutating func checkStretch() throws -> Bool {
        let start = report.head.seq
        let before = report.lastHash
        var isMore = false
        try read { db in
            var walk = try ChainWalk(db, logID: logID, after: start)
            // The link it believes must be the one that was worked out.
            if start > 0, walk.link != before {
                throw Found(fault: .init(part: .chain, position: start, problem: "its commit was changed meanwhile"))
            }
            // What was sound before a fault counts.
            defer { (report.head, report.names, report.lastHash) = (walk.head, walk.nameCount, walk.link) }
            let last = min(start + Self.stretchEvents, end)
            while try walk.next(through: last, { row in try check(row) }) { report.commits += 1 }
            isMore = walk.head.seq > start && walk.head.seq < end
            if !isMore, try LogCatalog.lastCommit(db)?.head.seq ?? 0 <= walk.head.seq { try walk.expectEnd() }
        }
        return isMore
    }

    private mutating func check(_ row: ChainWalk.Row) throws {
        let (seq, subject) = (row.seq, Int(row.subject))
        if subject >= lastSeqs.count { lastSeqs.append(contentsOf: repeatElement(0, count: subject + 1 - lastSeqs.count)) }
        guard row.previous == lastSeqs[subject] else {
            throw Found(
                fault: .init(
                    part: .previous, position: seq, problem: "its subject's event before is at \(lastSeqs[subject]), not \(row.previous)"))
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

    private func checkKinds(_ db: Database) throws {
        let rows = try Row.fetchAll(db, sql: "SELECT kind, name, carries_pool, carries_worker FROM kinds ORDER BY kind")
        // Read without being opened for writing, a file of an older version ends with the kinds of its time.
        let sound =
            rows.count >= Self.kindsAtFirst && rows.count <= EventKind.allCases.count
            && zip(rows, EventKind.allCases).allSatisfy { row, kind in
                row[0] == Int64(kind.rawValue) && row[1] == kind.name && row[2] == kind.shape.carriesPool
                    && row[3] == kind.shape.carriesWorker
            }
        guard sound else { throw Found(fault: .init(part: .derived, position: 0, problem: "the table of kinds is not this version's")) }
    }
}

extension EventLog {
    /// Goes through everything. `progress` is called now and then with the position reached.
    package func verify(progress: @escaping (Position) -> Void = { _ in }) throws(LogError) -> VerifyReport {
        do {
            var verifier = try LogVerifier(logID: catalog.logID, progress: progress) { [catalog] body in try catalog.pool.read(body) }
            return try verifier.verify()
        } catch { throw LogError(wrapping: error, operation: "verify", path: path) }
    }

    /// The same of a file that need not be open, nor sound enough to be opened; and whether all is there that was acknowledged.
    package static func verify(path: String, progress: @escaping (Position) -> Void = { _ in }) throws(LogError) -> VerifyReport {
        do {
            let opening = try LogOpening(Configuration(path: path))
            // A file that can't be read this far is reported below.
            let loss = try? opening.inspection.loss(isWritten: LogLock.isHeld(logPath: opening.path))
            if let loss, loss.head == 0 {
                var report = VerifyReport()
                report.fault = .init(part: .lost, position: 1, problem: loss.description)
                return report
            }
            let queue = try opening.connectionForVerifying()
            let id = try queue.read { db in
                try Row.fetchOne(db, sql: "SELECT id FROM log_info").map { row in
                    try row.withUnsafeData(atIndex: 0) { Array($0 ?? .init()) }
                }
            }
            var verifier = try LogVerifier(logID: id ?? [], progress: progress) { body in try queue.read(body) }
            var report = try verifier.verify()
            if let loss, report.isSound { report.fault = .init(part: .lost, position: loss.head + 1, problem: loss.description) }
            return report
        } catch { throw LogError(wrapping: error, operation: "verify", path: path) }
    }

    /// The chain alone, of the commits after `position` through the one that holds `last`. `position` must end a commit; the
    /// link that stands there is believed. The report counts what was walked.
    package func verify(
        after position: Position, through last: Position, progress: @escaping (Position) -> Void = { _ in }
    ) throws(LogError) -> VerifyReport {
        var report = VerifyReport()
        var start = position
        while try verifyStretch(after: start, through: last, &report, progress), report.isSound { start = report.head.seq }
        return report
    }

    /// A stretch of it, of one state of the file; false where nothing is left.
    private func verifyStretch(
        after start: Position, through last: Position, _ report: inout VerifyReport, _ progress: (Position) -> Void
    ) throws(LogError) -> Bool {
        do {
            return try catalog.pool.read { db in
                do {
                    var walk = try ChainWalk(db, logID: catalog.logID, after: start)
                    defer { (report.head, report.names, report.lastHash) = (walk.head, walk.nameCount, walk.link) }
                    let end = min(last, start.addingReportingOverflow(LogVerifier.stretchEvents).partialValue)
                    while try walk.next(
                        through: end,
                        { row in
                            report.events += 1
                            if row.seq % LogVerifier.progressEvery == 0 { progress(row.seq) }
                        })
                    { report.commits += 1 }
                    guard walk.head.seq < last else { return false }
                    if walk.head.seq > start, try LogCatalog.lastCommit(db)?.head.seq ?? 0 > walk.head.seq { return true }
                    try walk.expectEnd()
                } catch let found as LogVerifier.Found { report.fault = found.fault }
                return false
            }
        } catch { throw LogError(wrapping: error, operation: "verify", path: path) }
    }
}
