package import ControlLoop
package import Domain
import Synchronization

// Whom has the log placed?
//
// Stands beside the loop's observer and hears each commit as it is folded. The names of actors that were placed go to whoever asked for
// them, on the loop's scheduler; nobody asked, nothing is looked at.

package final class PlacementNews: LoopObserverLink {
    package typealias Placed = @Sendable (_ actors: [String]) -> Void

    package let next: any LoopObserving
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
}
