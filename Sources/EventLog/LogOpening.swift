// What must happen before the first append?
//
//   which file? ─▶ lock ─▶ is all there? ─▶ connections ─▶ migrations ─▶ names, head ─▶ dedupe runs ─▶ saved state ─▶ the tail's events ─▶ engine
//
// Opening costs the names, the filters and the events since the last saved state, not the whole log; of these the chain is
// checked. Whatever is missing or unsound among what is derived is worked out from events again. A log that lacks what was
// acknowledged, or whose tail is damaged, is refused before anything is written.

import Domain
import GRDB

struct LogOpening {
    private let configuration: EventLog.Configuration
    /// As it was given: it may be a link, which somebody may lead elsewhere.
    private let givenPath: String
    /// The file itself. Everything that stands beside it is named after this.
    var path: String { configuration.path }

    /// How long a connection waits for another program that holds the file for a moment.
    static let busySeconds = 5.0
    private static let readersLimit = 5
    private static let cacheKilobytes = 8_192
    /// Of each reader: it reads along the rows, or a few of them.
    private static let readerCacheKilobytes = 2_048

    init(_ configuration: EventLog.Configuration) throws(LogError) {
        givenPath = configuration.path
        var configuration = configuration
        configuration.path = try LogFileName.resolved(givenPath)
        try LogFileName.requireFiles(at: configuration.path)
        self.configuration = configuration
    }

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
            let clock = LogClock(wall: configuration.clock, measure: configuration.measuringClock, head: head)
            return EventLog(
                configuration: configuration, catalog: catalog, checkpoints: checkpoints(catalog), recent: recent, health: HealthRecord(),
                clock: clock, writing: nil)
        } catch { throw LogError(wrapping: error, operation: "open", path: path) }
    }

    // MARK: - For writing

    func openForWriting() throws(LogError) -> EventLog {
        let lock = try LogLock(logPath: path)
        do {
            let loss = try inspection.loss()
            // What the end of a replicated log's file lacks is in the stream.
            if let loss, !configuration.acceptsLoss, configuration.replica == nil || !loss.isOfEnd {
                throw LogError(.damaged, operation: "open", path: path, problem: loss.description, hint: LogLoss.hint(path))
            }
            let pool = try DatabasePool(path: path, configuration: connectionSettings())
            let wal = WALCheckpointer()
            let joining = configuration.replica.map { ReplicaJoining(settings: $0, path: path) }
            try Schema.prepare(pool, path: path) { try joining?.logID() }
            try pool.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = \(configuration.durability == .full ? "FULL" : "OFF")")
                // Once all of a file that outgrew the limit is copied, the next commit cuts it back.
                try db.execute(sql: "PRAGMA journal_size_limit = \(configuration.limits.walLimitBytes)")
                try wal.watch(db, path: path)
            }
            let catalog = LogCatalog(path: path, pool: pool, logID: try readLogID(pool), isReadOnly: false)
            let mark = HeadMarkWriter(logPath: path, logID: catalog.logID, from: loss?.acknowledged ?? 0)
            return try assemble(catalog, wal, mark, lock, joining)
        } catch { throw LogError(wrapping: error, operation: "open", path: path) }
    }

    private func assemble(
        _ catalog: LogCatalog, _ wal: WALCheckpointer, _ mark: HeadMarkWriter, _ lock: LogLock, _ joining: ReplicaJoining?
    )
        throws -> EventLog
    {
        let subjects = SubjectIndex()
        let health = HealthRecord(notice: configuration.notice, again: configuration.limits.noticeMicroseconds)
        let checkpoints = checkpoints(catalog)
        if case .unreadable = HeadMark.read(of: path) { health.note("\(HeadMark.path(of: path)) can't be read: it is written again") }
        if let dropped = try checkpoints.repair() { health.note(dropped) }
        let subjectsSeq = configuration.rebuildsDerived ? 0 : try restore(subjects, checkpoints, catalog, health)
        let engine = try catalog.pool.writeWithoutTransaction { db in
            try catalog.loadNewNames(db, "open")
            return try makeEngine(db, catalog, subjects, subjectsSeq, health)
        }
        let head = engine.head
        let replica = try joining.map { joining in
            try catalog.pool.writeWithoutTransaction { db in try joining.replica(db, logID: catalog.logID, head: head) }
        }
        if let problem = mark.note(engine.head, link: engine.link) { health.note(problem) }
        let clock = LogClock(wall: configuration.clock, measure: configuration.measuringClock, head: engine.head)
        let recent = RecentCommits(head: engine.head, limits: configuration.limits)
        let keeper = LogKeeper(
            catalog: catalog, builds: engine.dedupe.builds, wal: wal, health: health, limits: configuration.limits, savedSeq: subjectsSeq,
            connection: configuration.writer == .thread ? try keeperConnection() : nil)
        let place = LogPlace(files: LogFiles(path: path, givenPath: givenPath), mark: mark, wal: wal)
        let writer = LogWriter(
            configuration, catalog: catalog, subjects: subjects, engine: engine, replica: replica, recent: recent, place: place,
            clock: clock, keeper: keeper,
            health: health)
        return EventLog(
            configuration: configuration, catalog: catalog, checkpoints: checkpoints, recent: recent, health: health, clock: clock,
            writing: EventLog.Writing(lock: lock, writer: writer, keeper: keeper, subjects: subjects, place: place, threads: LogThreads()))
    }

    /// The subjects as they were saved last; returns the position they are of.
    private func restore(_ subjects: SubjectIndex, _ checkpoints: CheckpointStore, _ catalog: LogCatalog, _ health: HealthRecord) throws
        -> Position
    {
        let head = try catalog.pool.read { db in try LogCatalog.lastCommit(db)?.head.seq ?? 0 }
        let (saved, damaged) = try checkpoints.latest(.log, atOrBefore: head, version: SubjectIndex.version)
        if damaged > 0 {
            health.note("\(damaged) damaged checkpoints of the log's own state were passed over in \(path): it is worked out from events")
        }
        guard let saved, subjects.restore(saved.body) else { return 0 }
        return saved.seq
    }

    private func makeEngine(
        _ db: Database, _ catalog: LogCatalog, _ subjects: SubjectIndex, _ subjectsSeq: Position, _ health: HealthRecord
    ) throws -> CommitEngine {
        let last = try LogCatalog.lastCommit(db)
        if let last, last.lastName != Int64(catalog.names.count) {
            throw LogError(
                .damaged, operation: "open", path: path,
                problem: "the last commit counts \(last.lastName) names, the dictionary \(catalog.names.count)",
                hint: "restore the file from a copy; `log verify` says how far it is sound")
        }
        try checkTail(db, catalog, after: subjectsSeq, head: last?.head.seq ?? 0)
        let dedupe = try loadDedupe(db, health)
        let engine = try CommitEngine(
            db, catalog: catalog, subjects: subjects, dedupe: dedupe, head: last?.head ?? .empty,
            chain: last?.hash ?? CommitHash.genesis(logID: catalog.logID), producesInline: configuration.writer == .inline)
        try engine.catchUp(subjectsSeq: subjectsSeq, db)
        return engine
    }

    private func loadDedupe(_ db: Database, _ health: HealthRecord) throws -> DedupeIndex {
        do {
            let dedupe = DedupeIndex(limits: configuration.limits, firstSeq: 1)
            if configuration.rebuildsDerived { for table in DedupeStore.tables { try db.execute(sql: "DELETE FROM \(table)") } }
            try dedupe.load(db)
            return dedupe
        } catch let error as DatabaseError where error.isDamage {
            try SideTables.replace(DedupeStore.tables, db)
            health.note(
                "a page of what is kept of ids in \(path) is damaged (SQLite says \(error.extendedResultCode.rawValue)): it is worked out from all events"
            )
            let dedupe = DedupeIndex(limits: configuration.limits, firstSeq: 1)
            try dedupe.load(db)
            return dedupe
        }
    }

    /// The chain of the commits after `position`, of the last `tailEvents` of their events: what is read next must be what was
    /// written, as it is taken for granted.
    private func checkTail(_ db: Database, _ catalog: LogCatalog, after position: Position, head: Position) throws {
        guard head > 0 else { return }
        let from = max(position, head - configuration.limits.tailEvents, 0)
        let start = try Position.fetchOne(
            db, sql: "SELECT first_seq - 1 FROM commits WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1",
            arguments: [min(from + 1, head)])
        do {
            var walk = try ChainWalk(db, logID: catalog.logID, after: start ?? 0)
            while try walk.next({ _ in }) {}
            try walk.expectEnd()
        } catch let found as LogVerifier.Found {
            throw LogError(
                .damaged, operation: "open", path: path, problem: "the log is damaged \(found.fault)",
                hint: "restore the file from a copy; `log verify` says how far it is sound")
        }
    }

    // MARK: - Connections

    var inspection: LogInspection { LogInspection(path: path) { try connectionForVerifying() } }

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
            try db.execute(
                sql: """
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
            throw LogError(
                .damaged, operation: "open", path: path, problem: "the log's id is missing", hint: "restore the file from a copy")
        }
        return id
    }

    private func checkpoints(_ catalog: LogCatalog) -> CheckpointStore {
        CheckpointStore(catalog: catalog, partBytes: configuration.limits.checkpointPartBytes)
    }
}
