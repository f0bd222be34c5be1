package import ControlLoop
package import Domain
package import Logging
import Glibc
import Machine

// How does a pool become processes on this machine?
//
// The actuator for `kind: Process`: a pool is N child processes, each a `greenroom worker`. It keeps as many as it was
// told, replaces those that die, asks those to go that it was told to remove, and speaks for those that can't.
//
// Always: none outlives the service. `stop` waits for all of them and for what they had started. After a crash they see their stdin
// close, and the next `start` ends what is left. A scale-down never kills a worker that holds an actor; only the end of the service does.
// Left out: which worker goes, and retries of what failed; both are the control loop's.
//
// The actor guards all of it. Processes are run by one task each (`supervise`), which ends with its process.

package actor LocalWorkers: Actuator {
    /// What the actuator knows of one process beside its pool's bookkeeping.
    struct Process {
        var pool: String
        /// Which it was told to name; nil: the machine's own.
        var node: String?
        /// nil until it is there.
        var identity: ProcessIdentity?
        /// Ends a draining worker that doesn't go by itself.
        var watch: Task<Void, Never>?
        /// Why it goes; nil where nobody asked it to.
        var endReason: EndReason?
        /// Looks whether it became ready.
        var startWatch: Task<Void, Never>?
        /// It was told of as one that doesn't become ready, and is being ended for it.
        var isGivenUp = false
    }

    enum EndReason: String, Sendable {
        case removed
        case outdated = "its pool has another command or other slots"
        case serviceStopped = "the service stopped"
    }

    let configuration: LocalWorkersConfiguration
    let report: @Sendable (EventBatch) -> Void
    let isBusy: @Sendable (String) async -> Bool
    let wasReady: @Sendable (String) async -> Bool
    let logger: Logger
    let clock = ContinuousClock()
    let origin = ContinuousClock.now
    let reaper: OrphanReaper

    var pools: [String: LocalPool] = [:]
    /// The latest description of each pool: what its workers are started with.
    var descriptions: [String: ActuatedPool] = [:]
    var processes: [String: Process] = [:]
    var restarts: [String: Task<Void, Never>] = [:]
    /// Why workers of a pool couldn't be started; nil once all run that should.
    var startFaults: [String: SpawnFault] = [:]
    /// Workers that ended, and may have left behind what they had started.
    var sweepsDue: Set<String> = []
    /// Starts in a row, of a pool, that came to nothing.
    var failedStarts: [String: Int] = [:]
    var sweeping: Task<Void, Never>?
    var isStopping = false
    private var fences: [String: Fence] = [:]
    private var names: WorkerNames
    private var reports: WorkerReports
    private var waitingForEmpty: [CheckedContinuation<Void, Never>] = []

    /// - Parameters:
    ///   - report: takes events for the log; must not wait.
    ///   - isBusy: whether the log knows of an actor that the worker holds.
    ///   - wasReady: whether the log knows the worker as one that became ready.
    package init(
        _ configuration: LocalWorkersConfiguration, logger: Logger, report: @escaping @Sendable (EventBatch) -> Void,
        isBusy: @escaping @Sendable (String) async -> Bool, wasReady: @escaping @Sendable (String) async -> Bool = { _ in true }
    ) {
        self.configuration = configuration
        self.logger = logger
        self.report = report
        self.isBusy = isBusy
        self.wasReady = wasReady
        reaper = OrphanReaper(owner: configuration.owner, logger: logger)
        let start = Self.now()
        names = WorkerNames(startSeconds: start.microseconds / 1_000_000)
        reports = WorkerReports(owner: configuration.owner, startMicroseconds: start.microseconds)
    }

    /// Ends what an earlier run left behind and reports those workers gone. To be called once, when the log is ours and
    /// before the first resize.
    ///
    /// - Parameter known: workers of process pools that the log holds for alive: name and pool. Those that an earlier run
    ///   started can't be, for they end with it; they are reported gone too.
    package func start(known: [(worker: String, pool: String)] = []) async {
        let limits = configuration.limits
        let reaped = await reaper.reap(grace: limits.orphanGrace, killWait: limits.orphanKillWait)
        let left = known.filter { WorkerNames.isOurs($0.worker, in: $0.pool) }.map(\.worker)
        for worker in Set(reaped + left).sorted() { reportGone(worker, "the service it belonged to ended") }
    }

    // MARK: - Actuator

    package func observe(_ pool: ActuatedPool) async throws(ActuationFault) -> TargetObservation {
        let state = pools[pool.name]
        return TargetObservation(specReplicas: state?.desired ?? 0, readyReplicas: state?.running ?? 0)
    }

    package func resize(_ pool: ActuatedPool, to count: Int, fence: Fence) async throws(ActuationFault) {
        try check(fence, pool.name)
        guard !isStopping else { throw .refused("the service is stopping") }
        let limit = configuration.limits.workersPerPool
        guard count >= 0, count <= limit else {
            throw .refused("\(count) workers of \(pool.name): at most \(limit) run on one machine; lower maxReplicaCount")
        }
        let isOutdated = descriptions[pool.name].map { Self.startsOthers($0, pool) } ?? false
        descriptions[pool.name] = pool
        pools[pool.name, default: LocalPool(limits: configuration.limits)].resize(to: count)
        if isOutdated { replaceAll(of: pool.name) }
        await carryOutPlan(of: pool.name)
        // Also where the start was an earlier one: an answer that all is well would be wrong while workers can't start.
        if let fault = startFaults[pool.name], let state = pools[pool.name], state.running < count { throw .unreachable(fault.text) }
    }

    /// Whether workers of these two descriptions aren't the same.
    private static func startsOthers(_ earlier: ActuatedPool, _ later: ActuatedPool) -> Bool {
        earlier.target.command != later.target.command || earlier.slotsPerWorker != later.slotsPerWorker
    }

    /// A process keeps the command that it was started with: each goes once its turns are finished, and counts no more.
    private func replaceAll(of pool: String) {
        for worker in (pools[pool]?.members.keys.sorted() ?? []) {
            beginLeaving(worker, .outdated, killAfter: configuration.limits.removeGrace)
        }
    }

    package func drain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        try check(fence, pool.name)
        // The log gives it nothing more. The process gets its signal only once it is empty, because then it can't come back.
        pools[pool.name]?.drain(worker.name)
    }

    package func cancelDrain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool {
        try check(fence, pool.name)
        return !isStopping && pools[pool.name]?.uncordon(worker.name) ?? false
    }

    package func remove(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        try check(fence, pool.name)
        if await isBusy(worker.name) { throw .holdsActor(worker: worker.name) }
        beginLeaving(worker.name, .removed, killAfter: configuration.limits.removeGrace)
    }

    private func check(_ fence: Fence, _ pool: String) throws(ActuationFault) {
        if let seen = fences[pool], fence < seen { throw .fenced(current: seen) }
        fences[pool] = fence
    }

    // MARK: - Bookkeeping shared by the extensions

    var now: Duration { clock.now - origin }

    func nextName(in pool: String) -> String { names.next(in: pool) }

    func reportGone(_ worker: String, _ reason: String) { report(reports.gone(worker, reason: reason, at: Self.now())) }
    func reportFailedStart(_ worker: String, of pool: String, _ problem: String, hasEnded: Bool = true) {
        failedStarts[pool, default: 0] += 1
        report(reports.failedStart(worker, of: pool, problem, attempt: failedStarts[pool] ?? 1, hasEnded: hasEnded, at: Self.now()))
    }
    func reportDraining(_ worker: String, _ reason: String) { report(reports.draining(worker, reason: reason, at: Self.now())) }

    func forget(_ worker: String) {
        let process = processes.removeValue(forKey: worker)
        process?.watch?.cancel()
        process?.startWatch?.cancel()
        guard processes.isEmpty else { return }
        for waiter in waitingForEmpty { waiter.resume() }
        waitingForEmpty = []
    }

    private static func now() -> LogTime { LogTime(microseconds: WallClock.microseconds()) }

    /// Returns when no process of ours is left.
    func waitUntilEmpty() async {
        guard !processes.isEmpty else { return }
        await withCheckedContinuation { waitingForEmpty.append($0) }
    }
}
