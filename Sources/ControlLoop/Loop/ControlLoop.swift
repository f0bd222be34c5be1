import Domain
package import EventLog
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
    private let actuations: Actuations
    let targetClaims = TargetClaims()
    private let clockSteps = Atomic<UInt64>(0)
    let waitKeys = Atomic<UInt64>(0)
    let policyWatches = Atomic<UInt64>(0)
    /// No two runs that appended anything began at the same position, whatever their fences: ids of reports rest on it.
    private let run: String
    /// The way into the log of what callers ask for.
    let appendBatch: CommandAppend
    /// For ids that nobody else has.
    let newNumber: @Sendable () -> UInt64

    typealias CommandAppend = @Sendable (EventBatch, @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) -> Void

    package init(log: EventLog, scheduler: any LoopScheduler, configuration: Configuration) {
        self.log = log
        self.scheduler = scheduler
        self.configuration = configuration
        run = "\(configuration.fence.number)-\(log.head.seq)"
        appendBatch = { [log] batch, completion in log.append(batch, completion: completion) }
        newNumber = {
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        }
        core = LoopCore(log: log, scheduler: scheduler, observer: configuration.observer, limits: configuration.limits)
        actuations = core.follow(through: configuration.targets, fence: configuration.fence, run: run, limits: configuration.actuation)
    }

    /// Over a loop that somebody else drives, who also says how commands get into the log and which ids are new.
    init(
        driving core: LoopCore, _ actuations: Actuations, configuration: Configuration, append: @escaping CommandAppend,
        newNumber: @escaping @Sendable () -> UInt64
    ) {
        (self.core, self.actuations, self.configuration) = (core, actuations, configuration)
        (log, scheduler) = (core.log, core.scheduler)
        (appendBatch, self.newNumber) = (append, newNumber)
        run = "\(configuration.fence.number)-\(core.log.head.seq)"
    }

    /// Folds the log up to its head, so that questions are answered from there; acts on nothing.
    package func catchUp() async { await query { $0.catchUp() } }

    /// Folds the log up to its head, then begins to act. From here on it follows every commit.
    package func start() async {
        await query { $0.goLive() }
        log.onCommit { [core, scheduler] _ in scheduler.perform { core.catchUp() } }
        log.onClockStep { [weak self] step in self?.clockStepped(step) }
        // A commit between the first fold and the line above woke nobody.
        await query { $0.catchUp() }
    }

    /// Stops acting, waits a while for calls that are under way, and saves a checkpoint, so that the next start needn't fold what
    /// this one did.
    package func stop() async {
        await withCheckedContinuation { continuation in
            scheduler.perform { [core, actuations] in
                core.endWaits()
                actuations.stop { continuation.resume() }
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
