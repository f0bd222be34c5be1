// What can be done with a log?
//
// The one door to the events of a Greenroom: append, read, follow, mark, checkpoint, verify. Everything acknowledged is on disk;
// every (source, id) is in it once; positions run from 1 without a gap; the log's time never goes back. All methods may be called
// from any thread. Each part is described where it is: `CommitEngine`, `DedupeIndex`, `LogReader`.

package import Domain
import Foundation
import Synchronization

package final class EventLog: Sendable {
    package let path: String
    let catalog: LogCatalog
    let configuration: Configuration
    let reader: LogReader
    let checkpoints: CheckpointStore
    private let recent: RecentCommits
    private let healthRecord: HealthRecord
    let clock: LogClock
    /// Nil where the log was opened for reading only.
    let writing: Writing?
    private let isClosed = Mutex<Bool>(false)
    /// Of a log opened for reading: a command asks for few names, many times.
    private let lookedUpPools = Mutex<[NameID: NameID]>([:])
    private static let lookedUpPoolsLimit = 1_024

    /// What only a writing log has.
    struct Writing: Sendable {
        let lock: LogLock
        let writer: LogWriter
        let keeper: LogKeeper
        let subjects: SubjectIndex
        let place: LogPlace
        let threads: LogThreads
    }

    /// More marks than this don't wait for the next commit.
    private static let pendingMarksLimit = 4_096

    // MARK: - Opening and closing

    /// Opens the log at `configuration.path` for writing, and makes it where there is none.
    package static func open(_ configuration: Configuration) throws(LogError) -> EventLog {
        let opened = try LogOpening(configuration).openForWriting()
        opened.followStream()
        opened.startThreads()
        return opened
    }

    /// Opens the log at `path` to read it, whether or not another process is writing to it. Followers end where the log
    /// ended at this moment.
    package static func openReadOnly(path: String) throws(LogError) -> EventLog {
        try LogOpening(Configuration(path: path)).openForReading()
    }

    init(
        configuration: Configuration, catalog: LogCatalog, checkpoints: CheckpointStore, recent: RecentCommits, health: HealthRecord,
        clock: LogClock,
        writing: Writing?
    ) {
        self.clock = clock
        path = configuration.path
        self.configuration = configuration
        self.catalog = catalog
        self.checkpoints = checkpoints
        self.recent = recent
        self.writing = writing
        healthRecord = health
        reader = LogReader(catalog: catalog)
    }

    deinit {
        guard isFirstToClose() else { return }
        let closing = Closing(catalog: catalog, checkpoints: checkpoints, recent: recent, health: healthRecord, writing: writing)
        // Whoever held the log last may be a completion, on the writer's own thread, which can't wait for its own end.
        if writing?.threads.isCurrent == true { Thread.detachNewThread { closing.run() } } else { closing.run() }
    }

    private func startThreads() {
        guard let writing, configuration.writer == .thread else { return }
        writing.threads.start("log.writer") { [writer = writing.writer] in writer.run() }
        writing.threads.start("log.keeper") { [keeper = writing.keeper, saving = StateSaving(writing, checkpoints)] in
            keeper.run { try saving.save() }
        }
    }

    /// Commits what waits, saves the log's state, and lets go of the file. Appends after this are answered `.closed`,
    /// followers end. Not to be called from a completion or from `onCommit`: it waits for the writer.
    package func close() {
        guard isFirstToClose() else { return }
        Closing(catalog: catalog, checkpoints: checkpoints, recent: recent, health: healthRecord, writing: writing).run()
    }

    private func isFirstToClose() -> Bool {
        isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
    }

    // MARK: - Appending

    /// Hands `batch` to the writer: all of it is appended, or nothing. `completion` is called once, on the writer's thread
    /// (inline: before this returns), with the positions after they are durable, or with why they are not.
    package func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        guard let writing else { return completion(.failure(.closed)) }
        writing.writer.append(AppendRequest(batch: batch, completion: completion))
    }

    package func append(_ batch: EventBatch) async throws(AppendError) -> AppendReceipt {
        let result = await withCheckedContinuation { continuation in append(batch) { continuation.resume(returning: $0) } }
        return try result.get()
    }

    /// The last durable commit.
    package var head: Head { writing?.writer.head ?? recent.openingHead }
    package var names: NameDictionary { catalog.names }

    /// Calls `wake` after each commit, on the writer's thread: keep it short.
    package func onCommit(_ wake: @escaping @Sendable (Head) -> Void) { writing?.writer.onCommit(wake) }

    /// Calls `tell` with the microseconds by which the machine's clock was set ahead, or back, whenever it was; on the writer's
    /// thread. Deadlines are then to be looked at anew.
    package func onClockStep(_ tell: @escaping @Sendable (_ microseconds: Int64) -> Void) { writing?.writer.onClockStep(tell) }

    /// Notes that these events changed nothing when they were folded. Reading shows it at once; it is written with the next
    /// commit, and if the process ends before, folding finds it again.
    package func markSuperseded(_ positions: [Position]) {
        guard let writing, !positions.isEmpty else { return }
        let waiting = catalog.pendingMarks.withLock { marks in
            marks.formUnion(positions)
            return marks.count
        }
        if waiting > Self.pendingMarksLimit { writing.writer.flushMarks() }
    }

    // MARK: - Reading

    /// Whole commits after `position`, in order, until they hold `limitEvents`; at least one where there is one.
    package func read(after position: Position, limitEvents: Int) throws(LogError) -> [CommittedBatch] {
        try reader.read(after: position, limitEvents: limitEvents)
    }

    /// The event at `position`, alone in its batch.
    package func event(at position: Position) throws(LogError) -> CommittedBatch? { try reader.event(at: position) }

    /// The same from the event at `position` on, which is one of `subject`, back.
    package func history(of subject: NameID, from position: Position, limit: Int) throws(LogError) -> [CommittedBatch] {
        try reader.history(of: subject, last: position, before: .max, limit: limit)
    }

    /// For who asks often, and for nothing but what events say.
    package var bodies: BodyLookup { catalog.bodies }

    /// The newest `limit` events of `subject` before `before`, oldest first, each alone in its batch.
    package func history(of subject: NameID, before: Position = .max, limit: Int = 1_000) throws(LogError) -> [CommittedBatch] {
        try reader.history(of: subject, last: writing?.subjects.durableLastSeq(of: subject), before: before, limit: limit)
    }

    /// The pool that the actor or worker of that name was last known in; nil where none is known.
    package func pool(ofSubject name: NameID) -> NameID? {
        if let writing { return writing.subjects.withState { $0.isKnown(name) && !$0.pool(of: name).isNone ? $0.pool(of: name) : nil } }
        if let found = lookedUpPools.withLock({ $0[name] }) { return found.isNone ? nil : found }
        // Each event says where its subject was last known. To find the last one the log is gone back through.
        guard let last = try? reader.history(of: name, last: nil, before: .max, limit: 1).last?.events.first else { return nil }
        let found = last.kind.isNamespaced ? last.pool : .none
        lookedUpPools.withLock { known in
            if known.count >= Self.lookedUpPoolsLimit { known = [:] }
            known[name] = found
        }
        return found.isNone ? nil : found
    }

    /// The last position whose commit's time is `at` or earlier; 0 where there is none.
    package func position(at: LogTime) throws(LogError) -> Position { try reader.position(at: at) }

    /// Everything after `position`, commit by commit, as it comes.
    package func follower(after position: Position) -> LogFollower {
        LogFollower(after: position, recent: recent, reader: reader, catchUpEvents: configuration.limits.catchUpEvents)
    }

    // MARK: - A replicated log

    /// Where this instance stands in the stream; nil where the file is all there is.
    package var replicaStatus: ReplicaStatus? { writing?.writer.replicaStatus }

    /// Something has arrived from the stream: the writer looks now, and not at its next turn.
    package func wakeReplica() { writing?.writer.wake() }

    /// Applies what has arrived and does what is due, on the caller's thread: for a log that is written inline.
    /// - Parameter tends: whether a heartbeat or an election may follow.
    @discardableResult
    package func followStream(tends: Bool = true) -> Bool { writing?.writer.followReplica(tends: tends) ?? false }

    /// Calls `tell` after this instance began to lead, leads no more, follows another leader or stopped; on the writer's thread.
    package func onReplicaChange(_ tell: @escaping @Sendable (ReplicaStatus) -> Void) { writing?.writer.onReplicaChange(tell) }

    /// Hands the lead over, where this instance leads, and stands for no election any more. For a thread that may wait.
    /// - Returns: whether the stream has it, so that another may lead at once.
    @discardableResult
    package func resign() throws(LogError) -> Bool {
        guard let writing, writing.writer.isReplica else { return false }
        do { return try writing.writer.withReplica { engine, replica, _ in replica.resign(engine) } } catch {
            throw LogError(wrapping: error, operation: "resign", path: path)
        }
    }

    /// Stands for election now. True where this process leads from here on.
    package func campaign() throws(LogError) -> Bool {
        guard let writing, writing.writer.isReplica else { return false }
        do { return try writing.writer.withReplica { engine, replica, _ in replica.isLeader || replica.campaign(engine) } } catch {
            throw LogError(wrapping: error, operation: "lead", path: path)
        }
    }

    // MARK: - Checkpoints

    /// Keeps `body`, the folded state at `seq`. Older ones are thinned out beyond `Limits.checkpointsKept`.
    package func saveCheckpoint(seq: Position, at: LogTime, version: Int, body: [UInt8]) throws(LogError) {
        guard writing != nil else {
            throw LogError(
                .refused, operation: "save a checkpoint in", path: path, problem: "the log is open for reading only",
                hint: "open it for writing")
        }
        do throws(LogError) {
            try checkpoints.save(.loop, seq: seq, at: at, version: version, body: body)
            try checkpoints.thin(.loop, keeping: configuration.limits.checkpointsKept)
        } catch {
            note("can't \(error)")
            throw error
        }
    }

    /// Tells whoever runs the log of something that stops no append, once until it is something else.
    package func note(_ problem: String) { healthRecord.note(problem) }

    /// The newest sound checkpoint of `version` (of any, where nil) at `seq` or before. Damaged ones are passed over, and
    /// said to be in `health`.
    package func latestCheckpoint(atOrBefore seq: Position = .max, version: Int? = nil) throws(LogError) -> LogCheckpoint? {
        let (checkpoint, damaged) = try checkpoints.latest(.loop, atOrBefore: seq, version: version)
        if damaged > 0 {
            healthRecord.note("\(damaged) damaged checkpoints were passed over in \(path): state is folded from further back")
        }
        return checkpoint
    }

    /// Saves the log's own state now. A log with a keeper does so by itself; one that is written inline only when it is closed.
    package func saveOwnState() throws(LogError) {
        guard let writing else { return }
        do { _ = try StateSaving(writing, checkpoints).save() } catch {
            throw LogError(wrapping: error, operation: "save the state of", path: path)
        }
    }

    /// Events after which a keeper saves it, at least.
    package static var stateEvents: Int64 { Limits().stateEvents }

    /// Checked when it is read, so a file that was moved away is reported at once.
    package var health: LogHealth {
        var health = healthRecord.health(path: path)
        if health.isWritable, let files = writing?.place.files, let trouble = files.trouble() {
            let error = files.error(trouble)
            (health.isWritable, health.problem, health.hint) = (false, error.problem, error.hint)
        }
        return health
    }
    var recentBytes: Int { recent.bytes }
}
