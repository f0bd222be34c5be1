import Domain
import Placement
import State
import Views

// How dear is each worker of a pool?
//
// For whoever ranks pods: what it holds, and what its node's snapshots are worth to it. Ready and draining workers alike.

package struct WorkerLoadView: Hashable, Sendable {
    package var namespace: String
    package var name: String
    /// Actors on it, and slots reserved on it.
    package var used: Int
    /// Its share of the bytes that its node's snapshots save, halved for each quarter of an hour unused.
    package var snapshotBytes: Int64

    package init(namespace: String, name: String, used: Int, snapshotBytes: Int64) {
        self.namespace = namespace
        self.name = name
        self.used = used
        self.snapshotBytes = snapshotBytes
    }
}

extension ControlLoop {
    /// In no order; none where there is no pool of that name.
    package func workerLoads(pool: String) async -> [WorkerLoadView] {
        await query { [scheduler] core in core.workerLoads(poolNamed: pool, at: scheduler.now) }
    }
}

extension State {
    /// - Parameter reserved: slots of a worker that are reserved besides.
    func workerLoads(
        poolNamed pool: String, names: some NameReading & NameFinding, at now: LogTime, reserved: (Int) -> Int
    ) -> [WorkerLoadView] {
        guard let index = find(pool: pool, names: names) else { return [] }
        let members = pools[index].members
        var perNode: [NameID: Int64] = [:]
        for member in members { perNode[workers[member].node, default: 0] += 1 }
        let shares = perNode.reduce(into: [NameID: Int64]()) {
            $0[$1.key] = placer.snapshots.valueBytes(on: $1.key, at: now) / max(1, $1.value)
        }
        let namespace = Self.split(pools[index].text).namespace
        return members.map { member in
            let worker = workers[member]
            return WorkerLoadView(
                namespace: namespace, name: names.text(of: worker.name), used: worker.used + reserved(member),
                snapshotBytes: shares[worker.node] ?? 0)
        }
    }
}
