import Basics
import ControlLoop
import Domain

// What do the targets of one kind in one namespace say of themselves?
//
// Which resource the kind is, the server says (`ResourceDiscovery`); one watch of it serves all pools whose targets are of it.
// It reports a kind that isn't served or has no `/scale`, a target that isn't there, and one that can't be read. It tries each again.
// A target that was deleted and created again under its name is another one. Its new uid goes at once to those who look for its pods.

struct TargetsWatch: Sendable {
    struct Pool: Hashable, Sendable {
        var pool: ActuatedPool
        var telling: PoolTelling

        static func == (a: Pool, b: Pool) -> Bool { a.pool == b.pool && a.telling === b.telling }
        func hash(into hasher: inout Hasher) { hasher.combine(pool) }
    }

    /// Hears what each target is; nil where it can't be read. `missing`: the target's name where there is no such object.
    typealias See = @Sendable (_ target: NamespaceWorkers.Target?, _ pool: String, _ missing: String?) async -> Void

    let targets: TargetReader
    let see: See
    let options: WatchOptions
    /// All of one kind and namespace; never empty.
    let pools: [Pool]

    /// Runs until its task is cancelled.
    func run() async {
        guard let target = await resolve() else { return }
        let byName = Dictionary(grouping: pools, by: \.pool.target.name)
        let watch = ListWatch(
            targets.client, target.resource, namespace: target.namespace, seed: options.seed ^ ByteSeed.of(target.description),
            trouble: options.trouble,
            failed: { error in await self.tellAll(Self.problem(error, of: target)) })
        await watch.run { delivery in
            switch delivery {
            case .replaced(let objects):
                let found = Dictionary(objects.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
                for (name, pools) in byName.sorted(by: { $0.key < $1.key }) { try await take(found[name], target, pools) }
            case .changed(let object): if let pools = byName[object.name] { try await take(object, target, pools) }
            case .deleted(let object): if let pools = byName[object.name] { try await take(nil, target, pools) }
            }
        }
    }

    /// nil where the task was cancelled.
    private func resolve() async -> KubernetesTarget? {
        guard let first = pools.first?.pool else { return nil }
        var backoff = Backoff(first: ListWatch.firstBackoff, longest: ListWatch.longestBackoff, seed: options.seed &+ 2)
        while !Task.isCancelled {
            do throws(KubernetesError) { return try await targets.target(of: first) } catch {
                options.trouble("\(error)")
                let isNoKind = error.isUnknownKind || error.status?.reason == KubernetesError.noScale
                await tellAll(TargetProblem(reason: isNoKind ? TargetProblem.notScalable : TargetProblem.unreadable, text: "\(error)"))
            }
            try? await targets.client.clock.sleep(backoff.next())
        }
        return nil
    }

    /// A server that doesn't answer is no fault of the target's.
    private static func problem(_ error: KubernetesError, of target: KubernetesTarget) -> TargetProblem? {
        error.isForbidden || error.isNotFound ? TargetProblem(reason: TargetProblem.unreadable, text: "\(error)") : nil
    }

    private func tellAll(_ problem: TargetProblem?) async {
        guard let problem else { return }
        for pool in pools {
            do { try await pool.telling.note(target: problem) } catch { options.trouble("\(error)") }
            await see(nil, pool.pool.name, nil)
        }
    }

    private func take(_ object: KubernetesObject?, _ target: KubernetesTarget, _ pools: [Pool]) async throws {
        for pool in pools {
            var target = target
            target.name = pool.pool.target.name
            guard let object else {
                options.trouble("\(target) doesn't exist: create it, or change the policy's target")
                try await pool.telling.note(
                    target: TargetProblem(
                        reason: TargetProblem.notFound,
                        text: "\(target) doesn't exist: create it, or change spec.scaleTargetRef of the policy"))
                await see(nil, pool.pool.name, target.description)
                continue
            }
            try await take(object, target, pool)
        }
    }

    private func take(_ object: KubernetesObject, _ target: KubernetesTarget, _ pool: Pool) async throws {
        // A resource of somebody else's may keep its replicas anywhere; only /scale knows where.
        var spec = target.keepsReplicasInSpec ? object["spec"]["replicas"].replicas : nil
        var status = object["status"]["replicas"].replicas ?? 0
        if spec == nil {
            do throws(KubernetesError) {
                let scale = try await targets.scale(of: target)
                (spec, status) = (scale.specReplicas, scale.statusReplicas)
            } catch {
                guard error.isForbidden || error.isNotFound else { throw error }
                try await pool.telling.note(target: TargetProblem(reason: TargetProblem.unreadable, text: "\(error)"))
            }
        }
        await see(
            NamespaceWorkers.Target(
                uid: object.uid, description: target.description, owners: object.owners,
                membership: PodMembership(target, object, selector: pool.pool.workerSelector), replicas: max(0, status),
                wanted: max(0, spec ?? 0), isWorkerPool: target.isWorkerPool),
            pool.pool.name, nil)
        guard let spec else { return }
        // A pool of unclaimed workers counts them behind the time; they are counted where they are.
        let ready = pool.pool.isUnclaimed ? nil : object.readyReplicas(of: target).map { max(0, $0) }
        try await pool.telling.note(
            specReplicas: max(0, spec), readyReplicas: ready, uid: object.uid, version: object.resourceVersion)
    }
}
