// Is everything there that was acknowledged?
//
// Asked before a log is opened for writing, since what is written then may overwrite what is left of the rest, and by `verify`.
// Three checks: the file itself is there; the write-ahead log has no commits behind a damaged frame (`WALScan`); the log goes as
// far, with the same link, as the mark beside it says (`HeadMark`). Nothing is changed.

package import Domain
import Foundation
import GRDB
import Synchronization

/// Acknowledged events that a log's file no longer has.
package struct LogLoss: Hashable, Sendable, CustomStringConvertible {
    /// The last position the log still has.
    package var head: Position
    /// Positions up to here were given out, at least.
    package var acknowledged: Position
    /// What was found, in words.
    package var problem: String
    /// Only the end is missing, or all of it: what is there is what was written. A replicated log reads that again from its stream.
    var isOfEnd = true

    package var missing: Int64 { max(0, acknowledged - head) }

    package var description: String {
        guard missing > 0 else { return problem }
        let which =
            missing == 1
            ? "the acknowledged event at position \(acknowledged) is"
            : "\(missing) acknowledged events, positions \(head + 1) to \(acknowledged), are"
        return "\(which) missing: \(problem)"
    }

    static func hint(_ path: String) -> String {
        "restore the file with its -wal from a copy; or continue without them: greenroom log accept-loss --db \(path)"
    }
}

/// What a log goes on without.
package struct AcceptedLoss: Hashable, Sendable {
    package var loss: LogLoss
    /// Where what was left of the write-ahead log is kept; nil where nothing was.
    package var kept: String?
}

struct LogInspection {
    let path: String
    private let connect: () throws -> DatabaseQueue

    /// - Parameter connect: a reading connection, which changes nothing even when it is closed.
    init(path: String, connect: @escaping () throws -> DatabaseQueue) {
        self.path = path
        self.connect = connect
    }

    /// What is missing. `isWritten`: a process has the log open for writing, so that its write-ahead log is in motion.
    func loss(isWritten: Bool = false) throws -> LogLoss? {
        let mark: HeadMark? = if case .mark(let mark) = HeadMark.read(of: path) { mark } else { nil }
        guard hasDatabase else {
            guard let mark, mark.head.seq > 0 else { return nil }
            return LogLoss(
                head: 0, acknowledged: mark.head.seq,
                problem: "\(path) is not there or empty, and \(HeadMark.path(of: path)) says that it held a log")
        }
        let wal = isWritten ? nil : try WALScan.loss(inFileAt: path + "-wal")
        guard wal != nil || mark != nil else { return nil }
        // Where even the tables are gone, as they stood in what is lost, there is nothing.
        let found = try content(at: mark?.head.seq) ?? Content(logID: [], head: 0)
        let acknowledged = max(mark?.head.seq ?? 0, wal?.lastSeq ?? 0, found.head)
        func loss(_ problem: String) -> LogLoss { LogLoss(head: found.head, acknowledged: acknowledged, problem: problem) }
        if let wal {
            let place = wal.badFrame == 0 ? "its header" : "frame \(wal.badFrame)"
            return loss("\(path)-wal is damaged at \(place), and \(wal.frames) whole frames with \(wal.commits) commits are behind it")
        }
        guard let mark, mark.head.seq > 0 else { return nil }
        if found.logID.isEmpty { return loss("\(path) holds no log, and \(HeadMark.path(of: path)) says that it held one") }
        func other(_ problem: String) -> LogLoss {
            var loss = loss(problem)
            loss.isOfEnd = false
            return loss
        }
        if mark.logID != found.logID { return other("\(path) is another log than the one that was written here") }
        if mark.head.seq > found.head {
            return loss("\(path) ends at position \(found.head), and \(HeadMark.path(of: path)) says \(mark.head.seq)")
        }
        if found.link != mark.link {
            return other("\(path) holds another commit at position \(mark.head.seq) than the one that was acknowledged")
        }
        return nil
    }

    private var hasDatabase: Bool {
        let bytes = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber
        return bytes?.int64Value ?? 0 > 0
    }

    private struct Content {
        var logID: [UInt8]
        var head: Position
        /// Of the commit that ends at the mark's position; nil where none does.
        var link: [UInt8]?
    }

    /// What the file itself says; nil where it has none of our tables.
    private func content(at position: Position?) throws -> Content? {
        try connect().read { db in
            guard try db.tableExists("commits"), try db.tableExists("log_info") else { return nil }
            let id = try Row.fetchOne(db, sql: "SELECT id FROM log_info").map { row in
                try row.withUnsafeData(atIndex: 0) { Array($0 ?? .init()) }
            }
            var content = Content(logID: id ?? [], head: try LogCatalog.lastCommit(db)?.head.seq ?? 0)
            if let position,
                let row = try Row.fetchOne(
                    db, sql: "SELECT last_seq, hash FROM commits WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
                    arguments: [position]),
                row[0] == position
            {
                content.link = try row.withUnsafeData(atIndex: 1) { Array($0 ?? .init()) }
            }
            return content
        }
    }
}

extension EventLog {
    /// What acknowledged events the log at `path` lacks; nil where it has them all.
    package static func loss(path: String) throws(LogError) -> LogLoss? {
        do {
            let opening = try LogOpening(Configuration(path: path))
            return try opening.inspection.loss(isWritten: LogLock.isHeld(logPath: opening.path))
        } catch { throw LogError(wrapping: error, operation: "inspect", path: path) }
    }

    /// Goes on without what is missing: the positions that were given out are taken by `position.lost` events, so that none
    /// is given out again. What is left of the write-ahead log is kept beside it. Answers what was missing; nil: nothing.
    package static func acceptLoss(path: String) throws(LogError) -> AcceptedLoss? {
        let path = try LogFileName.resolved(path)
        guard let loss = try loss(path: path) else { return nil }
        let kept = try keepRemains(of: path, loss)
        var configuration = Configuration(path: path)
        configuration.writer = .inline
        configuration.acceptsLoss = true
        let log = try EventLog.open(configuration)
        defer { log.close() }
        try log.fill(loss)
        return AcceptedLoss(loss: loss, kept: kept)
    }

    private static func keepRemains(of path: String, _ loss: LogLoss) throws(LogError) -> String? {
        let wal = path + "-wal"
        guard let bytes = try? FileManager.default.attributesOfItem(atPath: wal)[.size] as? NSNumber, bytes.int64Value > 0 else {
            return nil
        }
        let kept = "\(wal).lost-\(loss.head)"
        // Of an earlier try that was broken off: the file may hold less by now.
        guard !FileManager.default.fileExists(atPath: kept) else { return kept }
        do {
            try FileManager.default.copyItem(atPath: wal, toPath: kept)
        } catch {
            throw LogError(
                .unreachable, operation: "keep a copy of", path: wal, problem: "\(error)",
                hint: "make room, and see that the directory may be written")
        }
        return kept
    }

    private static let lostPerCommit: Int64 = 4_096

    private func fill(_ loss: LogLoss) throws(LogError) {
        while head.seq < loss.acknowledged {
            var batch = EventBatch()
            for seq in (head.seq + 1)...min(head.seq + Self.lostPerCommit, loss.acknowledged) {
                batch.append(
                    .positionLost, source: "greenroom/log", id: String(seq), subject: "greenroom",
                    body: seq == loss.head + 1 ? Self.body(loss) : [])
            }
            // Written inline: it is answered before this returns.
            let failure = Mutex<AppendError?>(nil)
            append(batch) { result in if case .failure(let error) = result { failure.withLock { $0 = error } } }
            if let failure = failure.withLock({ $0 }) {
                throw LogError(
                    .notWritable, operation: "go on with", path: path, problem: "\(failure)",
                    hint: "run it again: it continues where it stopped")
            }
        }
    }

    private static func body(_ loss: LogLoss) -> [UInt8] {
        var body = JSONWriter()
        body.openObject()
        body.member("through", loss.acknowledged)
        body.member("reason", loss.problem)
        body.closeObject()
        return body.bytes
    }
}
