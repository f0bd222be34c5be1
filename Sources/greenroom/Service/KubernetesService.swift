import Autoscaling
import ControlLoop
import Domain
import EventLog
import Kubernetes
import Logging
import ServiceLifecycle

// Which pools are watched in the cluster, and from when to when?
//
// One task a pool whose policy names a target with `/scale`. Whenever the policies in effect are others, a pool that came is watched, one that went or got another target is left first. What is seen goes to the log through `append`, which returns
// once it is durable. Beside them policies that are objects are watched. All connections are closed at the end. Left out:
// which instance acts (`ElectedService`).

struct KubernetesService: Service {
    /// Of workers of one pool that the log holds for alive at the start.
    private static let knownWorkers = 100_000

    let targets: KubernetesTargets
    let loop: ControlLoop
    let objects: PolicyObjects
    let append: @Sendable (EventBatch) async throws -> Void

    func run() async throws {
        await cancelWhenGracefulShutdown {
            async let following: Void = objects.run()
            await supervise()
            await following
        }
        await targets.close()
    }

    private func supervise() async {
        var watched: [ActuatedPool: Task<Void, Never>] = [:]
        for await policies in loop.policyUpdates() {
            let wanted = pools(of: policies)
            for (pool, task) in watched where !wanted.contains(pool) {
                task.cancel()
                await task.value
                watched[pool] = nil
            }
            for pool in wanted where watched[pool] == nil {
                let watches = targets.watches(of: pool, append: append, known: { [loop] in
                    await loop.workers(pool: pool.name, after: nil, limit: Self.knownWorkers).map(\.name)
                })
                watched[pool] = Task { await watches.run() }
            }
        }
        for task in watched.values { task.cancel() }
        for task in watched.values { await task.value }
    }

    /// Those whose own policy, not a shadow's, names a target in the cluster.
    private func pools(of policies: [Policy]) -> Set<ActuatedPool> {
        let kinds = Set(KubernetesTargets.commonKinds)
        return Set(policies.filter { $0.shadow == nil && kinds.contains($0.target.kind) }.map { ActuatedPool($0) })
    }
}
