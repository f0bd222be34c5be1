package import Autoscaling
package import Domain

// What does the loop report while it runs?
//
// Called on the loop's scheduler; must return at once. What a metrics backend makes of it is not the loop's business.

package protocol LoopObserving: Sendable {
    func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double)
    /// A decision is on its way to the log; `reason` is the code of the step that limits it, or of the last that had a say.
    func decided(pool: String, direction: Decision.Direction, reason: String)
    /// The same of a shadow, which nothing follows.
    func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String)
    /// The loop drew conclusions from a commit that was stamped so many seconds ago.
    func concluded(secondsSinceCommit: Double, events: Int)
    /// The log couldn't be read; the loop tries again.
    func couldNotRead(_ problem: String)
    func couldNotSaveCheckpoint(_ problem: String)
    /// An event of the log was passed over, as it can't be folded; told once a run, wherever the event lies.
    func couldNotFold(_ position: Position, why: String)
    func placed(pool: String, tier: RestoreTier, waitedSeconds: Double)
    func workerStarted(pool: String, seconds: Double)
    func workerGone(pool: String, _ end: WorkerEnd)
    /// An actor ended by itself, or with its worker.
    func actorCrashed(pool: String)
    /// A claim has its worker; after how long, where that was seen.
    func claimServed(pool: String, _ launch: ClaimLaunch, seconds: Double?)
    /// The target answered, so many seconds after the commit that the decision looked at.
    func actuated(pool: String, to: Int, reactionSeconds: Double)
    /// A call to the target failed, whether or not that is news to the log.
    func actuationFailed(pool: String, error: String, attempt: Int)
}

extension LoopObserving {
    package func workerGone(pool: String, _ end: WorkerEnd) {}
    package func actorCrashed(pool: String) {}
    package func claimServed(pool: String, _ launch: ClaimLaunch, seconds: Double?) {}
    package func couldNotFold(_ position: Position, why: String) {}
}

/// One of several observers in a row: what it doesn't take for itself goes on to the next.
package protocol LoopObserverLink: LoopObserving {
    var next: any LoopObserving { get }
}

extension LoopObserverLink {
    package func decided(pool: String, direction: Decision.Direction, reason: String) {
        next.decided(pool: pool, direction: direction, reason: reason)
    }
    package func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String) {
        next.decided(shadow: shadow, of: pool, direction: direction, reason: reason)
    }
    package func concluded(secondsSinceCommit: Double, events: Int) {
        next.concluded(secondsSinceCommit: secondsSinceCommit, events: events)
    }
    package func couldNotFold(_ position: Position, why: String) { next.couldNotFold(position, why: why) }
    package func couldNotRead(_ problem: String) { next.couldNotRead(problem) }
    package func couldNotSaveCheckpoint(_ problem: String) { next.couldNotSaveCheckpoint(problem) }
    package func placed(pool: String, tier: RestoreTier, waitedSeconds: Double) {
        next.placed(pool: pool, tier: tier, waitedSeconds: waitedSeconds)
    }
    package func claimServed(pool: String, _ launch: ClaimLaunch, seconds: Double?) {
        next.claimServed(pool: pool, launch, seconds: seconds)
    }
    package func workerStarted(pool: String, seconds: Double) { next.workerStarted(pool: pool, seconds: seconds) }
    package func workerGone(pool: String, _ end: WorkerEnd) { next.workerGone(pool: pool, end) }
    package func actorCrashed(pool: String) { next.actorCrashed(pool: pool) }
    package func actuated(pool: String, to: Int, reactionSeconds: Double) {
        next.actuated(pool: pool, to: to, reactionSeconds: reactionSeconds)
    }
    package func actuationFailed(pool: String, error: String, attempt: Int) {
        next.actuationFailed(pool: pool, error: error, attempt: attempt)
    }
}

package struct SilentObserver: LoopObserving {
    package init() {}
    package func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double) {}
    package func decided(pool: String, direction: Decision.Direction, reason: String) {}
    package func decided(shadow: String, of pool: String, direction: Decision.Direction, reason: String) {}
    package func concluded(secondsSinceCommit: Double, events: Int) {}
    package func couldNotRead(_ problem: String) {}
    package func couldNotSaveCheckpoint(_ problem: String) {}
    package func placed(pool: String, tier: RestoreTier, waitedSeconds: Double) {}
    package func workerStarted(pool: String, seconds: Double) {}
    package func actuated(pool: String, to: Int, reactionSeconds: Double) {}
    package func actuationFailed(pool: String, error: String, attempt: Int) {}
}

/// The loop's own bounds.
package struct LoopLimits: Sendable {
    /// Events folded between two checkpoints, or twice the actors where that is more. Opening after a crash folds that many again:
    /// half a second. Writing one takes the time of some ten thousand events, beside the loop.
    package var checkpointEvents: Int64 = 250_000
    /// After an append failed, how long until the loop draws its conclusions anew.
    package var retryMicroseconds: Int64 = 1_000_000
    /// Callers that wait for a placement or a fold, at most.
    package var waitingCallers = 10_000
    /// Those who watch pools, at most.
    package var poolWatchers = 10_000

    package init() {}
}
