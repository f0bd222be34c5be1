import Domain
import Autoscaling
import ControlLoop
import Synchronization

// How dear should a worker's pod be to whoever lowers the count?
//
// A ReplicaSet ends the pods with the lowest `controller.kubernetes.io/pod-deletion-cost` first, and without one the youngest, whoever is
// on them. HPA, KEDA and `kubectl scale` know no more. So every worker's pod says what it is worth, in every mode: busy ones
// most, idle ones below pods that nobody ranks, the less their node's snapshots are worth the lower. Values move in steps, so that a pod is
// written only where its rank changes. Marks of a removal stay as they are (`PodMarking`).
//
//     -2000 being removed · -1000 drained and idle · -900…-100 idle, by snapshots · 0 unranked · 1000… busy, by actors

enum DeletionCost {
    static let busy = 1_000
    /// Actors that make a difference, at most.
    private static let actorsLimit = 100
    private static let idleLowest = -900
    private static let idleHighest = -100
    /// From no snapshots to those of a tebibyte: a step for each doubling.
    private static let snapshotSteps = 40

    /// A StatefulSet ends its highest ordinal, and a SandboxWarmPool what isn't ready and then the youngest, whatever pods cost.
    static func isRanked(_ target: ScaleTarget) -> Bool { !target.endsHighestOrdinal && target.kind != ScaleTarget.warmPoolKind }

    /// nil where it stays as it is.
    static func wanted(_ pod: PodView, used: Int, snapshotBytes: Int64) -> String? {
        if pod.isRemoving { return nil }
        let cost: Int
        if used > 0 {
            cost = busy + min(used, actorsLimit)
        } else if pod.drainingReason != nil {
            // Its mark says so, once it is there.
            guard pod.isMarked else { return nil }
            return Mark.drainingCost == pod.deletionCost ? nil : Mark.drainingCost
        } else {
            // In mebibytes, doubled so often.
            let mebibytes = max(0, snapshotBytes) >> 20
            let doublings = Int.bitWidth - mebibytes.leadingZeroBitCount
            cost = idleLowest + (idleHighest - idleLowest) * min(doublings, snapshotSteps) / snapshotSteps
        }
        return "\(cost)" == pod.deletionCost ? nil : "\(cost)"
    }

    /// What to write. A cost that somebody else gave is kept aside once, and comes back when a mark is taken off.
    static func patch(_ pod: PodView, to cost: String) -> JSONValue {
        var annotations: [String: JSONValue] = [Mark.deletionCost: .string(cost), Mark.ownCost: .string(cost)]
        if let given = pod.deletionCost, given != pod.ownCost, !pod.isMarked { annotations[Mark.previousDeletionCost] = .string(given) }
        return [
            "metadata": [
                "uid": .string(pod.uid), "resourceVersion": .string(pod.resourceVersion), "annotations": .object(annotations),
            ]
        ]
    }
}

/// Keeps the costs of all pools' pods as they should be, at a bounded pace.
struct DeletionCosts: Sendable {
    /// Between two looks.
    static let looksEvery = Duration.milliseconds(500)
    /// Pods written in one look, at most: 40 a second. Those that became busy go first.
    static let writesPerLook = 20
    static let writesAtOnce = 4
    /// A pod whose writing was refused, while others have their turn.
    static let refusedWaits = Duration.seconds(5)

    typealias Loads = @Sendable (_ pool: String) async -> [WorkerLoadView]

    let client: KubernetesClient
    let loads: Loads
    let trouble: ListWatch.Trouble
    private let refused = Refused()

    init(client: KubernetesClient, loads: @escaping Loads, trouble: @escaping ListWatch.Trouble) {
        self.client = client
        self.loads = loads
        self.trouble = trouble
    }

    /// Until when pods wait; at most as many as were written in that time.
    private final class Refused: Sendable {
        private let until = Mutex<[String: Duration]>([:])
        func add(_ pod: String, until time: Duration) { until.withLock { $0[pod] = time } }
        func current(at now: Duration) -> Set<String> {
            until.withLock { until in
                until = until.filter { $0.value > now }
                return Set(until.keys)
            }
        }
    }

    private struct Write: Sendable {
        var namespace: String
        var pod: String
        var cost: String
        var patch: JSONValue
    }

    /// One look at the workers of a namespace; how many pods were to be written.
    func look(_ workers: NamespaceWorkers, in namespace: String, atMost limit: Int) async -> Int {
        let ranked = await workers.rankedWorkers()
        guard !ranked.isEmpty else { return 0 }
        var loaded: [String: WorkerLoadView] = [:]
        for pool in Set(ranked.map(\.pool)) {
            for load in await loads(pool) { loaded[PodWorker.pod(load.name, in: namespace)] = load }
        }
        let waiting = refused.current(at: client.clock.now())
        var writes: [(order: Int, write: Write)] = []
        for worker in ranked where !waiting.contains("\(namespace)/\(worker.pod)") {
            // One that the log doesn't know yet holds nothing that we know of.
            guard let load = loaded[worker.pod],
                let cost = DeletionCost.wanted(worker.view, used: load.used, snapshotBytes: load.snapshotBytes)
            else { continue }
            writes.append(
                (
                    load.used > 0 ? 0 : 1,
                    Write(namespace: namespace, pod: worker.pod, cost: cost, patch: DeletionCost.patch(worker.view, to: cost))
                ))
        }
        let due = writes.sorted { $0.order < $1.order }.prefix(limit).map(\.write)
        await withTaskGroup(of: Void.self) { group in
            for (k, write) in due.enumerated() {
                if k >= Self.writesAtOnce { await group.next() }
                group.addTask { await self.carryOut(write, workers) }
            }
        }
        return due.count
    }

    private func carryOut(_ write: Write, _ workers: NamespaceWorkers) async {
        do throws(KubernetesError) {
            let written = try await client.patch(.pods, namespace: write.namespace, name: write.pod, write.patch)
            await workers.wrote(written)
        } catch {
            // Whatever changed the pod is on its way by the watch, and it is looked at again.
            if error.isConflict || error.isNotFound { return }
            // Else those that may not be written would have all of the pace, and no other pod any.
            if let code = error.status?.code, (400..<500).contains(code) {
                refused.add("\(write.namespace)/\(write.pod)", until: client.clock.now() + Self.refusedWaits)
            }
            trouble("pod \(write.namespace)/\(write.pod) can't be ranked for removal: \(error)")
        }
    }
}
