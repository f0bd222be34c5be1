// What must happen before the first append?
//
//   lock ─▶ connections ─▶ migrations ─▶ names, head ─▶ dedupe runs ─▶ saved state ─▶ the tail's events ─▶ engine
//
// Opening costs the names, the filters and the events since the last saved state, not the whole log. Whatever is missing or
// unsound among what is derived is worked out from events again.

import Domain
import GRDB

struct LogOpening {
    private let configuration: EventLog.Configuration
    private var path: String { configuration.path }

    /// How long a connection waits for another program that holds the file for a moment.
    private static let busySeconds = 5.0
    private static let readersLimit = 5
    private static let cacheKilobytes = 8_192
    /// Of each reader: it reads along the rows, or a few of them.
    private static let readerCacheKilobytes = 2_048

    init(_ configuration: EventLog.Configuration) { self.configuration = configuration }

    // MARK: - For reading

    func openForReading() throws(LogError) -> EventLog {
        do {
            var settings = connectionSettings()
            settings.readonly = true
            let pool = try DatabasePool(path: path, configuration: settings)
            try Schema.check(pool, path: path)
            let catalog = LogCatalog(path: path, pool: pool, logID: try readLogID(pool), isReadOnly: true)
            let head = try catalog.read("open") { db in try LogCatalog.lastCommit(db)?.head ?? .empty }
            let recent = RecentCommits(head: head, limits: configuration.limits)
            recent.close()
            return EventLog(
                configuration: configuration, catalog: catalog, checkpoints: checkpoints(catalog), recent: recent, health: HealthRecord(), writing: nil)
        } catch { throw LogError(wrapping: error, operation: "open", path: path) }
    }

    // MARK: - For writing

    func openForWriting() throws(LogError) -> EventLog {
        let lock = try LogLock(logPath: path)
        do {
            let pool = try DatabasePool(path: path, configuration: connectionSettings())
            let wal = WALCheckpointer()
            try Schema.prepare(pool, path: path)
            try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = \(configuration.durability == .full ? "FULL" : "OFF")")
                try wal.watch(db, path: path)
            }
            let catalog = LogCatalog(path: path, pool: pool, logID: try readLogID(pool), isReadOnly: false)
            return try assemble(catalog, wal, lock)
        } catch { throw LogError(wrapping: error, operation: "open", path: path) }
    }

    private func assemble(_ catalog: LogCatalog, _ wal: WALCheckpointer, _ lock: LogLock) throws -> EventLog {
        let subjects = SubjectIndex()
        let health = HealthRecord()
        let checkpoints = checkpoints(catalog)
        let subjectsSeq = configuration.rebuildsDerived ? 0 : try restore(subjects, checkpoints, catalog)
        let engine = try catalog.pool.writeWithoutTransaction { db in
            try catalog.loadNewNames(db, "open")
            try checkpoints.removeUnfinished(db)
            return try makeEngine(db, catalog, subjects, subjectsSeq)
        }
        let recent = RecentCommits(head: engine.head, limits: configuration.limits)
        let keeper = LogKeeper(
            catalog: catalog, builds: engine.dedupe.builds, wal: wal, health: health, limits: configuration.limits, savedSeq: subjectsSeq,
            connection: configuration.writer == .thread ? try keeperConnection() : nil)
        let writer = LogWriter(configuration, catalog: catalog, subjects: subjects, engine: engine, recent: recent, wal: wal, keeper: keeper, health: health)
        return EventLog(
            configuration: configuration, catalog: catalog, checkpoints: checkpoints, recent: recent, health: health,
            writing: EventLog.Writing(lock: lock, writer: writer, keeper: keeper, subjects: subjects, wal: wal, threads: LogThreads()))
    }

    /// The subjects as they were saved last; returns the position they are of.
    private func restore(_ subjects: SubjectIndex, _ checkpoints: CheckpointStore, _ catalog: LogCatalog) throws -> Position {
        let head = try catalog.pool.read { db in try LogCatalog.lastCommit(db)?.head.seq ?? 0 }
        guard let saved = try checkpoints.latest(.log, atOrBefore: head, version: SubjectIndex.version).checkpoint, subjects.restore(saved.body)
        else { return 0 }
        return saved.seq
    }

    private func makeEngine(_ db: Database, _ catalog: LogCatalog, _ subjects: SubjectIndex, _ subjectsSeq: Position) throws -> CommitEngine {
        let last = try LogCatalog.lastCommit(db)
        if let last, last.lastName != Int64(catalog.names.count) {
            throw LogError(
                .damaged, operation: "open", path: path, problem: "the last commit counts \(last.lastName) names, the dictionary \(catalog.names.count)",
                hint: "restore the file from a copy; `log verify` says how far it is sound")
        }
        let dedupe = DedupeIndex(limits: configuration.limits, firstSeq: 1)
        try dedupe.load(db, rebuilding: configuration.rebuildsDerived)
        let engine = try CommitEngine(
            db, catalog: catalog, subjects: subjects, dedupe: dedupe, head: last?.head ?? .empty,
            chain: last?.hash ?? CommitHash.genesis(logID: catalog.logID), producesInline: configuration.writer == .inline)
        try engine.catchUp(subjectsSeq: subjectsSeq, db)
        return engine
    }

    // MARK: - Connections

    func connectionForVerifying() throws -> DatabaseQueue {
        var settings = connectionSettings()
        settings.readonly = true
        return try DatabaseQueue(path: path, configuration: settings)
    }

    private func connectionSettings() -> GRDB.Configuration {
        var settings = GRDB.Configuration()
        settings.label = "greenroom.log"
        settings.foreignKeysEnabled = false
        settings.busyMode = .timeout(Self.busySeconds)
        settings.maximumReaderCount = Self.readersLimit
        settings.prepareDatabase { db in
            try db.execute(sql: """
                PRAGMA wal_autocheckpoint = 0;
                PRAGMA cache_size = -\(db.configuration.readonly ? Self.readerCacheKilobytes : Self.cacheKilobytes);
                """)
        }
        return settings
    }

    /// For checkpoints. It syncs what it copies, so it needs no stricter setting than GRDB's.
    private func keeperConnection() throws -> DatabaseQueue {
        let connection = try DatabaseQueue(path: path, configuration: connectionSettings())
        try connection.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = \(configuration.durability == .full ? "FULL" : "OFF")")
        }
        return connection
    }

    private func readLogID(_ pool: DatabasePool) throws -> [UInt8] {
        let id = try pool.read { db in
            try Row.fetchOne(db, sql: "SELECT id FROM log_info").map { row in try row.withUnsafeData(atIndex: 0) { Array($0 ?? .init()) } }
        }
        guard let id, !id.isEmpty else {
            throw LogError(.damaged, operation: "open", path: path, problem: "the log's id is missing", hint: "restore the file from a copy")
        }
        return id
    }

    private func checkpoints(_ catalog: LogCatalog) -> CheckpointStore {
        CheckpointStore(catalog: catalog, partBytes: configuration.limits.checkpointPartBytes)
    }
}
