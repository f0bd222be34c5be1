// Which log is in this file, how far does it go, and which stream does it follow?
//
// Looked at without opening it for writing, and before anybody decides to put another copy in its place. A file that is there and can't be
// read is an error: it may be all that is left of something.

package import Domain
import Foundation
import GRDB

package struct LogFacts: Hashable, Sendable {
    package var id: [UInt8]
    /// 0 for an empty log.
    package var position: Position
    /// The last commit's; the first link of all for an empty log.
    package var link: [UInt8]
    package var at: LogTime
    package var stream: Stream?

    /// How far it has followed which stream.
    package struct Stream: Hashable, Sendable {
        package var name: String
        package var created: String
        package var sequence: UInt64

        package init(name: String, created: String, sequence: UInt64) {
            (self.name, self.created, self.sequence) = (name, created, sequence)
        }
    }

    init(_ db: Database, logID: [UInt8]) throws {
        id = logID
        let last = try LogCatalog.lastCommit(db)
        (position, at) = (last?.head.seq ?? 0, last?.head.at ?? LogTime(microseconds: 0))
        link = last?.hash ?? CommitHash.genesis(logID: logID)
        stream = try ReplicaTable.read(db).map { Stream(name: $0.stream, created: $0.created, sequence: $0.sequence) }
    }
}

extension EventLog {
    /// Of the log at `path`; nil where there is no file, an empty one, or one that has no log's id yet.
    package static func facts(path: String) throws(LogError) -> LogFacts? {
        let path = try LogFileName.resolved(path)
        let bytes = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value
        guard let bytes, bytes > 0 else { return nil }
        do {
            let queue = try LogOpening(Configuration(path: path)).connectionForVerifying()
            defer { try? queue.close() }
            return try queue.read { db in
                guard try db.tableExists("commits"), try db.tableExists("log_info") else {
                    guard try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0 else {
                        throw LogError(.notALog, operation: "look at", path: path, problem: "not a log", hint: "give the path of a log")
                    }
                    return nil
                }
                let id = try Row.fetchOne(db, sql: "SELECT id FROM log_info").map { row in
                    try row.withUnsafeData(atIndex: 0) { Array($0 ?? .init()) }
                }
                guard let id, !id.isEmpty else { return nil }
                return try LogFacts(db, logID: id)
            }
        } catch { throw LogError(wrapping: error, operation: "look at", path: path) }
    }

    /// Of this log, now.
    package func facts() throws(LogError) -> LogFacts {
        try catalog.read("look at") { db in try LogFacts(db, logID: catalog.logID) }
    }
}
