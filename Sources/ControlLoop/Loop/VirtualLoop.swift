package import Autoscaling
package import Domain
package import EventLog
package import State

// What does the loop do, without a clock and without waiting?
//
// The same `LoopCore` on virtual time, moved by hand. Over a log that is being made, it appends its conclusions, and the caller
// moves time on. Over recorded commits, one by one, it draws every conclusion and appends none: what it concluded back then comes
// with the later commits. All work is done inside the calls, on the caller's thread.
//
// Over a log that is being made, targets may follow: calls go out through the port that is handed in, and the port answers when
// it likes. Whoever lets go of the loop ends it as a crash does: nothing of it acts any more, and what it promised is forgotten.

package final class VirtualLoop {
    package let scheduler: VirtualScheduler
    private let core: LoopCore
    private let actuations: Actuations?
    private let log: EventLog

    /// Over a log that is written inline with this loop's time for a clock.
    ///
    /// - Parameters:
    ///   - targets: where calls to targets go; nil where nothing follows what is decided.
    ///   - fence: of those calls.
    package init(
        making log: EventLog, scheduler: VirtualScheduler, targets: (any ActuatorPort)? = nil, fence: Fence = Fence(1),
        observer: any LoopObserving = SilentObserver(),
        limits: LoopLimits = LoopLimits(), actuation: ActuationLimits = ActuationLimits()
    ) {
        self.log = log
        self.scheduler = scheduler
        core = LoopCore(log: log, scheduler: scheduler, observer: observer, limits: limits)
        actuations = targets.map { [core] in
            core.follow(through: $0, fence: fence, run: "\(fence.number)-\(log.head.seq)", limits: actuation)
        }
        let core = core
        log.onCommit { [scheduler, weak core] _ in scheduler.perform { [weak core] in core?.catchUp() } }
        scheduler.perform { core.goLive() }
        scheduler.runUntilIdle()
    }

    /// Over commits that are handed to `take`, beginning with the one after `state`'s position. `log` is asked for names and
    /// for snapshots alone.
    package init(recordedIn log: EventLog, from state: State = State(), observer: any LoopObserving = SilentObserver()) {
        self.log = log
        scheduler = VirtualScheduler(now: state.at)
        var limits = LoopLimits()
        limits.checkpointEvents = .max
        core = LoopCore(log: log, state: state, scheduler: scheduler, observer: observer, limits: limits) { _, _ in }
        actuations = nil
        core.act()
    }

    package var state: State { core.state }

    /// Until the loop writes its next checkpoint, beside its other work.
    package var eventsUntilCheckpoint: Int64 { core.eventsUntilCheckpoint }

    /// Returns once the checkpoint that is being written, if any, is there.
    package func waitForCheckpoint() { core.waitForCheckpoint() }

    /// Moves time to a recorded commit and draws the conclusions from it.
    package func take(_ batch: CommittedBatch) {
        scheduler.advance(to: batch.at)
        core.take(batch)
    }

    /// Logs a policy. Only over a log that is being made.
    package func apply(_ policy: Policy) {
        var batch = EventBatch()
        batch.append(
            .policyApplied, source: Outputs.source, id: "policy-\(policy.pool)-\(scheduler.now.microseconds)", subject: policy.pool,
            pool: policy.pool,
            body: ControlLoop.body(of: policy))
        log.append(batch) { _ in }
        scheduler.runUntilIdle()
    }
}
