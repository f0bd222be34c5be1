import Autoscaling
import Domain
import EventLog
import Machine

// Who carries out orders for targets?
//
// `Actuations` has an `Actuation` for each pool and carries out its steps. It hands calls to the port and cancels those that take
// too long. It sets the alarm for the end of a rest. It reports the outcome to the log and the loop. All of it runs on the loop's
// scheduler, as the loop does; what is wanted within one piece of the loop's work is seen together, before the first call for it.
//
//     order ──▶ Actuation ──next──▶ port ──answer──▶ Actuation ──▶ scale.applied, scale.failed, uncordonAnswered

/// Touched only in work that its scheduler runs, one piece at a time: that is what guards every member.
final class Actuations: @unchecked Sendable {
    /// The loop's own way into the log.
    private let append: LoopCore.Append
    private let scheduler: any LoopScheduler
    private let port: any ActuatorPort
    private let fence: Fence
    private let limits: ActuationLimits
    private let observer: any LoopObserving
    /// No two runs that appended anything began at the same position, whatever their fences: ids of reports rest on it.
    private let run: String
    /// Hears what came of taking a drain back.
    private let uncordoned: (_ worker: WorkerIdentity, _ pool: String, _ isUncordoned: Bool) -> Void

    /// By the pool's name.
    private var pools: [String: Pool] = [:]
    private var reports = 0
    private var callsUnderWay = 0
    private var isStopped = false
    private var stops: [Once] = []

    private struct Pool {
        var actuation: Actuation
        /// It is to be looked at soon.
        var isAwake = false
        var alarm: ScheduledWork?
        /// When the call under way must have been answered.
        var deadline: ScheduledWork?
    }

    init(
        append: @escaping LoopCore.Append, scheduler: any LoopScheduler, port: any ActuatorPort, fence: Fence, run: String,
        limits: ActuationLimits, observer: any LoopObserving,
        uncordoned: @escaping (_ worker: WorkerIdentity, _ pool: String, _ isUncordoned: Bool) -> Void
    ) {
        self.append = append
        self.scheduler = scheduler
        self.port = port
        self.fence = fence
        self.run = run
        self.limits = limits
        self.observer = observer
        self.uncordoned = uncordoned
    }

    // MARK: - Orders

    func follow(_ order: LoopCore.Order) {
        guard !isStopped else { return }
        switch order {
        case .rescale(let rescale):
            change(rescale.pool) {
                $0.want(rescale.to, of: rescale.pool, seq: rescale.seq, since: rescale.since, uncordoning: rescale.uncordoning)
            }
        case .drain(let command):
            change(command.pool) { actuation in
                switch command.step {
                case .drain: actuation.drain(command.worker)
                case .remove: actuation.remove(command.worker)
                case .uncordon: actuation.uncordon(LoopCore.UncordonCommand(worker: command.worker, isRemovalSent: command.isRemovalSent))
                }
            }
        case .release(let pool):
            pools[pool]?.actuation.release()
            wake(pool)
        }
    }

    private func change(_ pool: ActuatedPool, _ change: (inout Actuation) -> Void) {
        var known = pools[pool.name] ?? Pool(actuation: Actuation(pool, fence: fence, limits: limits))
        if known.actuation.pool.target.kind != pool.target.kind { known.actuation.move(to: pool) }
        change(&known.actuation)
        pools[pool.name] = known
        wake(pool.name)
    }

    /// Drops what is wanted, and runs `done` once no call is under way; after `stopSeconds` at the latest.
    func stop(_ done: @escaping @Sendable () -> Void) {
        isStopped = true
        for name in pools.keys { pools[name]?.actuation.stop() }
        guard callsUnderWay > 0 else { return done() }
        let stop = Once(done)
        stops.append(stop)
        _ = scheduler.perform(at: scheduler.now.adding(microseconds: Int64(limits.stopSeconds * 1e6))) { stop.run() }
    }

    // MARK: - Doing

    private func wake(_ name: String) {
        guard pools[name]?.isAwake == false else { return }
        pools[name]?.isAwake = true
        scheduler.perform { [weak self] in self?.proceed(name) }
    }

    private func proceed(_ name: String) {
        pools[name]?.isAwake = false
        guard let step = pools[name]?.actuation.next(at: scheduler.now) else { return tell(name) }
        tell(name)
        switch step {
        case .call(let call):
            callsUnderWay += 1
            let deadline = scheduler.now.adding(microseconds: Int64(limits.callSeconds * 1e6))
            pools[name]?.deadline = scheduler.perform(at: deadline) { [weak self] in self?.overdue(call, name) }
            port.start(call) { [weak self, scheduler] response in scheduler.perform { [weak self] in self?.answered(response, name) } }
        case .rest(let until):
            pools[name]?.alarm?.cancel()
            pools[name]?.alarm = scheduler.perform(at: until) { [weak self] in self?.rested(until, name) }
        }
    }

    private func answered(_ response: ActuatorResponse, _ name: String) {
        callsUnderWay -= 1
        pools[name]?.deadline?.cancel()
        pools[name]?.actuation.answered(response, at: scheduler.now)
        proceed(name)
        guard callsUnderWay == 0 else { return }
        for stop in stops { stop.run() }
        stops = []
    }

    private func overdue(_ call: ActuatorCall, _ name: String) {
        pools[name]?.actuation.overdue(at: scheduler.now)
        tell(name)
        port.cancel(call)
    }

    private func rested(_ until: LogTime, _ name: String) {
        pools[name]?.actuation.rested(until: until)
        proceed(name)
    }

    // MARK: - Telling

    private func tell(_ name: String) {
        for outcome in pools[name]?.actuation.takeOutcomes() ?? [] { tell(outcome, name) }
    }

    private func tell(_ outcome: ActuationOutcome, _ pool: String) {
        switch outcome {
        case .applied(let count, let since):
            observer.actuated(pool: pool, to: count, reactionSeconds: max(0, scheduler.now.seconds(since: since)))
            report(.scaleApplied, pool) { $0.member("to", count) }
        case .recovered(let count): report(.scaleApplied, pool) { $0.member("to", count) }
        case .failed(let error, let attempt, let isNews):
            observer.actuationFailed(pool: pool, error: error, attempt: attempt)
            guard isNews else { return }
            report(.scaleFailed, pool) { body in
                body.member("error", error)
                body.member("attempt", attempt)
            }
        case .changedByOthers(let found, let error):
            observer.actuationFailed(pool: pool, error: error, attempt: 1)
            report(.scaleFailed, pool) { body in
                body.member("error", error)
                body.member("attempt", 1)
                body.member("specReplicas", found)
            }
        case .uncordoned(let worker, let isUncordoned): uncordoned(worker, pool, isUncordoned)
        }
    }

    private func report(_ kind: EventKind, _ pool: String, _ members: (inout JSONWriter) -> Void) {
        reports += 1
        var body = JSONWriter()
        body.openObject()
        members(&body)
        body.member("fence", Int64(clamping: fence.number))
        body.closeObject()
        var batch = EventBatch()
        batch.append(kind, source: Outputs.source, id: "actuation-\(run)-\(reports)", subject: pool, pool: pool, body: body.bytes)
        // Where the log can't take it, the target still follows; the next decision says so again.
        append(batch) { _ in }
    }
}

extension LoopCore {
    /// Makes targets follow decisions. Call it before the loop acts, and keep the result for as long as targets are to follow.
    func follow(through port: any ActuatorPort, fence: Fence, run: String, limits: ActuationLimits) -> Actuations {
        let actuations = Actuations(
            append: append, scheduler: scheduler, port: port, fence: fence, run: run, limits: limits, observer: observer
        ) {
            [weak self] worker, pool, isUncordoned in self?.uncordonAnswered(worker, of: pool, isUncordoned: isUncordoned)
        }
        follow = { [weak actuations] in actuations?.follow($0) }
        return actuations
    }
}
