import Domain
package import EventLog
import Machine
import State
import Synchronization
package import Views

// The loop as a service: it starts from the log, follows it, and answers.
//
// `ControlLoop` connects a `LoopCore` and its `Actuations`, which live on the scheduler, to the outside. Requests, commands and the
// log's commits come in as work for the scheduler. Calls to targets go out through an `ActuatorPort`.

package final class ControlLoop: ControlPlane {
    package struct Configuration: Sendable {
        package var fence: Fence
        /// Where calls to targets go.
        package var targets: any ActuatorPort
        package var limits = LoopLimits()
        package var actuation = ActuationLimits()
        package var observer: any LoopObserving = SilentObserver()
        /// Where another instance may lead; nil where this one always may write.
        package var handover: (any LoopHandover)?

        package init(fence: Fence, targets: any ActuatorPort) {
            self.fence = fence
            self.targets = targets
        }

        /// - Parameters:
        ///   - actuators: by the kind of target that each serves.
        ///   - otherKinds: serves targets of every other kind; nil where there is none.
        package init(fence: Fence, actuators: [String: any Actuator], otherKinds: (any Actuator)? = nil) {
            self.init(fence: fence, targets: Actuators(byKind: actuators, others: otherKinds))
        }
    }

    let core: LoopCore
    let log: EventLog
    let scheduler: any LoopScheduler
    let configuration: Configuration
    private let term: Locked<Term>
    let targetClaims = TargetClaims()
    private let clockSteps = Atomic<UInt64>(0)
    let waitKeys = Atomic<UInt64>(0)
    let policyWatches = Atomic<UInt64>(0)
    /// The way into the log of what callers ask for: by whoever may write it.
    let appendBatch: CommandAppend
    /// For ids that nobody else has.
    let newNumber: @Sendable () -> UInt64

    typealias CommandAppend = @Sendable (EventBatch, @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) -> Void

    /// Under which the loop acts, or acted last.
    private struct Term: Sendable {
        var fence: Fence
        /// No two runs that appended anything began at the same position, whatever their fences: ids of reports rest on it.
        var run: String
        var actuations: Actuations
        var isActing = false
        var isFollowing = false
    }

    package init(log: EventLog, scheduler: any LoopScheduler, configuration: Configuration) {
        self.log = log
        self.scheduler = scheduler
        self.configuration = configuration
        appendBatch = { [log, handover = configuration.handover] batch, completion in
            if let handover {
                handover.append(batch, completion: completion)
            } else {
                log.append(batch, completion: completion)
            }
        }
        newNumber = {
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        }
        core = LoopCore(log: log, scheduler: scheduler, observer: configuration.observer, limits: configuration.limits)
        let run = "\(configuration.fence.number)-\(log.head.seq)"
        term = Locked(
            Term(
                fence: configuration.fence, run: run,
                actuations: core.follow(
                    through: configuration.targets, fence: configuration.fence, run: run, limits: configuration.actuation)))
    }

    /// Over a loop that somebody else drives, who also says how commands get into the log and which ids are new.
    init(
        driving core: LoopCore, _ actuations: Actuations, configuration: Configuration, append: @escaping CommandAppend,
        newNumber: @escaping @Sendable () -> UInt64
    ) {
        (self.core, self.configuration) = (core, configuration)
        (log, scheduler) = (core.log, core.scheduler)
        (appendBatch, self.newNumber) = (append, newNumber)
        term = Locked(
            Term(fence: configuration.fence, run: "\(configuration.fence.number)-\(core.log.head.seq)", actuations: actuations))
    }

    /// Of whoever leads by this instance's knowledge, or led last.
    var fence: Fence { term.value.fence }

    /// Folds the log up to its head, so that questions are answered from there; acts on nothing.
    package func catchUp() async { await query { $0.catchUp() } }

    /// Folds the log up to its head, then begins to act. From here on it follows every commit.
    package func start() async {
        await query { $0.goLive() }
        term.withValue { $0.isActing = true }
        await listen()
    }

    private func listen() async {
        let isFirst = term.withValue { term in
            defer { term.isFollowing = true }
            return !term.isFollowing
        }
        guard isFirst else { return }
        log.onCommit { [core, scheduler] _ in scheduler.perform { core.catchUp() } }
        log.onClockStep { [weak self] step in self?.clockStepped(step) }
        // A commit between the first fold and the line above woke nobody.
        await query { $0.catchUp() }
    }

    // MARK: - Of several instances

    /// Folds the log, and every commit that comes, and acts on nothing.
    package func follow() async {
        await query { core in
            core.beginFollowing()
            core.catchUp()
        }
        await listen()
    }

    /// Acts from here on, under this fence and through these actuators, on what is folded already.
    package func lead(
        as fence: Fence, actuators: [String: any Actuator], otherKinds: (any Actuator)?, mayAct: @escaping @Sendable () -> Bool
    ) async {
        let port = GuardedPort(inner: Actuators(byKind: actuators, others: otherKinds), mayAct: mayAct)
        let run = "\(fence.number)-\(log.head.seq)"
        await query { [term, configuration] core in
            let actuations = core.follow(through: port, fence: fence, run: run, limits: configuration.actuation)
            term.withValue { term in
                (term.fence, term.run, term.actuations, term.isActing) = (fence, run, actuations, true)
            }
            core.goLive()
        }
    }

    /// Acts on nothing from here on, and returns once no call to a target is under way, or none is waited for any longer. Folding goes on.
    package func standBy() async {
        let actuations = term.withValue { term in
            term.isActing = false
            return term.actuations
        }
        await query { $0.rest() }
        await withCheckedContinuation { continuation in
            scheduler.perform { actuations.stop { continuation.resume() } }
        }
    }

    /// Whether it acts, by its own knowledge.
    package var isActing: Bool { term.value.isActing }

    /// Workers, by the names they were asked for, that have a stream of their placements open here.
    package func workersWithStreams() async -> [String] { await query { $0.workersWithStreams } }

    /// Stops acting, waits a while for calls that are under way, and saves a checkpoint, so that the next start needn't fold what
    /// this one did.
    package func stop() async {
        await withCheckedContinuation { continuation in
            scheduler.perform { [core, term] in
                core.endWaits()
                term.value.actuations.stop { continuation.resume() }
            }
        }
        await query { core in
            core.catchUp()
            // What couldn't be read by now isn't waited for.
            core.endFoldWaits()
            core.saveCheckpoint()
        }
    }

    /// Runs `question` on the scheduler.
    func query<Response: Sendable>(_ read: @escaping @Sendable (LoopCore) -> Response) async -> Response {
        await withCheckedContinuation { continuation in
            scheduler.perform { [core] in continuation.resume(returning: read(core)) }
        }
    }

    /// The machine's clock was set. Deadlines are judged by it, so those that it makes due are met now; and whoever reads the
    /// log later must know why its time jumps.
    private func clockStepped(_ microseconds: Int64) {
        let (isActing, run) = term.withValue { ($0.isActing, $0.run) }
        // The log's time is the leader's.
        guard isActing || configuration.handover == nil else { return scheduler.clockStepped() }
        let number = clockSteps.wrappingAdd(1, ordering: .relaxed).newValue
        var batch = EventBatch()
        var body = JSONWriter()
        body.openObject()
        body.member("microseconds", microseconds)
        body.closeObject()
        batch.append(.clockStepped, source: Outputs.source, id: "clock-\(run)-\(number)", subject: "greenroom", body: body.bytes)
        log.append(batch) { [scheduler] _ in scheduler.clockStepped() }
    }

    package func health() async -> LoopHealth {
        let head = log.head
        let folded = await query { core in (position: core.state.position, at: core.state.at, problems: core.state.targetProblems) }
        let behind = max(0, head.seq - folded.position)
        return LoopHealth(
            behindEvents: behind, lagSeconds: behind == 0 ? 0 : max(0, head.at.seconds(since: folded.at)),
            unreachableTargets: folded.problems)
    }
}
