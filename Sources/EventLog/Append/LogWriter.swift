// Who commits, when, and who is notified?
//
//   append ──▶ queue ──▶ thread: take a commit's worth ──▶ CommitEngine ──▶ head, followers ──▶ callers ──▶ onCommit
//
// One thread takes everything that waits and commits it together: under load a commit carries hundreds of callers and they share
// one sync; alone, a caller waits for nothing but its own. Inline, the caller's thread does the same, one request at a time. When a
// commit fails its callers learn why, and until the disk works again appends fail fast, with a try now and then: growing pauses,
// and a probe when nobody appends. A commit is acknowledged only if it is in the file at the log's path. Once a second the thread
// looks at what no append brings about (`tend`).

import Basics
import Domain
import GRDB
import Synchronization
import Machine

final class LogWriter: Sendable {
    private let catalog: LogCatalog
    private let configuration: EventLog.Configuration
    private let subjects: SubjectIndex
    private let queue: AppendQueue
    private let recent: RecentCommits
    private let place: LogPlace
    private let clock: LogClock
    private let keeper: LogKeeper
    private let status: Mutex<Status>
    private let figures = Mutex(CommitFigures())
    private let observers = Mutex<[@Sendable (Head) -> Void]>([])
    private let replicaObservers = Mutex<[@Sendable (ReplicaStatus) -> Void]>([])
    private let stepObservers = Mutex<[@Sendable (Int64) -> Void]>([])
    let health: HealthRecord

    /// Guarded by the pool's writing access, which admits one thread at a time: touched nowhere else.
    private final class EngineBox: @unchecked Sendable {
        var engine: CommitEngine?
        /// Nil for a log that is this file alone.
        let replica: Replica?
        let isReleased = Atomic<Bool>(false)
        var isClosed: Bool { isReleased.load(ordering: .acquiring) }
        init(_ engine: CommitEngine, _ replica: Replica?) { (self.engine, self.replica) = (engine, replica) }
    }
    private let box: EngineBox
    let isReplica: Bool
    private let replicaState: Mutex<ReplicaStatus?>

    private struct Status: Sendable {
        var head: Head
        var retryAt: Int64 = 0
        /// Between tries while the disk takes nothing.
        var pauses: DoublingDelay
        var tendAt: Int64 = 0
        /// Log time was said to run ahead.
        var isAhead = false
    }

    init(
        _ configuration: EventLog.Configuration, catalog: LogCatalog, subjects: SubjectIndex, engine: sending CommitEngine,
        replica: sending Replica?, recent: RecentCommits,
        place: LogPlace, clock: LogClock, keeper: LogKeeper, health: HealthRecord
    ) {
        self.configuration = configuration
        self.catalog = catalog
        self.subjects = subjects
        self.recent = recent
        self.place = place
        self.clock = clock
        self.keeper = keeper
        self.health = health
        queue = AppendQueue(limits: configuration.limits)
        let (first, longest) = (configuration.limits.retryFirstMicroseconds, configuration.limits.retryLastMicroseconds)
        status = Mutex(
            Status(head: engine.head, pauses: DoublingDelay(first: .microseconds(first), longest: .microseconds(longest))))
        isReplica = replica != nil
        replicaState = Mutex(replica?.status)
        box = EngineBox(engine, replica)
    }

    var head: Head { status.withLock { $0.head } }
    var pendingEvents: Int { queue.pendingEvents }
    var walBytes: Int { place.wal.bytes }
    var commitFigures: CommitFigures { figures.withLock { $0 } }
    func onCommit(_ wake: @escaping @Sendable (Head) -> Void) { observers.withLock { $0.append(wake) } }
    func onClockStep(_ tell: @escaping @Sendable (Int64) -> Void) { stepObservers.withLock { $0.append(tell) } }

    // MARK: - Callers

    func append(_ request: AppendRequest) {
        if let fault = request.batch.fault() ?? foreignSubject(request.batch) { return request.completion(.failure(fault)) }
        if request.events == 0 { return request.completion(.success(AppendReceipt(accepted: 0, duplicates: 0, positions: []))) }
        guard catalog.names.hasRoom(forBytes: request.bytes) else {
            return request.completion(
                .failure(
                    .notWritable(
                        reason: "the dictionary of names is full", hint: "begin a new log: this one has named all the subjects it can")))
        }
        if configuration.writer == .inline { return commit([request]) }
        do throws(AppendError) {
            try queue.offer(request)
        } catch { request.completion(.failure(error)) }
    }

    /// A subject's namespace is its pool's. A name with a slash that an old log has in that namespace stays what it is.
    private func foreignSubject(_ batch: EventBatch) -> AppendError? {
        guard
            let (index, clash) = batch.foreignSubject(where: { [catalog, subjects] name, pool in
                guard let known = catalog.names.find(name) else { return true }
                let home = subjects.withState { $0.isKnown(known) ? $0.pool(of: known) : .none }
                return home.isNone || QualifiedName.namespace(ofPool: catalog.names.text(of: home)) != QualifiedName.namespace(ofPool: pool)
            })
        else { return nil }
        return .invalid(index: index, problem: clash)
    }

    /// A commit at a recorded time: for import. Nothing else may be appending.
    func importCommit(_ batch: EventBatch, at: LogTime) throws(AppendError) -> AppendReceipt {
        let answer = Mutex<Result<AppendReceipt, AppendError>?>(nil)
        if let fault = batch.fault() { throw fault }
        commit([AppendRequest(batch: batch) { result in answer.withLock { $0 = result } }], at: at)
        guard let result = answer.withLock({ $0 }) else { throw .closed }
        return try result.get()
    }

    /// The writer's thread. Returns once the queue is closed and empty.
    func run() {
        while true {
            switch queue.next(
                waitingAtMost: min(pauseBeforeProbe(), isReplica ? Self.replicaMicroseconds : configuration.limits.tendMicroseconds))
            {
            case .commit(let requests):
                commit(requests)
                queue.answered(requests)
            case .idle: probe()
            case .closed: return
            }
            if isReplica { followReplica() }
            tendWhenDue()
        }
    }

    /// Takes no more; the thread commits what waits and ends.
    func close() { queue.close() }

    // MARK: - One commit

    private func commit(_ requests: [AppendRequest], at recorded: LogTime? = nil) {
        if isReplica { return commitReplicated(requests) }
        if let refusal = box.isClosed ? .closed : refusalWhileFailing() ?? configuration.commitRefusal() {
            for request in requests { request.completion(.failure(refusal)) }
            return
        }
        let started = MeasuringClock.microseconds()
        do {
            try place.files.check()
            let staged = try catalog.pool.writeWithoutTransaction { db in
                let engine = try engine()
                let staged = try engine.commit(requests, time: recorded ?? clock.commitTime(), db)
                // It is durable; is it where it will be looked for? Otherwise it isn't acknowledged, and may be sent again.
                try place.files.check()
                if !staged.isEmpty {
                    if let problem = place.mark.note(engine.head, link: engine.link) { health.note(problem) }
                    publish(staged)
                }
                return staged
            }
            recovered()
            figures.withLock {
                $0.note(events: staged.batch.events.count, requests: requests.count, microseconds: MeasuringClock.microseconds() - started)
            }
            configuration.hooks.beforeCompletion?()
            for (request, receipt) in zip(requests, staged.receipts) { request.completion(.success(receipt)) }
            if !staged.isEmpty { wakeObservers() }
        } catch {
            let refusal = box.isClosed ? .closed : failed(error)
            for request in requests { request.completion(.failure(refusal)) }
        }
        keepWALSmall()
        // A step that this commit saw is reported now, as a step back may follow before the next check.
        if configuration.writer == .inline || clock.hasStep { watchClock() }
    }

    // MARK: - A replicated log

    /// How often a replica's writer looks whether something has arrived; `wake` tells it at once.
    private static let replicaMicroseconds: Int64 = 50_000

    var replicaStatus: ReplicaStatus? { replicaState.withLock { $0 } }

    func onReplicaChange(_ tell: @escaping @Sendable (ReplicaStatus) -> Void) { replicaObservers.withLock { $0.append(tell) } }

    /// Something has arrived from the stream.
    func wake() { queue.nudge() }

    private func commitReplicated(_ requests: [AppendRequest]) {
        if let refusal = box.isClosed ? .closed : refusalWhileFailing() ?? configuration.commitRefusal() {
            for request in requests { request.completion(.failure(refusal)) }
            return
        }
        // What the writer's thread does at each turn.
        if configuration.writer == .inline { followReplica() }
        let started = MeasuringClock.microseconds()
        var added: [AppendRequest] = []
        defer { queue.answered(added) }
        do {
            try place.files.check()
            let outcome = try withReplica { engine, replica, db in
                let outcome = ReplicaCommits(
                    replica: replica, engine: engine, db: db, time: { [clock] in clock.commitTime() },
                    more: { [configuration, queue] in
                        guard configuration.writer == .thread, let group = queue.takeWaiting() else { return nil }
                        added += group
                        return group
                    }
                ).commit(requests)
                try publish(outcome.commits, engine)
                return outcome
            }
            if let error = outcome.error {
                if replicaStatus?.problem == nil { _ = failed(error) }
            } else {
                recovered()
            }
            figures.withLock {
                $0.note(
                    events: outcome.commits.reduce(0) { $0 + $1.batch.events.count }, requests: outcome.answers.count,
                    microseconds: MeasuringClock.microseconds() - started)
            }
            configuration.hooks.beforeCompletion?()
            for (request, result) in outcome.answers { request.completion(result) }
            if !outcome.commits.isEmpty { wakeObservers() }
        } catch {
            let refusal = box.isClosed ? .closed : failed(error)
            for request in requests + added { request.completion(.failure(refusal)) }
        }
        keepWALSmall()
        if configuration.writer == .inline || clock.hasStep { watchClock() }
    }

    /// Applies what has arrived, and does what is due: a heartbeat, an election. True where something was applied.
    @discardableResult
    func followReplica(tends: Bool = true) -> Bool {
        guard isReplica, !box.isClosed else { return false }
        do {
            try place.files.check()
            let (commits, trouble) = try withReplica { engine, replica, db in
                var commits: [StagedCommit] = []
                var trouble: (any Error)?
                var rounds = 0
                while rounds < Self.followRounds, replica.stopped == nil {
                    let before = replica.place.sequence
                    do { commits += try replica.follow(engine, db) } catch { trouble = error }
                    rounds += 1
                    if replica.place.sequence == before || trouble != nil { break }
                }
                if tends, trouble == nil { replica.tend(engine) }
                try publish(commits, engine)
                return (commits, trouble)
            }
            if !commits.isEmpty {
                recovered()
                wakeObservers()
                keepWALSmall()
            }
            // A stream that doesn't continue this log is no trouble of the disk: `replicaStatus` says it, and reads go on.
            if let trouble, replicaStatus?.problem == nil { _ = failed(trouble) }
            return !commits.isEmpty
        } catch {
            _ = failed(error)
            return false
        }
    }

    /// Reads of the stream before the writer looks at what waits again.
    private static let followRounds = 16

    /// Runs `body` with the replica, between two commits.
    func withReplica<Result>(_ body: (CommitEngine, Replica, Database) throws -> Result) throws -> Result {
        var news: ReplicaStatus?
        defer { if let news { for tell in replicaObservers.withLock({ $0 }) { tell(news) } } }
        return try catalog.pool.writeWithoutTransaction { db in
            let engine = try engine()
            guard let replica = box.replica else { preconditionFailure("a log that is no replica was asked for its stream") }
            let wasStopped = replica.stopped != nil
            defer {
                let status = replica.status
                let isNews = replicaState.withLock { state in
                    defer { state = status }
                    return state.map { $0.isOtherLead(than: status) } ?? true
                }
                if isNews { news = status }
                if !wasStopped, let stopped = replica.stopped { health.note(stopped.description) }
            }
            return try body(engine, replica, db)
        }
    }

    private func publish(_ commits: [StagedCommit], _ engine: CommitEngine) throws {
        guard let last = commits.last else { return }
        try place.files.check()
        if let problem = place.mark.note(engine.head, link: engine.link) { health.note(problem) }
        clock.follow(last.at)
        for commit in commits { publish(commit) }
    }

    private func publish(_ staged: StagedCommit) {
        let head = Head(seq: staged.lastSeq, at: staged.at)
        status.withLock { $0.head = head }
        configuration.hooks.afterCommit?(head)
        recent.publish(staged.batch)
    }

    private func wakeObservers() {
        let head = head
        for wake in observers.withLock({ $0 }) { wake(head) }
        keeper.noteCommit(head)
    }

    private func keepWALSmall() {
        guard place.wal.bytes > configuration.limits.walLimitBytes, !box.isClosed else { return }
        do { try catalog.pool.writeWithoutTransaction { db in _ = try place.wal.run(db) } } catch {
            health.noteKeeper(error, path: catalog.path)
        }
    }

    /// Writes marks that no commit has taken along.
    func flushMarks() {
        guard !catalog.pendingMarks.withLock({ $0.isEmpty }) else { return }
        do { _ = try catalog.pool.writeWithoutTransaction { db in try engine().commit([], time: clock.now, db) } } catch {
            _ = failed(error)
        }
    }

    /// Only inside the pool's writing access.
    private func engine() throws -> CommitEngine {
        guard let engine = box.engine else {
            throw LogError(.refused, operation: "append to", path: catalog.path, problem: "the log is closed", hint: "open it again")
        }
        return engine
    }

    /// Lets go of the engine and its statements: the connection can't be closed before.
    func releaseEngine() {
        catalog.pool.writeWithoutTransaction { _ in
            box.engine = nil
            box.isReleased.store(true, ordering: .releasing)
        }
    }

    /// Runs `body` with the engine, between two commits.
    func withEngine<Result>(_ body: (CommitEngine, Database) throws -> Result) throws -> Result {
        try catalog.pool.writeWithoutTransaction { db in try body(engine(), db) }
    }

    // MARK: - Failure and recovery

    private func refusalWhileFailing() -> AppendError? {
        guard let failure = health.failure, MeasuringClock.microseconds() < status.withLock({ $0.retryAt }) else { return nil }
        health.noteRefusal()
        return .notWritable(reason: failure.problem, hint: failure.hint)
    }

    private func failed(_ error: any Error) -> AppendError {
        let trouble = LogError(wrapping: error, operation: "append to", path: catalog.path)
        status.withLock { status in
            status.retryAt = MeasuringClock.microseconds() + Int64(status.pauses.next() / .microseconds(1))
        }
        health.fail(trouble, at: clock.now)
        return .notWritable(reason: trouble.problem, hint: trouble.hint)
    }

    private func recovered() {
        guard health.failure != nil else { return }
        status.withLock { status in
            status.pauses.reset()
            status.retryAt = 0
        }
        health.recover()
    }

    private func pauseBeforeProbe() -> Int64 {
        guard health.failure != nil else { return .max }
        return max(1_000, status.withLock { $0.retryAt } - MeasuringClock.microseconds())
    }

    /// While failing with nobody appending: does the disk take a few pages again?
    private func probe() {
        guard health.failure != nil, MeasuringClock.microseconds() >= status.withLock({ $0.retryAt }) else { return }
        do {
            try place.files.check()
            try catalog.pool.write { db in try db.execute(sql: "INSERT OR REPLACE INTO disk_probe VALUES (1, zeroblob(65536))") }
            try catalog.pool.write { db in try db.execute(sql: "DELETE FROM disk_probe") }
            recovered()
        } catch { _ = failed(error) }
    }

    // MARK: - What no append brings about

    private func tendWhenDue() {
        let now = MeasuringClock.microseconds()
        let isDue = status.withLock { status in
            guard now >= status.tendAt else { return false }
            status.tendAt = now + configuration.limits.tendMicroseconds
            return true
        }
        if isDue, !box.isClosed { tend() }
    }

    private func tend() {
        watchClock()
        if let trouble = place.files.trouble(), health.failure == nil { _ = failed(place.files.error(trouble)) }
        health.tellFailure()
        health.noteDisk(path: catalog.path)
        if let problem = place.mark.tend() { health.note(problem) }
        guard health.failure == nil else { return }
        // What a reader kept from being copied is copied by the keeper once it has left; then the file is cut back here.
        let limit = configuration.limits.walLimitBytes
        if place.wal.bytes > configuration.limits.walCheckpointBytes { keeper.wakeForWAL() }
        guard place.wal.isDone, WALCheckpointer.fileBytes(ofLog: catalog.path) > limit else { return }
        do { try catalog.pool.writeWithoutTransaction { db in try place.wal.cutBack(db) } } catch {
            health.noteKeeper(error, path: catalog.path)
        }
    }

    private func watchClock() {
        if let step = clock.takeStep() {
            configuration.notice(
                LogNotice(
                    .warning,
                    "the machine's clock jumped \(step < 0 ? "back" : "ahead") by \(Self.seconds(abs(step))) s: it was set, or the machine slept"
                ))
            for tell in stepObservers.withLock({ $0 }) { tell(step) }
        }
        let ahead = clock.aheadMicroseconds
        let changed = status.withLock { status -> Bool? in
            // Said once it is worth it, and taken back once it is over.
            let isAhead = ahead > (status.isAhead ? 0 : LogClock.stepMicroseconds)
            guard isAhead != status.isAhead else { return nil }
            status.isAhead = isAhead
            return isAhead
        }
        guard let changed else { return }
        configuration.notice(
            changed
                ? LogNotice(
                    .warning,
                    "log time runs \(Self.seconds(ahead)) s ahead of the machine's clock, which was set back: it continues 1/64 slower until that has caught up"
                )
                : LogNotice(.notice, "log time is the machine's clock again"))
    }

    private static func seconds(_ microseconds: Int64) -> String {
        let tenths = microseconds / 100_000
        return "\(tenths / 10).\(tenths % 10)"
    }
}
