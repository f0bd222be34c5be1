package import Domain
package import State
import Basics
import Placement

// What is on each node?
//
// Its workers with their slots, and what its cache is taken to hold. A node is there while one of its workers is.

package struct NodeView: Codable, Hashable, Sendable {
    package var node: String
    package var zone: String?
    /// Of its workers, by name.
    package var pools: [String]
    package var workers: Int
    /// Ready, with every slot free.
    package var free: Int
    package var draining: Int
    package var slots: Int
    package var used: Int
    /// What its cache holds, by the log.
    package var snapshots: Int
    package var snapshotBytes: Int64
    package var capacityBytes: Int64
    /// The latest sign of life of its workers; nil where none has a lease, and in a past state.
    package var lastSeenSeconds: Double?
}

extension State {
    /// By name.
    package func nodeViews(names: some NameReading, at now: LogTime, lastSeen: (Int) -> LogTime? = { _ in nil }) -> [NodeView] {
        var views: [NameID: NodeView] = [:]
        for index in workers.indices where workers[index].state != .gone && !workers[index].node.isNone {
            let worker = workers[index]
            var view = views[worker.node] ?? nodeView(worker.node)
            if view.zone == nil, !worker.zone.isNone { view.zone = labels.text(of: worker.zone) }
            let pool = pools[Int(worker.pool)].text
            if !view.pools.contains(pool) { view.pools.append(pool) }
            view.workers += 1
            if worker.state == .draining { view.draining += 1 } else if worker.used == 0 { view.free += 1 }
            view.slots = view.slots.addingClamped(worker.slots)
            view.used = view.used.addingClamped(worker.used)
            if let seen = lastSeen(index) {
                let seconds = max(0, now.seconds(since: seen))
                view.lastSeenSeconds = min(view.lastSeenSeconds ?? seconds, seconds)
            }
            views[worker.node] = view
        }
        return views.values.map { view in
            var view = view
            view.pools.sort()
            return view
        }.sorted { $0.node < $1.node }
    }

    private func nodeView(_ node: NameID) -> NodeView {
        NodeView(
            node: labels.text(of: node), pools: [], workers: 0, free: 0, draining: 0, slots: 0, used: 0,
            snapshots: placer.snapshots.snapshots(on: node), snapshotBytes: placer.snapshots.usedBytes(on: node),
            capacityBytes: placer.snapshots.capacityBytes(of: node))
    }
}
