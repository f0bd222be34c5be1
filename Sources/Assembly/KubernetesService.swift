import Autoscaling
import ControlLoop
import Views
import Domain
import EventLog
import Kubernetes
import Logging
import ServiceLifecycle
import State

// Which pools are watched in the cluster, and from when to when?
//
// Every pool whose policy names a target other than processes. Whenever the policies in effect are others, a pool that came is
// followed, and one that went has its workers followed to their end. So are workers of an earlier run whose pool has no policy any more: those
// that were pods, as the log tells. What is seen goes to the log, and is seen again where that takes it not. Beside them policies that are
// objects are watched. All connections are closed at the end. Left out: which instance acts (`ElectedService`).

struct KubernetesService: Service {
    /// Of workers of one pool that the log holds for alive.
    private static let knownWorkers = 100_000
    /// Events of one worker looked through for where it came from.
    private static let historyEvents = 64

    let targets: KubernetesTargets
    let loop: ControlLoop
    let log: EventLog
    let objects: PolicyObjects

    func run() async throws {
        await cancelWhenGracefulShutdown {
            async let following: Void = objects.run()
            await supervise()
            await following
        }
        await targets.close()
    }

    private func supervise() async {
        let watches = targets.watches(
            append: { [log] batch in _ = try await log.append(batch) },
            standing: { [loop] pool in
                let status = await loop.policyStatus(pool)
                return ClusterWatches.Standing(
                    workers: await loop.workers(pool: pool, after: nil, limit: Self.knownWorkers).map(\.name),
                    problem: status?.targetProblem, isUpdating: status?.isUpdating ?? false)
            },
            claims: { pool in await claims(of: pool) }, loads: { [loop] pool in await loop.workerLoads(pool: pool) })
        var leftOver: [String: [String]]?
        for await policies in loop.policyUpdates() {
            let wanted = pools(of: policies)
            let earlier = if let leftOver { leftOver } else { await orphans(besides: wanted) }
            await watches.follow(wanted, leftOver: earlier)
            leftOver = [:]
        }
        await watches.stop()
    }

    /// Those whose own policy, not a shadow's, names a target in the cluster.
    private func pools(of policies: [Policy]) -> [ActuatedPool] {
        policies.filter { $0.shadow == nil && $0.target.kind != ScaleTarget.processKind }.map { ActuatedPool($0) }
    }

    /// Who has which sandbox, by the log.
    private func claims(of pool: String) async -> ClaimStanding {
        let workers = await loop.workers(pool: pool, after: nil, limit: Self.knownWorkers)
        let actors = await loop.actors(pool: pool, status: nil, after: nil, limit: Self.knownWorkers)
        return ClaimStanding(
            actors: actors.compactMap { actor in standing(of: actor).map { .init(name: actor.id, uid: claimUID(actor), state: $0) } },
            workers: workers.map {
                .init(name: $0.name, uid: $0.uid, isDraining: [WorkerStatus.draining, .claimed].map(\.rawValue).contains($0.status))
            })
    }

    private func standing(of actor: ActorView) -> ClaimStanding.Actor.State? {
        switch actor.status {
        case ActorState.waiting.statusName: .waiting
        case ActorState.placed.statusName, ActorState.running.statusName, ActorState.idle.statusName:
            .running(on: actor.worker ?? "")
        case ActorState.suspended.statusName, ActorState.paused.statusName: .resting
        case ActorState.crashed.statusName: .crashed
        default: nil
        }
    }

    /// As the last event of it says that tells one.
    private func claimUID(_ actor: ActorView) -> String? {
        for name in ["\(actor.namespace)/\(actor.id)", actor.id] {
            guard let id = log.names.find(name), let history = try? log.history(of: id, limit: Self.historyEvents) else { continue }
            for batch in history.reversed() {
                // A sandbox that was made for a claim has its name: what is said of the worker isn't the claim's.
                for event in batch.events.reversed()
                where !event.kind.isAboutWorker && log.names.text(of: event.source) == KubernetesTargets.claimSource {
                    if let uid = batch.withBody(of: event, { body in body["uid"].flatMap { body.text($0) } }) { return uid }
                }
            }
        }
        return nil
    }

    /// Workers by pool that no policy of a cluster's asks for, and that an earlier run saw as pods.
    private func orphans(besides pools: [ActuatedPool]) async -> [String: [String]] {
        let followed = Set(pools.map(\.name))
        let workers = await loop.workers(pool: nil, after: nil, limit: Self.knownWorkers).filter {
            !followed.contains("\($0.namespace)/\($0.pool)")
        }
        var orphans: [String: [String]] = [:]
        for worker in workers where wasPod(worker) { orphans["\(worker.namespace)/\(worker.pool)", default: []].append(worker.name) }
        return orphans
    }

    private func wasPod(_ worker: WorkerView) -> Bool {
        let names = [worker.name, "\(worker.namespace)/\(worker.name)"]
        return names.contains { name in
            guard let id = log.names.find(name), let history = try? log.history(of: id, limit: Self.historyEvents) else { return false }
            return history.contains { batch in
                // A sandbox' worker has its pod's name.
                batch.events.contains { event in
                    event.kind == .workerReady
                        && [KubernetesTargets.podSource, KubernetesTargets.claimSource].contains(log.names.text(of: event.source))
                }
            }
        }
    }
}
