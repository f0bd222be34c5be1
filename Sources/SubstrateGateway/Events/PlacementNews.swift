package import ControlLoop
package import Domain
import Synchronization

// Whom has the log placed, and which workers are gone?
//
// Stands beside the loop's observer and hears each commit as it is folded. The names go to whoever asked for them, on the loop's scheduler;
// nobody asked, nothing is looked at. With a worker, in the log, go the actors that were placed on it.

package final class PlacementNews: LoopObserverLink {
    package struct News: Sendable {
        package var placed: [(actor: String, worker: String)] = []
        package var gone: Set<String> = []

        var isEmpty: Bool { placed.isEmpty && gone.isEmpty }
    }

    package typealias Heard = @Sendable (News) -> Void

    package let next: any LoopObserving
    private let name: @Sendable (NameID) -> String
    private let heard = Mutex<Heard?>(nil)

    /// - Parameters:
    ///   - next: hears everything first.
    ///   - name: of a number of the log's dictionary.
    package init(beside next: any LoopObserving, name: @escaping @Sendable (NameID) -> String) {
        self.next = next
        self.name = name
    }

    /// - Parameter hear: must return at once; nil hears no more.
    package func onNews(_ hear: Heard?) { heard.withLock { $0 = hear } }

    package func folded(_ batch: CommittedBatch, superseded: Int, lagSeconds: Double) {
        next.folded(batch, superseded: superseded, lagSeconds: lagSeconds)
        guard let hear = heard.withLock({ $0 }) else { return }
        var news = News()
        for event in batch.events {
            if event.kind == .actorPlaced { news.placed.append((name(event.subject), name(event.worker))) }
            if event.kind == .workerGone { news.gone.insert(name(event.subject)) }
        }
        if !news.isEmpty { hear(news) }
    }
}
