package import Autoscaling
package import ControlLoop
package import Domain
import Synchronization

// Whom has the log placed?
//
// Stands beside the loop's observer and hears each commit as it is folded. The names of actors that were placed go to whoever asked for
// them, on the loop's scheduler; nobody asked, nothing is looked at.

package final class PlacementNews: LoopObserving {
    package typealias Placed = @Sendable (_ actors: [String]) -> Void

    private let next: any LoopObserving
    private let name: @Sendable (NameID) -> String
    private let placed = Mutex<Placed?>(nil)

    /// - Parameters:
    ///   - next: hears everything first.
    ///   - name: of a number of the log's dictionary.
    package init(beside next: any LoopObserving, name: @escaping @Sendable (NameID) -> String) {
        self.next = next
        self.name = name
    }

    /// - Parameter hear: must return at once; nil hears no more.
    package func onPlaced(_ hear: Placed?) { placed.withLock { $0 = hear } }

    package func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double) {
        next.folded(batch, superseded: superseded, lagSeconds: lagSeconds)
        guard let hear = placed.withLock({ $0 }) else { return }
        let names = batch.events.filter { $0.kind == .actorPlaced }.map { name($0.subject) }
        if !names.isEmpty { hear(names) }
    }

    // MARK: - Handed on

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
    package func workerStarted(pool: String, seconds: Double) { next.workerStarted(pool: pool, seconds: seconds) }
    package func workerGone(pool: String, _ end: WorkerEnd) { next.workerGone(pool: pool, end) }
    package func actuated(pool: String, to: Int, reactionSeconds: Double) {
        next.actuated(pool: pool, to: to, reactionSeconds: reactionSeconds)
    }
    package func actuationFailed(pool: String, error: String, attempt: Int) {
        next.actuationFailed(pool: pool, error: error, attempt: attempt)
    }
}
