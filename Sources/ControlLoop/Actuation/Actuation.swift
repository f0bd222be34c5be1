import Autoscaling
import Basics
import Domain
import EventLog

// Does the target follow?
//
// Each pool has one `Actuation`. It holds what is wanted last: workers to take back, a count, workers to drain and to remove. It
// also holds the one call under way, and what is to be logged. It is a value: events go in with their time, and `next` returns
// the next step. `Actuations` carries it out.
//
//     idle ──next──▶ calling ──answered──▶ idle
//                       └─────unreachable──▶ unreached ──next──▶ resting ──its time is over, or released──▶ idle
//     idle ──next, and nothing is left but what was refused──▶ resting ──the same, or something newer is wanted──▶ idle
//
// What becomes of a call that fails depends on the fault:
//
// - unreachable: asked again with backoff, until the target answers or something newer is wanted. A call that isn't answered in
//   `callSeconds` is cancelled and counts as one that didn't reach the target; the next one waits until it has ended.
// - refused: asked again when something newer is wanted. It is also asked every `refusedRetrySeconds`, as somebody may have mended it.
// - fenced: the same, and all else that is wanted waits with it. Another instance acts on the target, or did: somebody may take its
//   mark off.
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
    /// Of one call, until it must have been answered. A call is several requests of a target's API, each with a deadline of its own.
    package var callSeconds = 120.0
    /// How long a stop waits for calls that are under way.
    package var stopSeconds = 2.0
    package init() {}
}

/// What an actuation tells: the log of all but the last, and the loop of that.
enum ActuationOutcome: Hashable, Sendable {
    case applied(to: Int, since: LogTime)
    /// Drains or removals failed, and are carried out again; the target keeps that count.
    case recovered(at: Int)
    /// - Parameter isNews: whether the log doesn't know it yet.
    case failed(error: String, attempt: Int, isNews: Bool)
    /// The target's replicas are somebody else's, and stay.
    case changedByOthers(found: Int, error: String)
    /// What came of taking a drain back.
    case uncordoned(worker: WorkerIdentity, isUncordoned: Bool)
}

struct Actuation: Sendable {
    private let fence: Fence
    private let limits: ActuationLimits

    private(set) var pool: ActuatedPool
    private var wantedCount: Int?
    /// The commit that led to it.
    private var wantedSince = LogTime.zero
    /// The decision it comes from.
    private var wantedSeq: Position = 0
    /// The target refused that count; it waits for the slow pace.
    private var isCountRefused = false
    private var appliedCount: Int?
    private var uncordons: [LoopCore.UncordonCommand] = []
    private var drains: [WorkerIdentity] = []
    private var removals: [WorkerIdentity] = []
    private var refusedDrains: [WorkerIdentity] = []
    private var refusedRemovals: [WorkerIdentity] = []
    private var trouble: Trouble?
    private var phase = Phase.idle
    private var isStopped = false
    /// Calls in a row that didn't reach the target.
    private var attempt = 0
    /// Rises when all that was wanted is let go: what a call under way then answers is of no concern.
    private var releases = 0
    private var outcomes: [ActuationOutcome] = []

    private enum Phase: Sendable {
        case idle
        case calling(Asked)
        /// The call didn't reach the target.
        case unreached
        /// - Parameter isAfterRefusal: then something new ends it, and its end tries again what was refused.
        case resting(until: LogTime, isAfterRefusal: Bool)
    }

    private enum Work: Sendable {
        case uncordon(LoopCore.UncordonCommand)
        case count(Int)
        case drain(WorkerIdentity)
        case remove(WorkerIdentity)

        var isOfCount: Bool { if case .count = self { true } else { false } }

        var action: ActuatorCall.Action {
            switch self {
            case .uncordon(let worker): .cancelDrain(worker.worker)
            case .count(let count): .resize(to: count)
            case .drain(let worker): .drain(worker)
            case .remove(let worker): .remove(worker)
            }
        }
    }

    /// The call under way, and what was wanted when it began.
    private struct Asked: Sendable {
        var work: Work
        var seq: Position
        var since: LogTime
        var releases: Int
        /// It wasn't answered in time.
        var isOverdue = false
    }

    /// What the log was told last of calls that fail.
    private struct Trouble: Sendable {
        var isOfCount: Bool
        var error: String
        var reportedAt: LogTime
        var attempts = 1
        var reports = 1
    }

    init(_ pool: ActuatedPool, fence: Fence, limits: ActuationLimits) {
        self.pool = pool
        self.fence = fence
        self.limits = limits
    }

    var isCalling: Bool { if case .calling = phase { true } else { false } }

    // MARK: - What is wanted

    mutating func want(_ count: Int, of pool: ActuatedPool, seq: Position, since: LogTime, uncordoning: [LoopCore.UncordonCommand] = []) {
        for worker in uncordoning { uncordon(worker) }
        guard seq >= wantedSeq else { return }
        self.pool = pool
        wantedSeq = seq
        wantedCount = count
        wantedSince = since
        isCountRefused = false
        wake()
    }

    mutating func drain(_ worker: WorkerIdentity) {
        guard drains.count + refusedDrains.count < limits.pendingDrains, !drains.contains(worker), !refusedDrains.contains(worker) else {
            return
        }
        drains.append(worker)
        wake()
    }

    /// To be called after `drain` of the same worker; it goes before everything else. Each is answered once.
    mutating func uncordon(_ worker: LoopCore.UncordonCommand) {
        guard uncordons.count < limits.pendingDrains else {
            return outcomes.append(.uncordoned(worker: worker.worker, isUncordoned: false))
        }
        uncordons.append(worker)
        wake()
    }

    /// To be called after `drain` of the same worker, once it is empty.
    mutating func remove(_ worker: WorkerIdentity) {
        guard removals.count + refusedRemovals.count < limits.pendingDrains, !removals.contains(worker), !refusedRemovals.contains(worker)
        else { return }
        removals.append(worker)
        wake()
    }

    /// Nothing that was wanted so far is wanted any more; workers to be taken back still are.
    mutating func release() {
        releases += 1
        forgetWishes()
        trouble = nil
        endRest()
    }

    /// From now on another actuator gets the orders. Nothing is known of its target, and it knows none of this one's workers.
    mutating func move(to pool: ActuatedPool) {
        release()
        self.pool = pool
        appliedCount = nil
        wantedSeq = 0
        refuseUncordons()
    }

    /// Nothing is begun any more.
    mutating func stop() {
        isStopped = true
        forgetWishes()
        uncordons = []
        endRest()
    }

    private mutating func forgetWishes() {
        wantedCount = nil
        isCountRefused = false
        drains = []
        removals = []
        refusedDrains = []
        refusedRemovals = []
    }

    private mutating func refuseUncordons() {
        for worker in uncordons { outcomes.append(.uncordoned(worker: worker.worker, isUncordoned: false)) }
        uncordons = []
    }

    private mutating func wake() {
        if case .resting(_, isAfterRefusal: true) = phase { phase = .idle }
    }

    private mutating func endRest() {
        if !isCalling { phase = .idle }
    }

    // MARK: - What to do

    enum Step: Hashable, Sendable {
        case call(ActuatorCall)
        /// `rested` is to be called then, with that time.
        case rest(until: LogTime)
    }

    /// What to do now; nil where there is nothing to do before something happens. Each step is told once.
    mutating func next(at now: LogTime) -> Step? {
        guard !isStopped else { return nil }
        switch phase {
        case .calling, .resting: return nil
        case .unreached: return rest(backoffSeconds, from: now, isAfterRefusal: false)
        case .idle: break
        }
        while let work = nextWork {
            guard mayBegin(work) else { continue }
            phase = .calling(Asked(work: work, seq: wantedSeq, since: wantedSince, releases: releases))
            return .call(ActuatorCall(work.action, of: pool, fence: fence))
        }
        guard hasRefused else {
            attempt = 0
            return nil
        }
        return rest(limits.refusedRetrySeconds, from: now, isAfterRefusal: true)
    }

    /// What is to be told since this was called last.
    mutating func takeOutcomes() -> [ActuationOutcome] {
        defer { outcomes = [] }
        return outcomes
    }

    /// Workers that may stay before the count: each saves a start. The count before the rest: it is what starts workers.
    private var nextWork: Work? {
        if let worker = uncordons.first { return .uncordon(worker) }
        if let count = wantedCount, !isCountRefused { return .count(count) }
        if let worker = drains.first { return .drain(worker) }
        return removals.first.map { .remove($0) }
    }

    private var hasRefused: Bool { isCountRefused || !refusedDrains.isEmpty || !refusedRemovals.isEmpty }

    /// A drain is taken back in one try: where it fails the worker goes on draining.
    private mutating func mayBegin(_ work: Work) -> Bool {
        guard case .uncordon(let worker) = work else { return true }
        uncordons.removeFirst()
        let name = worker.worker
        // Where the target was told to remove it, and did as it was told, it is on its way.
        if worker.isRemovalSent, !removals.contains(name), !refusedRemovals.contains(name) {
            outcomes.append(.uncordoned(worker: name, isUncordoned: false))
            return false
        }
        return true
    }

    private mutating func rest(_ seconds: Double, from now: LogTime, isAfterRefusal: Bool) -> Step {
        let until = now.adding(microseconds: Int64(seconds * 1e6))
        phase = .resting(until: until, isAfterRefusal: isAfterRefusal)
        return .rest(until: until)
    }

    // MARK: - What happened

    /// A rest that lasted until then is over. One that was ended before says nothing.
    mutating func rested(until time: LogTime) {
        guard case .resting(until: time, isAfterRefusal: let isAfterRefusal) = phase else { return }
        phase = .idle
        guard isAfterRefusal else { return }
        isCountRefused = false
        drains += refusedDrains
        removals += refusedRemovals
        refusedDrains = []
        refusedRemovals = []
    }

    /// The call under way wasn't answered in time. It is still under way, until it ends or is answered after all.
    mutating func overdue(at now: LogTime) {
        guard case .calling(var asked) = phase, !asked.isOverdue else { return }
        asked.isOverdue = true
        phase = .calling(asked)
        guard asked.releases == releases, !isStopped else { return }
        note(.unreachable("no answer within \(Int(limits.callSeconds)) s"), of: asked, at: now)
    }

    /// The target answered the call under way, or that ended without an answer.
    mutating func answered(_ response: ActuatorResponse, at now: LogTime) {
        guard case .calling(let asked) = phase else { preconditionFailure("a target answered a call that isn't under way") }
        phase = .idle
        if case .uncordon(let worker) = asked.work { uncordoned(worker.worker, isUncordoned: response == .success(true)) }
        switch response {
        case .success:
            attempt = 0
            carriedOut(asked)
        case .failure(let fault):
            guard asked.releases == releases else { return }
            guard case .unreachable = fault else { return note(fault, of: asked, at: now) }
            // One that was overdue has been told of already.
            if !asked.isOverdue { note(fault, of: asked, at: now) }
            attempt += 1
            phase = .unreached
        }
    }

    /// What of it wasn't carried out yet never will be.
    private mutating func uncordoned(_ worker: WorkerIdentity, isUncordoned: Bool) {
        if isUncordoned {
            drains.removeAll { $0 == worker }
            removals.removeAll { $0 == worker }
            refusedDrains.removeAll { $0 == worker }
            refusedRemovals.removeAll { $0 == worker }
        }
        outcomes.append(.uncordoned(worker: worker, isUncordoned: isUncordoned))
    }

    /// A wish that was replaced during the call is kept for the next round.
    private mutating func carriedOut(_ asked: Asked) {
        let isCurrent = asked.releases == releases
        if case .count(let count) = asked.work {
            outcomes.append(.applied(to: count, since: asked.since))
            guard isCurrent else { return }
            if wantedCount == count { wantedCount = nil }
            appliedCount = count
            trouble = nil
            return
        }
        // The same may be wanted again, of another target.
        guard isCurrent else { return }
        switch asked.work {
        case .drain(let worker): drains.removeAll { $0 == worker }
        case .remove(let worker): removals.removeAll { $0 == worker }
        case .uncordon, .count: break
        }
        guard let trouble, !trouble.isOfCount else { return }
        self.trouble = nil
        if let appliedCount { outcomes.append(.recovered(at: appliedCount)) }
    }

    private mutating func note(_ fault: ActuationFault, of asked: Asked, at now: LogTime) {
        switch fault {
        case .unreachable: break
        case .holdsActor(let worker):
            // It got an actor in the meantime: the loop asks again when that has left.
            removals.removeAll { $0.name == worker }
            if case .remove(let asked) = asked.work { removals.removeAll { $0 == asked } }
            return
        case .changedByOthers(let found):
            if wantedSeq == asked.seq { wantedCount = nil }
            return outcomes.append(.changedByOthers(found: found, error: fault.sentence))
        case .refused: setAside(asked)
        case .fenced:
            isCountRefused = wantedCount != nil
            refusedDrains += drains
            refusedRemovals += removals
            drains = []
            removals = []
            refuseUncordons()
        }
        let attempt = trouble.map { $0.attempts + 1 } ?? 1
        outcomes.append(
            .failed(error: fault.sentence, attempt: attempt, isNews: isNews(fault.sentence, isOfCount: asked.work.isOfCount, at: now)))
    }

    private mutating func setAside(_ asked: Asked) {
        switch asked.work {
        case .uncordon: break
        case .count: if wantedSeq == asked.seq { isCountRefused = true }
        case .drain(let worker):
            drains.removeAll { $0 == worker }
            refusedDrains.append(worker)
        case .remove(let worker):
            removals.removeAll { $0 == worker }
            refusedRemovals.append(worker)
        }
    }

    /// Whether the log is to be told: of the beginning of a trouble, and of other words for it now and then.
    private mutating func isNews(_ error: String, isOfCount: Bool, at now: LogTime) -> Bool {
        guard var known = trouble else {
            trouble = Trouble(isOfCount: isOfCount, error: error, reportedAt: now)
            return true
        }
        known.attempts += 1
        known.isOfCount = known.isOfCount || isOfCount
        let isNews =
            known.error != error
            && (known.reports < limits.reportsAtOnce || now.seconds(since: known.reportedAt) >= limits.nextReportSeconds)
        if isNews {
            known.error = error
            known.reports += 1
            known.reportedAt = now
        }
        trouble = known
        return isNews
    }

    /// 0.1, 0.2, 0.4 … at most 30 s.
    private var backoffSeconds: Double {
        Duration.seconds(limits.firstBackoffSeconds).doubled(max(attempt, 1) - 1, atMost: .seconds(limits.longestBackoffSeconds)).inSeconds
    }
}

extension ActuationFault {
    var sentence: String {
        switch self {
        case .unreachable(let why): "can't be reached: \(why)"
        case .refused(let why): "refused: \(why)"
        case .holdsActor(let worker): "\(worker) is busy: it isn't removed until it is idle"
        case .changedByOthers(let found): "somebody else set replicas to \(found), and the policy is to yield"
        case .fenced(let current): "a newer writer (fence \(current.number)) acts on this target"
        }
    }
}
