// What did this one event say?
//
// For reading one event after another, as placing does for the snapshots of waiting actors. It has a connection of its own, reads
// bodies and times alone, and stays with one state of the file until it may rest. An event that came later is found nevertheless:
// the file is then looked at anew.

package import Domain
import GRDB
import Synchronization

package final class BodyLookup: Sendable {
    private let path: String
    private let settings: GRDB.Configuration
    /// Opened by the first question.
    private let connection = Mutex<DatabaseQueue?>(nil)

    private static let query = """
        SELECT body, (SELECT at FROM commits WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1) FROM events WHERE seq = ?1
        """

    init(path: String, settings: GRDB.Configuration) {
        self.path = path
        var settings = settings
        settings.readonly = true
        settings.allowsUnsafeTransactions = true
        self.settings = settings
    }

    /// Reads the body of the event at `position`, where it lies, and its log time; nil where there is none.
    package func read<Answer>(at position: Position, _ read: (EventBody, LogTime) -> Answer) throws(LogError) -> Answer? {
        do {
            return try opened().unsafeRead { db in
                let isOlder = db.isInsideTransaction
                if !isOlder { try run("BEGIN", db) }
                if let answer = try look(position, db, read) { return answer }
                guard isOlder else { return nil }
                // What wasn't there when the state was taken may be there now.
                try run("COMMIT", db)
                try run("BEGIN", db)
                return try look(position, db, read)
            }
        } catch { throw LogError(wrapping: error, operation: "read", path: path) }
    }

    /// Lets go of the state of the file. Without a question in between it costs nothing.
    package func rest() {
        guard let connection = connection.withLock({ $0 }) else { return }
        // A transaction that can't be ended is ended with the connection.
        try? connection.unsafeRead { db in if db.isInsideTransaction { try run("COMMIT", db) } }
    }

    func close() throws {
        try connection.withLock { connection in
            try connection?.close()
            connection = nil
        }
    }

    private func opened() throws -> DatabaseQueue {
        try connection.withLock { connection in
            if let connection { return connection }
            let new = try DatabaseQueue(path: path, configuration: settings)
            connection = new
            return new
        }
    }

    private func look<Answer>(_ position: Position, _ db: Database, _ read: (EventBody, LogTime) -> Answer) throws -> Answer? {
        let statement = try RawStatement(cached: Self.query, db)
        statement.bind(1, position)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let body = statement.bytes(0)
        return read(EventBody(body, ByteRange(start: 0, count: body.count)), LogTime(microseconds: statement.integer(1)))
    }

    private func run(_ sql: String, _ db: Database) throws { try RawStatement(cached: sql, db).run() }
}
