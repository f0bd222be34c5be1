package import ControlLoop
package import Domain
import Synchronization

// What keeps the log informed of all pools of the cluster?
//
// One watch a namespace for pods and one a kind and namespace for targets, however many pools there are: each is a connection to
// the API server. Which pools there are is told by `follow`; a pool that is told no more has its workers followed to their end.
// Beside them the pods' deletion costs are kept (`DeletionCosts`), and pods are asked whether they are busy (`BusyPods`).
//
// The actor guards which watches run. `follow` is to be called by one caller at a time, `stop` last.

/// What watches share.
struct WatchOptions: Sendable {
    /// Of the backoff's jitter.
    var seed: UInt64
    /// Unlike that of any earlier run on the same log.
    var run: String
    /// Hears what failed, each time.
    var trouble: ListWatch.Trouble
}

package actor ClusterWatches {
    /// Returns once the events are in the log, or throws.
    package typealias Append = @Sendable (EventBatch) async throws -> Void

    /// What the log says of a pool.
    package struct Standing: Sendable {
        /// Names of workers that it holds for alive.
        package var workers: [String]
        /// What it says is wrong with the target.
        package var problem: TargetProblem?
        /// It says that a rolling update of the target goes on.
        package var isUpdating: Bool

        package init(workers: [String] = [], problem: TargetProblem? = nil, isUpdating: Bool = false) {
            self.workers = workers
            self.problem = problem
            self.isUpdating = isUpdating
        }
    }

    package typealias Standings = @Sendable (_ pool: String) async -> Standing
    package typealias ClaimStandings = @Sendable (_ pool: String) async -> ClaimStanding
    package typealias Loads = @Sendable (_ pool: String) async -> [WorkerLoadView]

    private struct KindKey: Hashable {
        var namespace: String
        var apiVersion: String
        var kind: String
    }

    private struct Followed {
        var pool: ActuatedPool
        var telling: PoolTelling
    }

    private struct Namespace {
        var workers: NamespaceWorkers
        var task: Task<Void, Never>
    }

    private struct Claims {
        var claims: NamespaceClaims
        var task: Task<Void, Never>
    }

    private struct Kind {
        var pools: [TargetsWatch.Pool]
        var task: Task<Void, Never>
    }

    private let client: KubernetesClient
    private let targets: TargetReader
    private let actuator: ScaleActuator
    private let nodes: NodeCache
    private let options: WatchOptions
    private let append: Append
    private let finding: @Sendable (ScaleFinding) -> Void
    private let standing: Standings
    private let claimStanding: ClaimStandings
    private let costs: DeletionCosts
    private let observed: @Sendable (_ pool: ActuatedPool, _ specReplicas: Int) async -> Void

    private var followed: [String: Followed] = [:]
    private var namespaces: [String: Namespace] = [:]
    /// Of pools of unclaimed workers, by namespace.
    private var claimSpaces: [String: Claims] = [:]
    private var kinds: [KindKey: Kind] = [:]
    private var costing: Task<Void, Never>?
    private let busy: BusyPods?
    private var asking: Task<Void, Never>?

    init(
        client: KubernetesClient, targets: TargetReader, actuator: ScaleActuator, options: WatchOptions, append: @escaping Append,
        finding: @escaping @Sendable (ScaleFinding) -> Void, standing: @escaping Standings,
        claimStanding: @escaping ClaimStandings, loads: @escaping Loads,
        observed: @escaping @Sendable (_ pool: ActuatedPool, _ specReplicas: Int) async -> Void
    ) {
        self.client = client
        self.targets = targets
        self.actuator = actuator
        nodes = NodeCache(client, trouble: options.trouble)
        self.options = options
        self.append = append
        self.finding = finding
        self.standing = standing
        self.claimStanding = claimStanding
        self.observed = observed
        costs = DeletionCosts(client: client, loads: loads, trouble: options.trouble)
        busy = actuator.busyPods
    }

    /// Follows these pools from here on, and the workers of all that were followed before to their end.
    ///
    /// - Parameter leftOver: workers that were pods, by the log, of pools that no policy asks for.
    package func follow(_ pools: [ActuatedPool], leftOver: [String: [String]] = [:]) async {
        let wanted = Dictionary(pools.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (name, workers) in leftOver.sorted(by: { $0.key < $1.key }) where wanted[name] == nil {
            let pool = ActuatedPool(
                name: name, target: .init(apiVersion: "", kind: "", name: ""), slotsPerWorker: 1, drainTimeoutSeconds: 0)
            await namespace(of: pool).followToTheEnd(pool, telling(pool, Standing()), known: workers)
        }
        for (name, known) in followed where wanted[name] == nil {
            followed[name] = nil
            await followToTheEnd(known)
        }
        for (name, pool) in wanted.sorted(by: { $0.key < $1.key }) where followed[name]?.pool != pool {
            let known = followed[name]
            let isOther = known.map { $0.pool.isUnclaimed != pool.isUnclaimed } ?? false
            if isOther, let known { await followToTheEnd(known) }
            let standing = if known == nil { await self.standing(name) } else { Standing() }
            let telling = known?.telling ?? self.telling(pool, standing)
            followed[name] = Followed(pool: pool, telling: telling)
            if pool.isUnclaimed {
                await claims(of: pool).follow(pool, telling, known: isOther ? ClaimStanding() : await claimStanding(name))
            } else {
                await namespace(of: pool).follow(pool, telling, known: standing.workers)
            }
        }
        await watchKinds()
        for (name, namespace) in namespaces where await namespace.workers.isIdle() {
            namespaces[name] = nil
            namespace.task.cancel()
            await namespace.task.value
        }
        for (name, space) in claimSpaces where await space.claims.isIdle {
            claimSpaces[name] = nil
            space.task.cancel()
            await space.task.value
        }
        if costing == nil { costing = Task { await self.keepCosts() } }
        if asking == nil, let busy {
            await busy.begin(run: options.run, append: append, trouble: options.trouble)
            asking = Task { await self.keepProbing(busy) }
        }
    }

    /// Ends every watch.
    package func stop() async {
        costing?.cancel()
        asking?.cancel()
        for kind in kinds.values { kind.task.cancel() }
        for namespace in namespaces.values { namespace.task.cancel() }
        for space in claimSpaces.values { space.task.cancel() }
        await costing?.value
        await asking?.value
        for kind in kinds.values { await kind.task.value }
        for namespace in namespaces.values { await namespace.task.value }
        for space in claimSpaces.values { await space.task.value }
        claimSpaces = [:]
        (kinds, namespaces, followed, costing, asking) = ([:], [:], [:], nil, nil)
    }

    private func telling(_ pool: ActuatedPool, _ standing: Standing) -> PoolTelling {
        let (observed, name) = (observed, pool.name)
        return PoolTelling(
            name, run: options.run, loggedProblem: standing.problem, isUpdateLogged: standing.isUpdating, append: append,
            observed: { [weak self] replicas in if let pool = await self?.followed[name]?.pool { await observed(pool, replicas) } })
    }

    private func namespace(of pool: ActuatedPool) -> NamespaceWorkers {
        let name = targets.namespace(of: pool)
        if let known = namespaces[name] { return known.workers }
        let workers = NamespaceWorkers(
            name,
            .init(
                client: client, owners: actuator.owners, nested: actuator.nested, nodes: nodes, options: options, append: append,
                finding: finding,
                holdsActor: actuator.holdsActor))
        namespaces[name] = Namespace(workers: workers, task: Task { await workers.run() })
        return workers
    }

    /// A sandbox' worker has its pod's name: what claims hold is followed by its pods.
    private func followToTheEnd(_ known: Followed) async {
        guard known.pool.isUnclaimed else { return await namespace(of: known.pool).followToTheEnd(known.pool, known.telling) }
        await claims(of: known.pool).unfollow(known.pool.name)
        let left = await standing(known.pool.name).workers
        await namespace(of: known.pool).followToTheEnd(known.pool, known.telling, known: left)
    }

    private func claims(of pool: ActuatedPool) -> NamespaceClaims {
        let name = targets.namespace(of: pool)
        if let known = claimSpaces[name] { return known.claims }
        let claims = NamespaceClaims(
            name, .init(client: client, discovery: targets.discovery, options: options, append: append))
        claimSpaces[name] = Claims(claims: claims, task: Task { await claims.run() })
        return claims
    }

    /// A watch whose pools changed begins anew: its list tells each of them how its target is.
    private func watchKinds() async {
        var wanted: [KindKey: [TargetsWatch.Pool]] = [:]
        for (_, known) in followed.sorted(by: { $0.key < $1.key }) {
            let target = known.pool.target
            let key = KindKey(namespace: targets.namespace(of: known.pool), apiVersion: target.apiVersion, kind: target.kind)
            wanted[key, default: []].append(.init(pool: known.pool, telling: known.telling))
        }
        for (key, kind) in kinds where wanted[key] != kind.pools {
            kinds[key] = nil
            kind.task.cancel()
            await kind.task.value
        }
        for (key, pools) in wanted where kinds[key] == nil {
            let watch = TargetsWatch(targets: targets, see: seer(of: pools[0].pool), options: options, pools: pools)
            kinds[key] = Kind(pools: pools, task: Task { await watch.run() })
        }
    }

    /// Until its task is cancelled. No request outlives it.
    private func keepProbing(_ busy: BusyPods) async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                var workers: [BusyPods.Worker] = []
                for (_, namespace) in namespaces.sorted(by: { $0.key < $1.key }) { workers += await namespace.workers.probedWorkers() }
                await busy.note(workers)
                for worker in await busy.due() { group.addTask { await busy.probeDue(worker) } }
                try? await client.clock.sleep(BusyPods.looksEvery)
            }
            group.cancelAll()
        }
    }

    /// Who hears of the targets of the pool's kind and namespace.
    private func seer(of pool: ActuatedPool) -> TargetsWatch.See {
        if pool.isUnclaimed {
            let claims = claims(of: pool)
            return { target, name, _ in await claims.see(target, of: name) }
        }
        let workers = namespace(of: pool)
        return { target, name, missing in await workers.see(target, of: name, missing: missing) }
    }

    private func keepCosts() async {
        while !Task.isCancelled {
            var left = DeletionCosts.writesPerLook
            for (name, namespace) in namespaces.sorted(by: { $0.key < $1.key }) where left > 0 {
                left -= await costs.look(namespace.workers, in: name, atMost: left)
            }
            try? await client.clock.sleep(DeletionCosts.looksEvery)
        }
    }
}
