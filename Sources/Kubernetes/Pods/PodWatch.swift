import ControlLoop
public import Domain

// Which workers does a pool have, by its pods?
//
// Follows the pods that the target's `/scale` selects and appends what `PodEvents` makes of their changes. What is known of a
// pod moves on only once its events are in the log; a failed append is made good by listing anew. Ids follow from the pod's
// uid and version, so what a restart says again is in the log once.

public struct PodWatch: Sendable {
    public typealias Append = @Sendable (EventBatch) async throws -> Void

    /// Events appended at one time, at most.
    static let eventsPerAppend = 5_000
    public static let source = "/greenroom/kubernetes/pods"

    let client: KubernetesClient
    let targets: TargetReader
    let pool: ActuatedPool
    let options: WatchOptions
    let append: Append
    /// Workers of this pool that the log holds for alive and that were pods of an earlier run's: those without a pod are gone.
    let known: @Sendable () async -> [String]

    /// Runs until its task is cancelled.
    public func run() async {
        guard let (namespace, selector) = await selector() else { return }
        let follower = PodFollower(self, nodes: NodeCache(client, trouble: options.trouble))
        let watch = ListWatch(client, .pods, namespace: namespace, selection: .init(labels: selector), seed: options.seed, trouble: options.trouble)
        await watch.run { delivery in try await follower.take(delivery) }
    }

    /// The target's own selector, once it has one; nil where the task was cancelled.
    private func selector() async -> (namespace: String, selector: String)? {
        var backoff = Backoff(first: ListWatch.firstBackoff, longest: ListWatch.longestBackoff, seed: options.seed &+ 1)
        while !Task.isCancelled {
            do throws(KubernetesError) {
                let target = try await targets.target(of: pool)
                let scale = try await targets.scale(of: target)
                if !scale.selector.isEmpty { return (target.namespace, scale.selector) }
                options.trouble("\(target.description) has no status.selector in its /scale yet, so its pods can't be told")
            } catch { options.trouble("\(error)") }
            try? await client.clock.sleep(backoff.next())
        }
        return nil
    }
}

/// What watches of one pool share.
public struct WatchOptions: Sendable {
    /// Of the backoff's jitter.
    public var seed: UInt64
    /// Unlike that of any earlier run on the same log.
    public var run: String
    /// Hears what failed, each time.
    public var trouble: ListWatch.Trouble

    public init(seed: UInt64, run: String, trouble: @escaping ListWatch.Trouble) {
        self.seed = seed
        self.run = run
        self.trouble = trouble
    }
}

/// What is known of the pods; guarded by the actor. Deliveries come one at a time.
actor PodFollower {
    private let watch: PodWatch
    private let nodes: NodeCache
    private var records: [String: PodRecord] = [:]
    private var isFirst = true

    init(_ watch: PodWatch, nodes: NodeCache) {
        self.watch = watch
        self.nodes = nodes
    }

    func take(_ delivery: WatchDelivery) async throws {
        switch delivery {
        case .replaced(let pods): try await replace(pods)
        case .changed(let pod): try await apply([(pod.name, await view(pod), "\(pod.uid)-\(pod.resourceVersion)")])
        case .deleted(let pod): try await apply([(pod.name, nil, "\(pod.uid)-\(pod.resourceVersion)")])
        }
    }

    private typealias Change = (name: String, view: PodView?, id: String)

    private func replace(_ pods: [KubernetesObject]) async throws {
        var changes: [Change] = []
        for pod in pods { changes.append((pod.name, await view(pod), "\(pod.uid)-\(pod.resourceVersion)")) }
        let present = Set(pods.map(\.name))
        for (name, record) in records.sorted(by: { $0.key < $1.key }) where !present.contains(name) {
            changes.append((name, nil, "\(record.view.uid)-\(record.view.resourceVersion)-missing"))
        }
        if isFirst { try await sayMissing(except: present) }
        try await apply(changes)
        isFirst = false
    }

    private func sayMissing(except present: Set<String>) async throws {
        var batch = EventBatch()
        for worker in await watch.known().sorted() where !present.contains(worker) {
            add(.gone(reason: "its pod is gone"), worker, id: "\(worker)-\(watch.options.run)", zone: nil, to: &batch)
        }
        if !batch.isEmpty { try await watch.append(batch) }
    }

    private func apply(_ changes: [Change]) async throws {
        var rest = changes[...]
        while !rest.isEmpty {
            // At most three events a change.
            let now = rest.prefix(PodWatch.eventsPerAppend / 3)
            rest = rest.dropFirst(now.count)
            try await commit(Array(now))
        }
    }

    private func commit(_ changes: [Change]) async throws {
        var batch = EventBatch()
        var after: [(String, PodRecord?)] = []
        for change in changes {
            let (record, events) = PodEvents.change(from: records[change.name], to: change.view)
            for event in events { add(event, change.name, id: change.id, zone: await zone(event), to: &batch) }
            after.append((change.name, record))
        }
        if !batch.isEmpty { try await watch.append(batch) }
        for (name, record) in after { records[name] = record }
    }

    /// With what the node says: a pod that stopped being ready may have lost it.
    private func view(_ pod: KubernetesObject) async -> PodView {
        var view = PodView(pod)
        guard let before = records[view.name], before.isAnnounced, !view.isReady, !view.isOver, let node = view.node else { return view }
        if await nodes.node(node, fresh: true).isLost { view.isNodeLost = true }
        return view
    }

    private func zone(_ event: WorkerEvent) async -> String? {
        guard case .ready(let node, _, _) = event else { return nil }
        return await nodes.node(node).zone
    }

    private func add(_ event: WorkerEvent, _ worker: String, id: String, zone: String?, to batch: inout EventBatch) {
        var body = JSONWriter()
        body.openObject()
        switch event {
        case .ready(let node, let ip, let slots):
            body.member("node", node)
            body.member("slots", slots ?? watch.pool.slotsPerWorker)
            if let zone { body.member("zone", zone) }
            if let ip { body.member("ip", ip) }
            body.closeObject()
            batch.append(.workerReady, source: PodWatch.source, id: "\(id)-ready", subject: worker, pool: watch.pool.name, body: body.bytes)
        case .draining(let reason):
            body.member("reason", reason)
            body.closeObject()
            batch.append(.workerDraining, source: PodWatch.source, id: "\(id)-draining", subject: worker, body: body.bytes)
        case .gone(let reason):
            body.member("reason", reason)
            body.closeObject()
            batch.append(.workerGone, source: PodWatch.source, id: "\(id)-gone", subject: worker, body: body.bytes)
        }
    }
}
