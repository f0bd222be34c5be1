import Basics
import ControlLoop
import Domain

// Which claims and sandboxes do the pools of one namespace have?
//
// One watch of SandboxClaims and one of Sandboxes serve all pools of unclaimed sandboxes of the namespace. What `ClaimBook` makes of them
// goes to the log; a delivery is done once what it led to is there. What couldn't be appended is kept, and tried again before anything
// else is looked at: no more than one delivery led to.
//
// The actor guards the book; one delivery, or one look, is finished before the next begins.

actor NamespaceClaims {
    static let retryAfter = Duration.seconds(2)

    struct Parts: Sendable {
        var client: KubernetesClient
        var discovery: ResourceDiscovery
        var options: WatchOptions
        var append: ClusterWatches.Append
    }

    private struct Pool {
        var pool: ActuatedPool
        var telling: PoolTelling
    }

    private let namespace: String
    private let parts: Parts
    private let alarm: Alarm
    private var lock = SerialLock()
    private var book: ClaimBook
    /// By name.
    private var pools: [String: Pool] = [:]
    /// Said, and not in the log yet.
    private var pending: [ClaimTelling] = []

    init(_ namespace: String, _ parts: Parts) {
        self.namespace = namespace
        self.parts = parts
        alarm = Alarm(parts.client.clock)
        book = ClaimBook(run: parts.options.run)
    }

    private var now: Duration { parts.client.clock.now() }

    // MARK: - Which pools

    /// - Parameter known: what the log has of it, where it wasn't followed before.
    func follow(_ pool: ActuatedPool, _ telling: PoolTelling, known: ClaimStanding) async {
        await enter()
        defer { lock.leave() }
        if let before = pools[pool.name], before.pool.target.name != pool.target.name { book.unfollow(pool.name) }
        pools[pool.name] = Pool(pool: pool, telling: telling)
        // Of several policies on one target the one that scales it has its claims.
        if !pool.isScaled, pools.values.contains(where: { $0.pool.target.name == pool.target.name && $0.pool.isScaled }) { return }
        book.follow(pool.name, target: pool.target.name, known: known, at: now)
        alarm.ring()
    }

    func unfollow(_ name: String) async {
        await enter()
        defer { lock.leave() }
        pools[name] = nil
        book.unfollow(name)
    }

    /// What the watch of targets saw; nil where it can't be read.
    func see(_ target: NamespaceWorkers.Target?, of pool: String) async {
        await enter()
        defer { lock.leave() }
        guard let entry = pools[pool] else { return }
        book.see(target?.wanted, target: entry.pool.target.name, at: now)
    }

    var isIdle: Bool { pools.isEmpty }

    // MARK: - Running

    /// Runs until its task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await self.watch("SandboxClaim", in: AgentSandbox.extensions, seed: 11) { delivery in try await self.take(claims: delivery)
                }
            }
            group.addTask {
                await self.watch("Sandbox", in: AgentSandbox.core, seed: 12) { delivery in try await self.take(sandboxes: delivery) }
            }
            group.addTask { await self.lookAgain() }
        }
        alarm.cancel()
    }

    private nonisolated func watch(_ kind: String, in group: String, seed: UInt64, _ handler: @escaping ListWatch.Handler) async {
        guard let resource = await resource(kind, in: group, seed: seed) else { return }
        let watch = ListWatch(
            parts.client, resource, namespace: namespace, seed: parts.options.seed ^ ByteSeed.of(namespace) &+ seed,
            trouble: parts.options.trouble, failed: { error in await self.cannotRead(error) })
        await watch.run(handler)
    }

    /// The newest version that is served; nil where the task was cancelled.
    private nonisolated func resource(_ kind: String, in group: String, seed: UInt64) async -> KubernetesResource? {
        var backoff = Backoff(first: ListWatch.firstBackoff, longest: ListWatch.longestBackoff, seed: parts.options.seed &+ seed)
        while !Task.isCancelled {
            for version in AgentSandbox.versions {
                do throws(KubernetesError) {
                    return try await parts.discovery.find(apiVersion: "\(group)/\(version)", kind: kind).resource
                } catch {
                    guard !error.isUnknownKind || version == AgentSandbox.versions.last else { continue }
                    parts.options.trouble("\(error)")
                    if error.isUnknownKind { await cannotRead(error) }
                    break
                }
            }
            try? await parts.client.clock.sleep(backoff.next())
        }
        return nil
    }

    /// Without claims, or sandboxes, nothing is known of the pools: their policies say so.
    private func cannotRead(_ error: KubernetesError) async {
        guard error.isForbidden || error.isUnknownKind || error.isNotFound else { return }
        for (_, entry) in pools.sorted(by: { $0.key < $1.key }) {
            do { try await entry.telling.note(pods: TargetProblem(reason: TargetProblem.podsNotFound, text: "\(error)")) } catch {
                parts.options.trouble("\(error)")
            }
        }
    }

    private func enter() async {
        if lock.takeIfFree() { return }
        await withCheckedContinuation { lock.wait($0) }
    }

    private func take(_ change: (inout ClaimBook, Duration) -> Void) async throws {
        await enter()
        defer { lock.leave() }
        try await flush()
        change(&book, now)
        try await tell()
    }

    private func take(claims delivery: WatchDelivery) async throws {
        try await take { book, now in
            switch delivery {
            case .replaced(let listed): book.take(claims: listed.map { ClaimView($0) }, at: now)
            case .changed(let object): book.take(ClaimView(object), at: now)
            case .deleted(let object): book.takeGone(claim: object.uid, at: now)
            }
        }
    }

    private func take(sandboxes delivery: WatchDelivery) async throws {
        try await take { book, now in
            switch delivery {
            case .replaced(let listed): book.take(sandboxes: listed.map { SandboxView($0) }, at: now)
            case .changed(let object): book.take(SandboxView(object), at: now)
            case .deleted(let object): book.takeGone(sandbox: object.uid, at: now)
            }
        }
    }

    /// Pools come and what is held is let go without any delivery.
    private func lookAgain() async {
        for await _ in alarm.rings {
            if Task.isCancelled { return }
            do { try await take { book, now in book.wake(at: now) } } catch {
                parts.options.trouble("\(error)")
                alarm.ring(at: now + Self.retryAfter)
            }
        }
    }

    // MARK: - What is told

    private func tell() async throws {
        pending += book.takeTellings()
        try await flush()
        if let due = book.nextWake { alarm.ring(at: due) }
        guard let stock = book.stock else { return }
        for (name, entry) in pools.sorted(by: { $0.key < $1.key }) {
            guard let count = stock[name] else { continue }
            try await entry.telling.note(readyPods: count.ready)
            try await entry.telling.note(pods: nil)
        }
    }

    private func flush() async throws {
        while !pending.isEmpty {
            var batch = EventBatch()
            let now = pending.prefix(NamespaceWorkers.eventsPerAppend)
            for telling in now { telling.append(to: &batch, in: namespace) }
            try await parts.append(batch)
            pending.removeFirst(now.count)
        }
    }
}
