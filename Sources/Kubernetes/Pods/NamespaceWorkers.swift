import ControlLoop
import Domain

// Which workers do the pools of one namespace have, by its pods?
//
// One watch of the namespace's pods serves all its pools. A pod is the worker of the pool whose target owns it (`OwnerChains`,
// `PodMembership`). Where several policies name one target, its pods are workers of the one that scales it. A worker that is another
// pool's by now, or nobody's, drains first and leaves once it is empty: its pod runs on, and so does what is on it.
//
// What `PodEvents` makes of a pod's changes goes to the log. What is known of the pod moves on only once that is there, and
// a failed append is made good by a new list. A worker is followed to its end, also when its pool's policy was taken away or got another
// target. So is one of an earlier run, which only the log knows. Ids follow from the pod's uid and version, so what a restart
// says again is in the log once.
//
// The actor guards the state; one delivery, or one look at all pods, is finished before the next begins.

actor NamespaceWorkers {
    static let source = "/greenroom/kubernetes/pods"
    /// Events appended at one time, at most.
    static let eventsPerAppend = 5_000
    /// How long a target may have replicas and none of the pods be its, before that is told.
    static let blindFor = Duration.seconds(3)
    static let retryAfter = Duration.seconds(2)
    /// The same where only the count that it shall have says that it should have pods: they may just not be made yet.
    static let unmadeFor = Duration.seconds(15)
    /// From when on a worker that is to leave its pool is asked about: what was promised to it has been logged by then.
    static let leavesAfter = Duration.milliseconds(500)

    struct Parts: Sendable {
        var client: KubernetesClient
        var owners: OwnerChains
        var nested: NestedTargets
        var nodes: NodeCache
        var options: WatchOptions
        var append: ClusterWatches.Append
        var finding: @Sendable (ScaleFinding) -> Void
        /// Whether the log knows of an actor on the worker of that name, `NAMESPACE/POD`.
        var holdsActor: @Sendable (String) async -> Bool
    }

    /// What a pool's target is, as its watch saw it.
    struct Target: Hashable, Sendable {
        var uid: String
        var description: String
        /// Its own.
        var owners: [OwnerReference]
        var membership: PodMembership
        /// Those that it says it has.
        var replicas: Int
        /// Those that it shall have; its status may lag behind, or never be written.
        var wanted: Int
        /// agent-substrate's. Its pods are workers from when they have an IP. A change of its template throws off whoever is on them, and
        /// nothing can put that off: its count is held meanwhile.
        var isWorkerPool = false

        /// Whether some pods must be its. Where owners are known to tell, none means that none was made yet.
        func hasPods(unknownOwner: String?) -> Bool { replicas > 0 || (wanted > 0 && (unknownOwner != nil || !membership.isToldByOwners)) }
    }

    private struct Pool {
        var pool: ActuatedPool
        let telling: PoolTelling
        /// A policy asks for it; else its workers are only followed to their end.
        var isFollowed = true
        var target: Target?
        /// The target's name where it was found not to be there.
        var missing: String?
        /// Why its target is left to another policy.
        var nesting: TargetProblem?
        /// Workers that the log holds for alive, and that weren't looked for yet.
        var known: [String] = []
        /// Since when there are replicas and no pods.
        var blindSince: Duration?
        /// Why a pod's owners can't be told, where that may matter to it.
        var unknownOwner: String?
        /// The revision of a rolling update that was told.
        var toldRevision: String?
        /// Old pods were seen beside new ones, and the new ones aren't all ready yet.
        var isUpdating = false
    }

    /// The pool whose worker a pod is.
    private struct Home: Hashable {
        var pool: String
        /// The target that owned it; nil for one known from the log alone.
        var target: String?
        /// The target of its pool is another one by now, or there is none.
        var isKept = false
    }

    private struct Pod {
        var view: PodView
        var labels: [String: String]
        var owners: [OwnerReference]
        /// nil where it is nobody's worker.
        var home: Home?
        /// The followed target that owns it, whoever's worker it is.
        var owner: String?
        /// It drains to leave its home: why, and since when.
        var leaving: (why: String, since: Duration)?
        var record: PodRecord?
        /// Of the last events told of it in this run.
        var toldID: String?
        /// Who owns it is asked again.
        var isOwnerUnknown = false
        /// It drains because its pool's target isn't its own.
        var isForeign = false
        /// Another for each time that it was announced.
        var life = 0

        var revision: String? { labels["pod-template-hash"] ?? labels["controller-revision-hash"] }
    }

    private struct Targeted {
        var pool: String
        var target: Target
        var isScaled: Bool
    }

    private let namespace: String
    private let parts: Parts
    private let alarm: Alarm
    private var lock = SerialLock()
    private var pools: [String: Pool] = [:]
    /// Those with a target of their own, in order of name; nil where it must be made anew.
    private var targeted: [Targeted]? { didSet { if targeted == nil { targetings &+= 1 } } }
    /// Rises whenever it must be.
    private var targetings: UInt64 = 0
    private var pods: [String: Pod] = [:]
    private var hasListed = false
    private var looks = 0
    private var announcements = 0
    /// When owners that couldn't be read are read again.
    private var readsOwnersAt: Duration?

    init(_ namespace: String, _ parts: Parts) {
        self.namespace = namespace
        self.parts = parts
        alarm = Alarm(parts.client.clock)
    }

    // MARK: - Which pools

    /// A policy asks for the pool. `known`: its workers by the log.
    func follow(_ pool: ActuatedPool, _ telling: PoolTelling, known: [String]) {
        let before = pools[pool.name]
        var entry = Pool(pool: pool, telling: telling)
        if let before {
            entry.known = before.known
            if before.pool.target == pool.target, before.isFollowed { (entry.target, entry.missing) = (before.target, before.missing) }
            (entry.toldRevision, entry.isUpdating) = (before.toldRevision, before.isUpdating)
            if before.pool.slotsPerWorker != pool.slotsPerWorker { announceAgain(pool.name) }
        }
        entry.known += known
        pools[pool.name] = entry
        noteTargets()
    }

    /// No policy asks for it any more, or none did in this run: its workers are followed to their end.
    func followToTheEnd(_ pool: ActuatedPool, _ telling: PoolTelling, known: [String] = []) {
        var entry = pools[pool.name] ?? Pool(pool: pool, telling: telling)
        entry.isFollowed = false
        (entry.target, entry.missing, entry.nesting) = (nil, nil, nil)
        entry.blindSince = nil
        entry.known += known
        pools[pool.name] = entry
        noteTargets()
    }

    /// What the watch of targets saw; nil where it can't be read.
    ///
    /// - Parameter missing: the target's name where there is no such object.
    func see(_ target: Target?, of pool: String, missing: String? = nil) {
        guard let entry = pools[pool], entry.isFollowed, entry.target != target || entry.missing != missing else { return }
        pools[pool]?.target = target
        pools[pool]?.missing = missing
        noteTargets()
    }

    private func noteTargets() {
        let scaled = pools.filter { $0.value.isFollowed && $0.value.pool.isScaled }.compactMapValues { $0.target }
        parts.nested.note(scaled.mapValues { .init(uid: $0.uid, description: $0.description) }, in: namespace)
        targeted = nil
        alarm.ring()
    }

    /// Whether there is nothing left to follow.
    func isIdle() -> Bool {
        forgetEnded()
        return pools.isEmpty
    }

    // MARK: - Running

    /// Runs until its task is cancelled.
    func run() async {
        let watch = ListWatch(
            parts.client, .pods, namespace: namespace, seed: parts.options.seed ^ ByteSeed.of(namespace), trouble: parts.options.trouble,
            failed: { error in await self.cannotRead(error) })
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await watch.run { delivery in try await self.take(delivery) } }
            group.addTask { await self.lookAgain() }
        }
        alarm.cancel()
    }

    /// Pods that may not be listed can't be told.
    private func cannotRead(_ error: KubernetesError) async {
        guard error.isForbidden else { return }
        for (_, entry) in pools.sorted(by: { $0.key < $1.key }) where entry.isFollowed {
            do { try await entry.telling.note(pods: TargetProblem(reason: TargetProblem.podsNotFound, text: "\(error)")) } catch {
                parts.options.trouble("\(error)")
            }
        }
    }

    private func enter() async {
        if lock.takeIfFree() { return }
        await withCheckedContinuation { lock.wait($0) }
    }

    private func take(_ delivery: WatchDelivery) async throws {
        await enter()
        defer { lock.leave() }
        switch delivery {
        case .replaced(let listed): try await replace(listed)
        case .changed(let pod): try await apply([Change(pod)])
        case .deleted(let pod): try await apply([Change(deleted: pod.name, id: "\(pod.uid)-\(pod.resourceVersion)")])
        }
        try await tellCounts()
    }

    /// Pools, targets and owners change without any pod's doing so.
    private func lookAgain() async {
        for await _ in alarm.rings {
            if Task.isCancelled { return }
            do {
                try await look()
            } catch {
                parts.options.trouble("\(error)")
                alarm.ring(at: parts.client.clock.now() + Self.retryAfter)
            }
        }
    }

    private func look() async throws {
        await enter()
        defer { lock.leave() }
        guard hasListed else { return }
        if let due = readsOwnersAt, due <= parts.client.clock.now() { readsOwnersAt = nil }
        try await findKnown()
        try await apply(pods.sorted { $0.key < $1.key }.map { Change(again: $0.key, $0.value.view) })
        try await tellCounts()
        forgetEnded()
    }

    // MARK: - Changes

    private struct Change {
        var name: String
        /// nil where the pod is gone, or only its home may have changed.
        var object: KubernetesObject?
        var id: String
        var isGone = false

        init(_ object: KubernetesObject) {
            name = object.name
            self.object = object
            id = "\(object.uid)-\(object.resourceVersion)"
        }

        init(deleted name: String, id: String) {
            self.name = name
            self.id = id
            isGone = true
        }

        init(again name: String, _ view: PodView) {
            self.name = name
            id = "\(view.uid)-\(view.resourceVersion)"
        }
    }

    private func replace(_ listed: [KubernetesObject]) async throws {
        var changes = listed.map { Change($0) }
        let present = Set(listed.map(\.name))
        for (name, pod) in pods.sorted(by: { $0.key < $1.key }) where !present.contains(name) {
            changes.append(Change(deleted: name, id: "\(pod.view.uid)-\(pod.view.resourceVersion)-missing"))
        }
        try await apply(changes)
        hasListed = true
        try await findKnown()
        alarm.ring()
    }

    private func apply(_ changes: [Change]) async throws {
        var rest = changes[...]
        while !rest.isEmpty {
            // A change tells at most an end and what three steps of a new pod tell.
            let now = rest.prefix(Self.eventsPerAppend / 4)
            rest = rest.dropFirst(now.count)
            try await commit(Array(now))
        }
    }

    private func commit(_ changes: [Change]) async throws {
        var batch = EventBatch()
        var after: [(String, Pod?)] = []
        for change in changes {
            let before = pods[change.name]
            guard var pod = await next(change, before) else {
                if change.isGone { after.append((change.name, nil)) }
                tell(PodEvents.change(from: before?.record, to: nil).events, before, change, id: change.id, to: &batch)
                continue
            }
            let id = id(of: change, before)
            let count = batch.count
            // A worker that moves ends in one pool before it begins in the other.
            var record = before?.record
            if let old = before, old.home?.pool != pod.home?.pool {
                tell(PodEvents.leaving(old.record), old, change, id: id, to: &batch)
                record = nil
            } else if before?.home?.target == nil, before?.home?.isKept == true, pod.home?.isKept == false {
                // Known from the log alone so far: it says itself who it is.
                record = record.map { PodRecord(view: $0.view) }
            }
            if pod.home != nil {
                let (next, events) = PodEvents.change(from: record, to: pod.view)
                pod.record = next
                pod.life = before?.life ?? 0
                if next?.isAnnounced == true, record?.isAnnounced != true {
                    announcements += 1
                    pod.life = announcements
                }
                for event in events { await tell(event, pod, change.name, id: id, to: &batch) }
                tellFailedStart(pod, before, change.name, to: &batch)
            } else {
                pod.record = nil
            }
            pod.toldID = batch.count > count ? change.id : before?.toldID
            after.append((change.name, pod))
        }
        if !batch.isEmpty { try await parts.append(batch) }
        for (name, pod) in after { pods[name] = pod }
    }

    /// What is known of the pod from here on; nil where it is gone.
    private func next(_ change: Change, _ before: Pod?) async -> Pod? {
        guard !change.isGone else { return nil }
        var pod: Pod
        if let object = change.object {
            pod = Pod(
                view: PodView(object), labels: object.labels, owners: object.owners, home: before?.home, record: before?.record,
                toldID: before?.toldID)
            if let before, before.record?.isAnnounced == true, before.view.uid == pod.view.uid, !pod.view.isReady, !pod.view.isOver,
                let node = pod.view.node
            {
                // One that stopped being ready may have lost its node.
                if await parts.nodes.node(node, fresh: true).isLost { pod.view.isNodeLost = true }
            }
            // It is lost until it is ready again.
            if let before, before.view.uid == pod.view.uid, before.view.isNodeLost, !pod.view.isReady { pod.view.isNodeLost = true }
            if before?.view.uid == pod.view.uid { (pod.owner, pod.leaving) = (before?.owner, before?.leaving) } else { pod.home = nil }
        } else {
            guard let before else { return nil }
            pod = before
            if pod.isForeign { pod.view.drainingReason = nil }
            pod.isForeign = false
        }
        let mayHaveMoved = change.object != nil && (before?.labels != pod.labels || before?.owners != pod.owners)
        let home = await home(of: &pod, change.name, fresh: mayHaveMoved && before != nil)
        // Another pod of the name is another worker, also in the same pool.
        pod.home = home
        pod.view.isRegistered = await isRegistered(pod, before)
        if let home, home.isKept, pod.view.drainingReason == nil, let why = pod.leaving?.why ?? foreignness(to: home.pool) {
            pod.view.drainingReason = why
            pod.isForeign = true
        }
        return pod
    }

    /// agent-substrate hands out a pod from when it has an IP, ready or not. One whose containers fail is left out: nothing would run there.
    private func isRegistered(_ pod: Pod, _ before: Pod?) async -> Bool {
        guard let home = pod.home, pod.view.isLive, pod.view.startProblem == nil, pod.view.ip?.isEmpty == false,
            let node = pod.view.node, pools[home.pool]?.target?.isWorkerPool ?? before?.view.isRegistered ?? false
        else { return false }
        return pod.view.isReady ? true : await !parts.nodes.node(node).isLost
    }

    /// Why a worker that is no pod of its pool's target drains; nil where nobody knows that target.
    private func foreignness(to pool: String) -> String? {
        guard let entry = pools[pool], entry.isFollowed else { return nil }
        if let target = entry.target { return "its pod doesn't belong to \(target.description)" }
        return entry.missing.map { "\($0), its pool's target, doesn't exist" }
    }

    /// What was told at this version already is told under another id where it is so again. So is what pools and targets make of a worker, in
    /// whatever run: it may have been so before.
    private func id(of change: Change, _ before: Pod?) -> String {
        guard before?.toldID == change.id || (change.object == nil && before?.home != nil) else { return change.id }
        looks += 1
        return "\(change.id)-\(parts.options.run)-\(looks)"
    }

    // MARK: - Whose it is

    /// Which pools have targets, but for those whose target is left to another policy.
    private func targets() async -> [Targeted] {
        if let targeted { return targeted }
        let number = targetings
        var found: [Targeted] = []
        for (name, entry) in pools.sorted(by: { $0.key < $1.key }) where entry.isFollowed {
            guard let target = entry.target else {
                pools[name]?.nesting = nil
                continue
            }
            let nesting = await parts.nested.problem(of: name, target.description, owners: target.owners, in: namespace)
            pools[name]?.nesting = nesting
            if nesting == nil { found.append(Targeted(pool: name, target: target, isScaled: entry.pool.isScaled)) }
        }
        // They may have changed meanwhile: then it is made again with the next look.
        if number == targetings { targeted = found }
        return found
    }

    private func home(of pod: inout Pod, _ name: String, fresh: Bool) async -> Home? {
        pod.isOwnerUnknown = false
        let targets = await targets()
        // Of a worker it is asked too where its target doesn't want it any more.
        let askable = targets.filter {
            $0.target.membership.asksOwners && $0.target.membership.mayOwn(pod.labels)
                && (pod.home != nil || $0.target.membership.isWanted(pod.labels))
        }
        if !askable.isEmpty, !pod.owners.isEmpty {
            let uids = Set(targets.map(\.target.uid))
            switch await parts.owners.owner(of: pod.owners, in: namespace, among: uids, fresh: fresh) {
            case .owned(let uid):
                let named = targets.filter { $0.target.uid == uid && $0.target.membership.asksOwners }
                // Another target's, whatever labels fit.
                if !named.isEmpty { return await home(of: &pod, name, among: named) }
            case .unknown(let why):
                pod.isOwnerUnknown = true
                for entry in askable where entry.target.membership.isWanted(pod.labels) { pools[entry.pool]?.unknownOwner = why }
                return pod.home
            case .notOwned: break
            }
        }
        let chosen = targets.filter { !$0.target.membership.asksOwners && $0.target.membership.allows(pod.labels) }
        return await home(of: &pod, name, among: chosen)
    }

    /// Its home among the pools whose target is known to own it. One that scales comes before those that only look; then the one where it is.
    private func home(of pod: inout Pod, _ name: String, among owners: [Targeted]) async -> Home? {
        let wanting = owners.filter { $0.target.membership.isWanted(pod.labels) }
        let scaling = wanting.filter(\.isScaled)
        let fit = scaling.isEmpty ? wanting : scaling
        guard let best = fit.first(where: { $0.pool == pod.home?.pool }) ?? fit.first else {
            pod.owner = nil
            return await left(&pod, name, isOwned: !owners.isEmpty)
        }
        pod.owner = best.target.uid
        let home = Home(pool: best.pool, target: best.target.uid)
        guard let before = pod.home, before.pool != best.pool, pools[before.pool] != nil else {
            pod.leaving = nil
            return home
        }
        return await mayLeave(&pod, name, why: "its pod is a worker of \(best.pool) now") ? home : kept(before)
    }

    /// It is no target's: a worker stays one to its end where its target went, and leaves where it left its target.
    private func left(_ pod: inout Pod, _ name: String, isOwned: Bool) async -> Home? {
        guard let home = pod.home, let entry = pools[home.pool] else { return nil }
        guard entry.isFollowed, let target = entry.target, home.target == target.uid else {
            pod.leaving = nil
            return kept(home)
        }
        let why =
            isOwned ? "its pod doesn't fit spec.workerSelector of the policy" : "its pod doesn't belong to \(target.description) any more"
        return await mayLeave(&pod, name, why: why) ? nil : kept(home)
    }

    private func kept(_ home: Home) -> Home { Home(pool: home.pool, target: home.target, isKept: true) }

    /// Whether a worker that is to leave its pool may: it drains, by the log, and holds nothing.
    private func mayLeave(_ pod: inout Pod, _ name: String, why: String) async -> Bool {
        let now = parts.client.clock.now()
        let since = pod.leaving?.since ?? now
        pod.leaving = (why, since)
        let isAnnounced = pod.record?.isAnnounced ?? false
        guard !isAnnounced || (pod.record?.isDraining == true && now >= since + Self.leavesAfter) else { return false }
        guard await !parts.holdsActor(PodWorker.name(name, in: namespace)) else { return false }
        pod.leaving = nil
        return true
    }

    /// Workers of the log that this run hasn't seen: those without a pod are gone, the others are followed.
    private func findKnown() async throws {
        for (name, entry) in pools.sorted(by: { $0.key < $1.key }) where !entry.known.isEmpty {
            var batch = EventBatch()
            for worker in Set(entry.known).sorted() {
                let podName = PodWorker.pod(worker, in: namespace)
                if let pod = pods[podName] {
                    // One that is another pool's by now is still this one's in the log.
                    guard pod.home?.pool != name else { continue }
                    pods[podName]?.home = Home(pool: name, target: nil, isKept: true)
                    pods[podName]?.record = PodRecord(view: pod.view, isAnnounced: true)
                    // Its events so far were told to nobody, for it had no home.
                    pods[podName]?.toldID = nil
                } else {
                    Self.add(
                        .gone(reason: "its pod is gone"), worker, nil, id: "\(worker)-\(parts.options.run)", zone: nil, entry.pool,
                        to: &batch)
                }
            }
            if !batch.isEmpty { try await parts.append(batch) }
            pools[name]?.known = []
        }
    }

    private func announceAgain(_ pool: String) {
        for (name, pod) in pods where pod.home?.pool == pool { pods[name]?.record?.isAnnounced = false }
    }

    private func forgetEnded() {
        let alive = Set(pods.values.compactMap { $0.home?.pool })
        for (name, entry) in pools where !entry.isFollowed && entry.known.isEmpty && !alive.contains(name) {
            pools[name] = nil
            targeted = nil
        }
    }

    // MARK: - What is told

    private func tell(_ events: [WorkerEvent], _ pod: Pod?, _ change: Change, id: String, to batch: inout EventBatch) {
        guard let pod, let home = pod.home, let entry = pools[home.pool] else { return }
        for event in events {
            Self.add(event, PodWorker.name(change.name, in: namespace), pod.view.uid, id: id, zone: nil, entry.pool, to: &batch)
        }
    }

    private func tell(_ event: WorkerEvent, _ pod: Pod, _ name: String, id: String, to batch: inout EventBatch) async {
        guard let home = pod.home, let entry = pools[home.pool] else { return }
        // The end of a pod that was replaced under its name is told with the new one's change.
        let uid = if case .gone = event, let old = pods[name], old.home?.pool == home.pool { old.view.uid } else { pod.view.uid }
        let zone = if case .ready(let node, _, _) = event { await parts.nodes.node(node).zone } else { String?.none }
        Self.add(event, PodWorker.name(name, in: namespace), uid, id: id, zone: zone, entry.pool, to: &batch)
    }

    /// A pod that never was ready says why it won't be, or ends: once each.
    private func tellFailedStart(_ pod: Pod, _ before: Pod?, _ name: String, to batch: inout EventBatch) {
        guard let home = pod.home, !home.isKept, pools[home.pool] != nil, before?.record?.isAnnounced != true,
            pod.record?.isAnnounced == false
        else { return }
        let old = before?.view.uid == pod.view.uid && before?.home?.pool == home.pool ? before?.view : nil
        let (problem, word): (String, String)
        if pod.view.phase == .failed {
            guard old?.phase != .failed, old?.startProblem == nil else { return }
            (problem, word) = (pod.view.reason.isEmpty ? "its pod failed" : "its pod failed: \(pod.view.reason)", "failed")
        } else {
            guard let why = pod.view.startProblem ?? pod.view.unschedulable, old?.startProblem == nil else { return }
            if pod.view.startProblem == nil, old?.unschedulable != nil { return }
            (problem, word) = (why, pod.view.startProblem == nil ? "unscheduled" : "waiting")
        }
        batch.appendFailedStart(
            of: PodWorker.name(name, in: namespace), in: home.pool, problem: problem, attempt: 1, hasEnded: word == "failed",
            source: Self.source, id: "\(pod.view.uid)-start-\(word)")
    }

    private static func add(
        _ event: WorkerEvent, _ worker: String, _ uid: String?, id: String, zone: String?, _ pool: ActuatedPool, to batch: inout EventBatch
    ) {
        var body = JSONWriter()
        body.openObject()
        switch event {
        case .ready(let node, let ip, let slots):
            body.member("node", node)
            body.member("slots", slots ?? pool.slotsPerWorker)
            if let zone { body.member("zone", zone) }
            if let ip { body.member("ip", ip) }
        case .draining(let reason), .gone(let reason): body.member("reason", reason)
        }
        if let uid, !uid.isEmpty { body.member("uid", uid) }
        body.closeObject()
        switch event {
        case .ready: batch.append(.workerReady, source: source, id: "\(id)-ready", subject: worker, pool: pool.name, body: body.bytes)
        case .draining: batch.append(.workerDraining, source: source, id: "\(id)-draining", subject: worker, body: body.bytes)
        case .gone: batch.append(.workerGone, source: source, id: "\(id)-gone", subject: worker, body: body.bytes)
        }
    }

    /// How many pods each pool has, and whether there should be some and are none.
    private func tellCounts() async throws {
        guard hasListed else { return }
        var tallies: [String: Tally] = [:]
        let sharers = Dictionary(grouping: await targets(), by: \.target.uid)
        for pod in pods.values {
            // A target's pods are those of each policy that names it.
            for sharer in pod.owner.flatMap({ sharers[$0] }) ?? [] where sharer.target.membership.isWanted(pod.labels) {
                tallies[sharer.pool, default: Tally()].count(pod.view, pod.revision)
            }
        }
        let now = parts.client.clock.now()
        var wakeAt = pods.values.compactMap { $0.leaving?.since }.max().map { since in
            now < since + Self.leavesAfter ? since + Self.leavesAfter : now + Self.retryAfter
        }
        // Pods that a target lacks may have been adopted, without a change of theirs.
        let lacksPods = pools.contains { name, entry in
            entry.isFollowed
                && (entry.target.map { $0.membership.asksOwners && max($0.replicas, $0.wanted) > tallies[name]?.pods ?? 0 } ?? false)
        }
        if lacksPods || pods.values.contains(where: \.isOwnerUnknown) {
            let due = readsOwnersAt ?? parts.client.clock.now() + OwnerChains.problemKeptFor
            readsOwnersAt = due
            wakeAt = min(wakeAt ?? due, due)
        }
        for (name, entry) in pools.sorted(by: { $0.key < $1.key }) where entry.isFollowed {
            let count = tallies[name] ?? Tally()
            try await entry.telling.note(readyPods: count.ready, updating: noteRollout(name, entry, count))
            if let nesting = entry.nesting {
                try await entry.telling.note(pods: nesting)
                continue
            }
            guard let target = entry.target, target.hasPods(unknownOwner: entry.unknownOwner), count.pods == 0 else {
                pools[name]?.blindSince = nil
                pools[name]?.unknownOwner = nil
                if let target = entry.target { try await entry.telling.note(pods: Self.failing(target, count, in: namespace)) }
                continue
            }
            let since = entry.blindSince ?? now
            pools[name]?.blindSince = since
            let due = since + (target.replicas > 0 || entry.unknownOwner != nil ? Self.blindFor : Self.unmadeFor)
            if now >= due {
                try await entry.telling.note(pods: Self.blindness(target, entry.unknownOwner, in: namespace))
            } else {
                wakeAt = min(wakeAt ?? due, due)
            }
        }
        if let wakeAt { alarm.ring(at: wakeAt) }
    }

    /// A Deployment's or StatefulSet's pods carry their revision; two at once are a rolling update, which ends the older ones.
    ///
    /// - Returns: workers that it has to make yet, of a target whose count is held through it. nil where that isn't known, as not all of
    ///   its pods are counted yet.
    private func noteRollout(_ pool: String, _ entry: Pool, _ count: Tally) -> Int? {
        guard let target = entry.target else { return nil }
        let newest = count.newest.flatMap { count.byRevision[$0.revision] }
        let live = count.byRevision.values.reduce(0) { $0 + $1.live }
        let old = live - (newest?.live ?? 0)
        if old == 0 { pools[pool]?.toldRevision = nil }
        if old > 0, entry.toldRevision == nil {
            pools[pool]?.toldRevision = count.newest?.revision
            parts.finding(
                .rollingUpdate(pool: pool, target: target.description, old: old, pods: live, isHeldThrough: target.isWorkerPool))
        }
        guard target.isWorkerPool else { return nil }
        guard old > 0 || entry.isUpdating else { return live < target.wanted ? nil : 0 }
        let left = max(old, target.wanted - (newest?.ready ?? 0))
        pools[pool]?.isUpdating = left > 0
        return left
    }

    /// What a pool's own pods come to.
    private struct Tally {
        var pods = 0
        var ready = 0
        /// Those that don't get ready, and why.
        var failing: [(name: String, why: String)] = []
        var byRevision: [String: (live: Int, ready: Int)] = [:]
        var newest: Age?

        mutating func count(_ pod: PodView, _ revision: String?) {
            guard !pod.isOver else { return }
            pods += 1
            guard !pod.isBeingDeleted else { return }
            if pod.isUsable { ready += 1 } else if let why = pod.startProblem { failing.append((pod.name, why)) }
            guard let revision else { return }
            byRevision[revision, default: (0, 0)].live += 1
            if pod.isUsable { byRevision[revision]?.ready += 1 }
            let age = Age(createdAt: pod.createdAt, isUnready: pod.isUsable ? 0 : 1, revision: revision)
            if newest.map({ $0 < age }) ?? true { newest = age }
        }

        /// Of two pods made in the same second, as a server's times are, the one that isn't ready yet is the newer one; of two alike the same
        /// at every look.
        struct Age: Comparable {
            var createdAt: String
            var isUnready: Int
            var revision: String

            static func < (a: Age, b: Age) -> Bool {
                (a.createdAt, a.isUnready, a.revision) < (b.createdAt, b.isUnready, b.revision)
            }
        }
    }

    /// So many of a pool's pods failing at once are a trouble of the pool, whatever the others do.
    private static let failingPods = 3

    /// What keeps a pool's pods from getting ready, where none is or several fail.
    private static func failing(_ target: Target, _ count: Tally, in namespace: String) -> TargetProblem? {
        guard let first = count.failing.min(by: { $0.name < $1.name }), count.ready == 0 || count.failing.count >= failingPods else {
            return nil
        }
        return TargetProblem(
            reason: TargetProblem.workersFailing,
            text:
                "\(count.failing.count) of \(count.pods) pods of \(target.description) don't get ready; \(first.name): \(first.why); see kubectl describe pod -n \(namespace) \(first.name)"
        )
    }

    private static func blindness(_ target: Target, _ unknownOwner: String?, in namespace: String) -> TargetProblem {
        let what =
            "\(target.description) has \(max(target.replicas, target.wanted)) replicas, and no pod of namespace \(namespace) is known to be its"
        if let unknownOwner { return TargetProblem(reason: TargetProblem.podsNotFound, text: "\(what): \(unknownOwner)") }
        return TargetProblem(reason: TargetProblem.podsNotFound, text: "\(what): \(target.membership.adviceWhereBlind(in: namespace))")
    }

    // MARK: - For those who write on pods

    struct Worker: Sendable {
        var pool: String
        var pod: String
        var view: PodView
    }

    /// Pods that are workers now and ranked by their cost.
    func rankedWorkers() -> [Worker] {
        pods.sorted { $0.key < $1.key }.compactMap { name, pod in
            // One that only the log knows isn't ours to write on, unless we did.
            let hasOwnCost = pod.view.ownCost != nil
            guard let home = pod.home, home.target != nil || hasOwnCost, let entry = pools[home.pool] else { return nil }
            guard DeletionCost.isRanked(entry.pool.target) || (home.isKept && hasOwnCost), pod.view.isLive else { return nil }
            var view = pod.view
            // Whoever lowers the target that it came from looks at its cost as before: no mark of ours on the pod stands for it.
            if pod.isForeign { view.drainingReason = nil }
            return Worker(pool: home.pool, pod: name, view: view)
        }
    }

    /// Pods that are workers now and are asked whether they are busy.
    func probedWorkers() -> [BusyPods.Worker] {
        guard pools.values.contains(where: { $0.isFollowed && $0.pool.busy != nil }) else { return [] }
        return pods.compactMap { name, pod in
            guard let home = pod.home, let entry = pools[home.pool], entry.isFollowed, let check = entry.pool.busy, pod.view.mayRun,
                pod.record?.isAnnounced == true
            else { return nil }
            return BusyPods.Worker(
                name: PodWorker.name(name, in: namespace), view: pod.view, check: check,
                slots: pod.view.slots ?? entry.pool.slotsPerWorker,
                isDraining: pod.view.drainingReason != nil || pod.record?.isDraining == true, life: pod.life)
        }
    }

    /// A write of ours was answered: until the watch shows it, that is how the pod is.
    func wrote(_ object: KubernetesObject) {
        guard let pod = pods[object.name], pod.view.uid == object.uid else { return }
        let written = PodView(object)
        pods[object.name]?.view.deletionCost = written.deletionCost
        pods[object.name]?.view.ownCost = written.ownCost
        pods[object.name]?.view.resourceVersion = written.resourceVersion
    }
}
