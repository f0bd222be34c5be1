import Domain
package import EventLog
@preconcurrency import GreenroomOpenCombine
import State
import Synchronization

// The loop as a service: it starts from the log, follows it, and answers.
//
// `ControlLoop` joins a `LoopCore`, which lives on the scheduler, to the outside: callers' questions and commands come in
// as work for the scheduler; rescales and departures go out to one `PoolActuation` a pool. What the targets answer is
// logged like everything else.

package final class ControlLoop: ControlPlane {
    package struct Configuration: Sendable {
        package var fence: Fence
        /// By the target's kind.
        package var actuators: [String: any Actuator]
        /// Serves targets of every kind that isn't named above; nil where there is none.
        package var otherKinds: (any Actuator)?
        package var limits = LoopLimits()
        package var actuation = ActuationLimits()
        package var observer: any LoopObserving = SilentObserver()
        /// Waits between two attempts on a target.
        package var pause: @Sendable (_ seconds: Double) async -> Void = { try? await Task.sleep(for: .seconds($0)) }

        package init(fence: Fence, actuators: [String: any Actuator]) {
            self.fence = fence
            self.actuators = actuators
        }
    }

    let core: LoopCore
    let log: EventLog
    let scheduler: any LoopScheduler
    let configuration: Configuration
    private let actuations = Mutex<[String: Actuated]>([:])
    let targetClaims = TargetClaims()
    private let reports = Atomic<UInt64>(0)
    let waitKeys = Atomic<UInt64>(0)
    let policyWatches = Atomic<UInt64>(0)
    /// No two runs that appended anything began at the same position, whatever their fences: ids of reports rest on it.
    private let run: String
    /// In order: a worker is drained before it is removed, and before it is taken back.
    private let orders = AsyncStream.makeStream(of: Order.self, bufferingPolicy: .bufferingOldest(ordersAtOnce))
    private static let ordersAtOnce = 100_000
    private let passingOn = Mutex<Task<Void, Never>?>(nil)
    /// Filled once, on the scheduler, in `start`.
    private let subscriptions = Mutex<[Subscription]>([])

    private enum Order: Sendable {
        case rescale(LoopCore.Rescale)
        case departure(LoopCore.Departure)
        /// The pool of that name is followed no more.
        case release(String)
    }

    private struct Actuated {
        var kind: String
        var actuation: PoolActuation
    }

    private struct Subscription: @unchecked Sendable {
        // Only kept alive here, and never called: OpenCombine's cancellables aren't marked Sendable.
        let cancellable: AnyCancellable
    }

    package init(log: EventLog, scheduler: any LoopScheduler, configuration: Configuration) {
        self.log = log
        self.scheduler = scheduler
        self.configuration = configuration
        run = "\(configuration.fence.number)-\(log.head.seq)"
        core = LoopCore(log: log, scheduler: scheduler, observer: configuration.observer, limits: configuration.limits)
    }

    /// Folds the log up to its head, so that questions are answered from there; acts on nothing.
    package func catchUp() async { await ask { $0.catchUp() } }

    /// Folds the log up to its head, then begins to act. From here on it follows every commit.
    package func start() async {
        passingOn.withLock { $0 = Task { [weak self, stream = orders.stream] in for await order in stream { await self?.follow(order) } } }
        await ask { core in
            let orders = self.orders.continuation
            let rescales = core.rescales.removeDuplicates().sink { _ = orders.yield(.rescale($0)) }
            let departures = core.departures.sink { _ = orders.yield(.departure($0)) }
            let releases = core.releases.sink { _ = orders.yield(.release($0)) }
            self.subscriptions.withLock { $0 = [rescales, departures, releases].map { Subscription(cancellable: $0) } }
            core.goLive()
        }
        log.onCommit { [core, scheduler] _ in scheduler.perform { core.catchUp() } }
        log.onClockStep { [weak self] step in self?.clockStepped(step) }
        // A commit between the first fold and the line above woke nobody.
        await ask { $0.catchUp() }
    }

    /// Stops acting and saves a checkpoint, so that the next start needn't fold what this one did.
    package func stop() async {
        await ask { $0.endWaits() }
        subscriptions.withLock { $0 = [] }
        orders.continuation.finish()
        await passingOn.withLock { $0 }?.value
        for actuation in actuations.withLock({ $0.values.map(\.actuation) }) { await actuation.stop() }
        await ask { core in
            core.catchUp()
            core.saveCheckpoint()
        }
    }

    /// Runs `question` on the scheduler.
    func ask<Answer: Sendable>(_ question: @escaping @Sendable (LoopCore) -> Answer) async -> Answer {
        await withCheckedContinuation { continuation in
            scheduler.perform { [core] in continuation.resume(returning: question(core)) }
        }
    }

    /// The machine's clock was set. Deadlines are judged by it, so those that it makes due are met now; and whoever reads the
    /// log later must know why its time jumps.
    private func clockStepped(_ microseconds: Int64) {
        let number = reports.wrappingAdd(1, ordering: .relaxed).newValue
        var batch = EventBatch()
        var body = JSONWriter()
        body.openObject()
        body.member("microseconds", microseconds)
        body.closeObject()
        batch.append(.clockStepped, source: Outputs.source, id: "clock-\(run)-\(number)", subject: "greenroom", body: body.bytes)
        log.append(batch) { [scheduler] _ in scheduler.clockStepped() }
    }

    // MARK: - Targets

    private func follow(_ order: Order) async {
        switch order {
        case .rescale(let rescale): await follow(rescale)
        case .departure(let departure): await follow(departure)
        case .release(let pool): await actuations.withLock { $0[pool] }?.actuation.release()
        }
    }

    private func follow(_ rescale: LoopCore.Rescale) async {
        await actuation(of: rescale.pool).want(
            rescale.to, of: rescale.pool, seq: rescale.seq, since: rescale.since, takingBack: rescale.takingBack)
    }

    private func follow(_ departure: LoopCore.Departure) async {
        let actuation = await actuation(of: departure.pool)
        switch departure.step {
        case .drain: await actuation.drain(departure.worker)
        case .remove: await actuation.remove(departure.worker)
        case .keep: await actuation.keep(LoopCore.TakenBack(worker: departure.worker, isRemovalSent: departure.isRemovalSent))
        }
    }

    /// That of the pool; made anew where its target is of another kind than it was.
    private func actuation(of pool: ActuatedPool) async -> PoolActuation {
        let (actuation, left) = actuations.withLock { actuations -> (PoolActuation, PoolActuation?) in
            let known = actuations[pool.name]
            if let known, known.kind == pool.target.kind { return (known.actuation, nil) }
            let made = makeActuation(of: pool)
            actuations[pool.name] = Actuated(kind: pool.target.kind, actuation: made)
            return (made, known?.actuation)
        }
        await left?.stop()
        return actuation
    }

    private func makeActuation(of pool: ActuatedPool) -> PoolActuation {
        let name = pool.name
        return PoolActuation(
            pool, actuator: configuration.actuators[pool.target.kind] ?? configuration.otherKinds ?? MissingActuator(kind: pool.target.kind), fence: configuration.fence,
            limits: configuration.actuation, pause: configuration.pause, report: { [weak self] in self?.record($0, pool: name) },
            answer: { [core, scheduler] answer in scheduler.perform { core.recallAnswered(answer.worker, of: name, isKept: answer.isKept) } })
    }

    private func record(_ outcome: ActuationOutcome, pool: String) {
        let number = reports.wrappingAdd(1, ordering: .relaxed).newValue
        var batch = EventBatch()
        var body = JSONWriter()
        body.openObject()
        switch outcome {
        case .applied(let to, let since):
            configuration.observer.actuated(pool: pool, to: to, reactionSeconds: max(0, scheduler.now.seconds(since: since)))
            body.member("to", to)
        case .recovered(let count): body.member("to", count)
        case .failed(let error, let attempt, let isNews):
            configuration.observer.actuationFailed(pool: pool, error: error, attempt: attempt)
            guard isNews else { return }
            body.member("error", error)
            body.member("attempt", attempt)
        case .changedByOthers(let found, let error):
            configuration.observer.actuationFailed(pool: pool, error: error, attempt: 1)
            body.member("error", error)
            body.member("attempt", 1)
            body.member("specReplicas", found)
        }
        body.member("fence", Int64(clamping: configuration.fence.number))
        body.closeObject()
        let kind: EventKind = switch outcome {
        case .applied, .recovered: .scaleApplied
        case .failed, .changedByOthers: .scaleFailed
        }
        batch.append(kind, source: Outputs.source, id: "actuation-\(run)-\(number)", subject: pool, pool: pool, body: body.bytes)
        // Where the log can't take it, the target still follows; the next decision says so again.
        log.append(batch) { _ in }
    }

    package func health() async -> LoopHealth {
        let head = log.head
        let folded = await ask { core in (position: core.world.position, at: core.world.at, problems: core.world.targetProblems) }
        let behind = max(0, head.seq - folded.position)
        return LoopHealth(
            behindEvents: behind, lagSeconds: behind == 0 ? 0 : max(0, head.at.seconds(since: folded.at)),
            unreachableTargets: folded.problems)
    }
}
