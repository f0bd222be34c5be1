import Autoscaling
import Domain
import EventLog

// Does the target follow?
//
// One `PoolActuation` a pool: it holds what is wanted last (workers to take back, a count, workers to drain and to remove) and
// carries it out one call at a time. What becomes of a call that fails depends on the fault:
//
// - unreachable: asked again with backoff, until the target answers or something newer is wanted.
// - refused: asked again when something newer is wanted. It is also asked every `refusedRetrySeconds`, as somebody may have mended it.
// - fenced: dropped. Another instance acts on the target.
// - a count that others set, or a worker that holds an actor: dropped. The loop sees it in the log, and asks again where that is right.
//
// What came of it goes to the log as transitions, not attempts: `scale.applied`, the first `scale.failed` of a trouble, and other
// words for it a bounded number of times. Wishes overtaken while a call is under way are never sent. A pool that is followed no
// more is released: nothing that was wanted for it is tried again.

package struct ActuationLimits: Sendable {
    package var firstBackoffSeconds = 0.1
    package var longestBackoffSeconds = 30.0
    /// Until a target that refused is asked again though nothing else is wanted of it.
    package var refusedRetrySeconds = 60.0
    /// Of one trouble whose words change: so many reports at once, then one after each such time.
    package var reportsAtOnce = 3
    package var nextReportSeconds = 900.0
    /// Drains, and removals, waiting to be passed on, at most; the oldest win.
    package var pendingDrains = 10_000
    package init() {}
}

/// What an actuation tells the log.
enum ActuationOutcome: Sendable {
    case applied(to: Int, since: LogTime)
    /// Drains or removals failed, and are carried out again; the target keeps that count.
    case recovered(at: Int)
    /// - Parameter isNews: whether the log doesn't know it yet.
    case failed(error: String, attempt: Int, isNews: Bool)
    /// The target's replicas are somebody else's, and stay.
    case changedByOthers(found: Int, error: String)
}

/// What came of taking a drain back.
struct RecallAnswer: Hashable, Sendable {
    var worker: String
    var isKept: Bool
}

actor PoolActuation {
    typealias Report = @Sendable (ActuationOutcome) -> Void
    typealias Answer = @Sendable (RecallAnswer) -> Void
    typealias Pause = @Sendable (_ seconds: Double) async -> Void

    private let actuator: any Actuator
    private let fence: Fence
    private let limits: ActuationLimits
    private let report: Report
    private let answer: Answer
    private let pause: Pause

    private var pool: ActuatedPool
    private var wantedCount: Int?
    /// The commit that led to it.
    private var wantedSince = LogTime.zero
    /// The decision it comes from: wishes arrive by tasks of their own, so an older one may come after a newer one.
    private var wantedSeq: Position = 0
    /// The target refused that count; it waits for the slow pace.
    private var isCountRefused = false
    private var appliedCount: Int?
    private var recalls: [LoopCore.TakenBack] = []
    private var drains: [String] = []
    private var removals: [String] = []
    private var refusedDrains: [String] = []
    private var refusedRemovals: [String] = []
    private var trouble: Trouble?
    private var isRunning = false
    private var isStopped = false
    /// The pause under way, and whether something new may end it.
    private var resting: (task: Task<Void, Never>, mayBeEnded: Bool)?
    /// Rises when all that was wanted is let go: what a call under way then answers is of no concern.
    private var releases = 0

    /// What the log was told last of calls that fail.
    private struct Trouble {
        var isOfCount: Bool
        var error: String
        var attempts = 1
        var reports = 1
        var secondsSinceReport = 0.0
    }

    init(
        _ pool: ActuatedPool, actuator: any Actuator, fence: Fence, limits: ActuationLimits, pause: @escaping Pause, report: @escaping Report,
        answer: @escaping Answer
    ) {
        self.pool = pool
        self.actuator = actuator
        self.fence = fence
        self.limits = limits
        self.pause = pause
        self.report = report
        self.answer = answer
    }

    func want(_ count: Int, of pool: ActuatedPool, seq: Position, since: LogTime, takingBack: [LoopCore.TakenBack] = []) {
        for worker in takingBack { keep(worker) }
        guard seq >= wantedSeq else { return }
        self.pool = pool
        wantedSeq = seq
        wantedCount = count
        wantedSince = since
        isCountRefused = false
        start()
    }

    func drain(_ worker: String) {
        guard drains.count + refusedDrains.count < limits.pendingDrains, !drains.contains(worker), !refusedDrains.contains(worker) else { return }
        drains.append(worker)
        start()
    }

    /// To be called after `drain` of the same worker; it goes before everything else. Each is answered once.
    func keep(_ worker: LoopCore.TakenBack) {
        guard recalls.count < limits.pendingDrains else { return answer(RecallAnswer(worker: worker.worker, isKept: false)) }
        recalls.append(worker)
        start()
    }

    /// To be called after `drain` of the same worker, once it is empty.
    func remove(_ worker: String) {
        guard removals.count + refusedRemovals.count < limits.pendingDrains, !removals.contains(worker), !refusedRemovals.contains(worker) else { return }
        removals.append(worker)
        start()
    }

    /// Nothing that was wanted so far is wanted any more; workers to be taken back still are.
    func release() {
        releases += 1
        forgetWishes()
        trouble = nil
        resting?.task.cancel()
    }

    func stop() {
        isStopped = true
        resting?.task.cancel()
    }

    private func forgetWishes() {
        wantedCount = nil
        isCountRefused = false
        drains = []
        removals = []
        refusedDrains = []
        refusedRemovals = []
    }

    private func start() {
        guard !isStopped else { return }
        guard !isRunning else {
            if let resting, resting.mayBeEnded { resting.task.cancel() }
            return
        }
        isRunning = true
        Task { await run() }
    }

    // MARK: - Carrying out

    private enum Work {
        case recall(LoopCore.TakenBack)
        case count(Int)
        case drain(String)
        case remove(String)

        var isOfCount: Bool { if case .count = self { true } else { false } }
    }

    /// Workers that may stay before the count: each saves a start. The count before the rest: it is what starts workers.
    private var nextWork: Work? {
        if let worker = recalls.first { return .recall(worker) }
        if let count = wantedCount, !isCountRefused { return .count(count) }
        if let worker = drains.first { return .drain(worker) }
        return removals.first.map { .remove($0) }
    }

    private var hasRefused: Bool { isCountRefused || !refusedDrains.isEmpty || !refusedRemovals.isEmpty }

    private func run() async {
        var attempt = 0
        while !isStopped {
            guard let work = nextWork else {
                guard hasRefused else { break }
                if await rest(limits.refusedRetrySeconds, mayBeEnded: true) { retryRefused() }
                continue
            }
            let (release, seq) = (releases, wantedSeq)
            do throws(ActuationFault) {
                try await carryOut(work)
                attempt = 0
            } catch {
                guard release == releases else { continue }
                note(error, of: work, seq: seq)
                guard case .unreachable = error else { continue }
                attempt += 1
                await rest(backoffSeconds(attempt), mayBeEnded: false)
            }
        }
        isRunning = false
    }

    /// Waits; false where something ended it.
    @discardableResult
    private func rest(_ seconds: Double, mayBeEnded: Bool) async -> Bool {
        guard !isStopped else { return false }
        let task = Task { [pause] in await pause(seconds) }
        resting = (task, mayBeEnded)
        await task.value
        resting = nil
        trouble?.secondsSinceReport += seconds
        return !task.isCancelled
    }

    private func retryRefused() {
        isCountRefused = false
        drains += refusedDrains
        removals += refusedRemovals
        refusedDrains = []
        refusedRemovals = []
    }

    /// A wish that was replaced during the call is kept for the next round.
    private func carryOut(_ work: Work) async throws(ActuationFault) {
        switch work {
        case .recall(let worker):
            recalls.removeFirst()
            try await takeBack(worker)
        case .count(let count):
            let since = wantedSince
            try await actuator.resize(pool, to: count, fence: fence)
            if wantedCount == count { wantedCount = nil }
            appliedCount = count
            trouble = nil
            return report(.applied(to: count, since: since))
        case .drain(let worker):
            try await actuator.drain(worker, of: pool, fence: fence)
            drains.removeAll { $0 == worker }
        case .remove(let worker):
            try await actuator.remove(worker, of: pool, fence: fence)
            removals.removeAll { $0 == worker }
        }
        guard let trouble, !trouble.isOfCount else { return }
        self.trouble = nil
        if let appliedCount { report(.recovered(at: appliedCount)) }
    }

    /// One try: where it fails the worker goes on draining. What of it wasn't carried out yet never will be.
    private func takeBack(_ worker: LoopCore.TakenBack) async throws(ActuationFault) {
        let name = worker.worker
        // Where the target was told to remove it, and did as it was told, it is on its way.
        guard !worker.isRemovalSent || removals.contains(name) || refusedRemovals.contains(name) else {
            return answer(RecallAnswer(worker: name, isKept: false))
        }
        do throws(ActuationFault) {
            let isKept = try await actuator.cancelDrain(name, of: pool, fence: fence)
            if isKept { forget(name) }
            answer(RecallAnswer(worker: name, isKept: isKept))
        } catch {
            answer(RecallAnswer(worker: name, isKept: false))
            throw error
        }
    }

    private func forget(_ worker: String) {
        drains.removeAll { $0 == worker }
        removals.removeAll { $0 == worker }
        refusedDrains.removeAll { $0 == worker }
        refusedRemovals.removeAll { $0 == worker }
    }

    // MARK: - What fails

    private func note(_ fault: ActuationFault, of work: Work, seq: Position) {
        switch fault {
        case .unreachable: break
        case .holdsActor(let worker):
            // It got an actor in the meantime: the loop asks again when that has left.
            removals.removeAll { $0 == worker }
            if case .remove(let asked) = work { removals.removeAll { $0 == asked } }
            return
        case .changedByOthers(let found):
            if wantedSeq == seq { wantedCount = nil }
            return report(.changedByOthers(found: found, error: fault.sentence))
        case .refused: setAside(work, seq: seq)
        case .fenced:
            forgetWishes()
            for worker in recalls { answer(RecallAnswer(worker: worker.worker, isKept: false)) }
            recalls = []
        }
        report(.failed(error: fault.sentence, attempt: trouble.map { $0.attempts + 1 } ?? 1, isNews: isNews(fault.sentence, isOfCount: work.isOfCount)))
    }

    private func setAside(_ work: Work, seq: Position) {
        switch work {
        case .recall: break
        case .count: if wantedSeq == seq { isCountRefused = true }
        case .drain(let worker):
            drains.removeAll { $0 == worker }
            refusedDrains.append(worker)
        case .remove(let worker):
            removals.removeAll { $0 == worker }
            refusedRemovals.append(worker)
        }
    }

    /// Whether the log is to be told: of the beginning of a trouble, and of other words for it now and then.
    private func isNews(_ error: String, isOfCount: Bool) -> Bool {
        guard var known = trouble else {
            trouble = Trouble(isOfCount: isOfCount, error: error)
            return true
        }
        known.attempts += 1
        known.isOfCount = known.isOfCount || isOfCount
        let isNews = known.error != error && (known.reports < limits.reportsAtOnce || known.secondsSinceReport >= limits.nextReportSeconds)
        if isNews {
            known.error = error
            known.reports += 1
            known.secondsSinceReport = 0
        }
        trouble = known
        return isNews
    }

    /// 0.1, 0.2, 0.4 … at most 30 s.
    private func backoffSeconds(_ attempt: Int) -> Double {
        var seconds = limits.firstBackoffSeconds
        for _ in 1..<min(max(attempt, 1), 32) { seconds = min(seconds * 2, limits.longestBackoffSeconds) }
        return seconds
    }
}

extension ActuationFault {
    var sentence: String {
        switch self {
        case .unreachable(let why): "can't be reached: \(why)"
        case .refused(let why): "refused: \(why)"
        case .holdsActor(let worker): "\(worker) holds an actor: it isn't removed until that has left"
        case .changedByOthers(let found): "somebody else set replicas to \(found), and the policy is to yield"
        case .fenced(let current): "a newer writer (fence \(current.number)) acts on this target"
        }
    }
}
