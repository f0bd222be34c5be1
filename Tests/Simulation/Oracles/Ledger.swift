import State
package import Autoscaling
package import Domain

// Who holds what, by a plain reading of the log?
//
// What `docs/` say of actors and workers, written down a second time with dictionaries, names and whole scans. It shares no
// code with the state that it is held against, so a mistake has to be made twice to be overlooked.

package struct Ledger: Sendable {
    package struct Actor: Sendable {
        package var state = ActorState.unknown
        package var resting = ActorState.suspended
        package var pool = ""
        package var worker: String?
        /// The position of what brought it here.
        package var seq: Position = 0
        package var since = LogTime.zero
        package var selector: [String: String] = [:]
        package var isPausedOnNode = false
        package var tenant = ""
        /// Its latest snapshot in object storage, and the position of what last told of it.
        package var external: (uri: String, seq: Position)?
        /// Its state lies on a node, until it runs again.
        package var hasPausedState = false
        /// The name of that, where it has one.
        package var pausedSnapshot: String?
        /// By when it needs a worker, where it waits and said so.
        package var deadline: LogTime?
        /// What brought it here took its request back.
        package var isWithdrawn = false
        var version: Int?

        init(state: ActorState = .unknown) { self.state = state }
    }

    package struct Worker: Sendable {
        package var pool: String
        package var slots: Int
        package var uid: String
        /// Of its life: a placement that means another one doesn't count.
        package var readySeq: Position
        /// When it said last that it is there, and the position of that.
        package var saidReady: (seq: Position, at: LogTime)
        /// What its pod says that it is at work on.
        package var tasks = 0
        /// 0 where it has no lease.
        package var ttlSeconds = 0
        package var isChosen = false
        package var drainers: Set<String> = []
        package var residents: Set<String> = []
        package var labels: [String: String] = [:]
        package func hasLabels(_ selector: [String: String]) -> Bool { selector.allSatisfy { labels[$0.key] == $0.value } }
        package var isDraining: Bool { isChosen || !drainers.isEmpty }
    }

    package struct Pool: Sendable {
        package var policy: Policy?
        package var policySeq: Position = 0
        package var policyAt = LogTime.zero
        package var pause = Pause()
        package var hasPauseOrder = false
    }

    package private(set) var actors: [String: Actor] = [:]
    package private(set) var workers: [String: Worker] = [:]
    package private(set) var pools: [String: Pool] = [:]
    package private(set) var seq: Position = 0
    package private(set) var at = LogTime.zero
    /// Whether the last event changed anything.
    package private(set) var isTaken = true

    package init() {}

    package var waiting: [String] { actors.filter { $0.value.state == .waiting }.keys.sorted() }
    package func demand(of pool: String) -> Int { actors.values.count { $0.pool == pool && ($0.state == .waiting || $0.state.isResident) } }
    /// Those of them that a worker would help: who waits for a quota waits for its tenant's own actors.
    package func needed(of pool: String) -> Int {
        var waiting: [String: Int] = [:]
        var needed = 0
        for actor in actors.values where actor.pool == pool {
            if actor.state.isResident { needed += 1 }
            guard actor.state == .waiting else { continue }
            if quota(of: actor) == nil { needed += 1 } else { waiting[actor.tenant, default: 0] += 1 }
        }
        for (tenant, count) in waiting {
            let most = pools[pool]?.policy?.quotas.first { $0.tenant == tenant }?.maxRunning ?? 0
            needed += min(count, max(0, most - running(tenant, of: pool)))
        }
        return needed
    }
    package func running(_ tenant: String, of pool: String) -> Int {
        actors.values.count { $0.pool == pool && $0.tenant == tenant && $0.state.isResident }
    }
    /// How many of its tenant may hold a slot; nil where nothing limits them.
    package func quota(of actor: Actor) -> Int? {
        guard !actor.tenant.isEmpty else { return nil }
        return pools[actor.pool]?.policy?.quotas.first { $0.tenant == actor.tenant }?.maxRunning
    }
    /// Slots that are taken: by actors, or by what its pod says where the pool's policy asks pods.
    package func used(_ worker: Worker) -> Int {
        guard pools[worker.pool]?.policy?.busy != nil else { return worker.residents.count }
        return max(worker.residents.count, min(worker.tasks, worker.slots))
    }
    /// Whose workers it may have.
    package func usablePools(of actor: Actor) -> Set<String> { Set(pools[actor.pool]?.policy?.spillTo ?? []).union([actor.pool]) }
    /// - Parameter policy: the one that an event of that id applied.
    package mutating func take(_ event: LoggedEvent, policy: (String) -> Policy?) {
        seq = event.seq
        at = event.at
        isTaken = true
        // Nobody knows whom it means.
        guard !event.subject.hasPrefix("/"), !event.worker.hasPrefix("/") else { return isTaken = false }
        switch event.kind.subject {
        case .actor: isTaken = takeActor(event)
        case .worker: isTaken = takeWorker(event)
        case .pool: takePool(event, policy)
        case .holder: takeObserved(event)
        case .node, .service: break
        }
    }

    /// What object storage says of the snapshot that an event told of; overtaken by a later one, it says nothing.
    private mutating func takeObserved(_ event: LoggedEvent) {
        guard event.string("template") == nil, let toldAt = event.integer("toldAt"), let uri = event.string("snapshot"),
            let external = actors[event.subject]?.external, external.seq == Position(toldAt)
        else { return }
        actors[event.subject]?.external = event.string("state") == "gone" ? nil : (uri, event.seq)
    }

    // MARK: - Actors

    private mutating func takeActor(_ event: LoggedEvent) -> Bool {
        let known = actors[event.subject]
        var actor = known ?? Actor()
        let version = event.integer("version")
        if let version, let last = actor.version, version <= last { return false }
        let worker = event.worker.isEmpty ? nil : workers[event.worker] == nil ? nil : event.worker
        // One that says which request it means is for this one alone, and only while it waits.
        if event.kind == .actorWithdrawn, let request = event.integer("request"),
            actor.state != .waiting || Position(request) != actor.seq
        {
            return false
        }
        let isSameWorker = event.worker.isEmpty || actor.worker == nil || worker == actor.worker
        let old = actor.state
        let holdsSlot: Set<ActorState> = [.placed, .running, .idle]
        let rests: Set<ActorState> = [.suspended, .paused, .crashed]
        let next: ActorState
        switch event.kind {
        case .actorCreated where old == .unknown || old == .deleted: next = .suspended
        case .actorRequested where rests.contains(old) || old == .unknown: next = .waiting
        case .actorWithdrawn where old == .waiting || old == .placed: next = rests.contains(actor.resting) ? actor.resting : .suspended
        case .actorPlaced where old == .waiting && mayPlace(event, actor): next = .placed
        case .actorRunning where old != .deleted && !(old == .running && isSameWorker): next = .running
        case .actorIdle where old == .running: next = .idle
        case .actorPaused where holdsSlot.contains(old) && isSameWorker: next = .paused
        case .actorSuspended where (holdsSlot.contains(old) && isSameWorker) || old == .paused: next = .suspended
        case .actorCrashed where holdsSlot.contains(old) && isSameWorker: next = .crashed
        case .actorDeleted where old != .unknown && old != .deleted: next = .deleted
        default: return false
        }
        if let version { actor.version = version }
        if event.kind.carriesPool { actor.pool = event.pool }
        if event.kind == .actorCreated { actor.tenant = event.string("tenant") ?? "" }
        switch event.kind {
        case .actorRunning: (actor.hasPausedState, actor.pausedSnapshot) = (false, nil)
        case .actorPaused: (actor.hasPausedState, actor.pausedSnapshot) = (true, event.string("snapshot"))
        case .actorSuspended:
            (actor.hasPausedState, actor.pausedSnapshot) = (false, nil)
            if let uri = event.string("snapshot") { actor.external = (uri, event.seq) }
        default: break
        }
        let keepsSlot = holdsSlot.contains(old) && holdsSlot.contains(next) && (worker == nil || worker == actor.worker)
        if holdsSlot.contains(old), !keepsSlot { leave(event.subject, &actor) }
        if holdsSlot.contains(next), !keepsSlot, let worker {
            actor.worker = worker
            if actor.pool.isEmpty { actor.pool = workers[worker]?.pool ?? "" }
            workers[worker]?.residents.insert(event.subject)
        }
        if next == .waiting {
            actor.resting = rests.contains(old) ? old : .suspended
            actor.selector = event.map("selector")
            actor.isPausedOnNode = actor.hasPausedState
        }
        actor.deadline = next == .waiting ? event.string("deadline").flatMap { LogTime(rfc3339: $0) } : nil
        actor.isWithdrawn = event.kind == .actorWithdrawn
        if old != next || event.kind == .actorRunning { actor.since = event.at }
        actor.state = next
        actor.seq = event.seq
        actors[event.subject] = actor
        if next == .deleted { actors[event.subject] = Actor(state: .deleted) }
        return true
    }

    /// It says which request it answers and which life of the worker it means.
    private func mayPlace(_ event: LoggedEvent, _ actor: Actor) -> Bool {
        guard let worker = workers[event.worker], !worker.isDraining else { return false }
        guard let life = event.integer("workerVersion") else { return true }
        return Position(life) == worker.readySeq && event.integer("request").map { Position($0) == actor.seq } ?? true
            && used(worker) < worker.slots
    }

    private mutating func leave(_ name: String, _ actor: inout Actor) {
        if let worker = actor.worker { workers[worker]?.residents.remove(name) }
        actor.worker = nil
    }

    // MARK: - Workers

    private mutating func takeWorker(_ event: LoggedEvent) -> Bool {
        let uid = event.string("uid") ?? ""
        let isOurs = event.source == "/greenroom"
        func isSame(_ worker: Worker) -> Bool { uid.isEmpty || worker.uid.isEmpty || worker.uid == uid }
        switch event.kind {
        case .workerReady:
            if let known = workers[event.subject], !isSame(known) { lose(event.subject, event) }
            guard var worker = workers[event.subject] else {
                var new = Worker(
                    pool: event.pool, slots: min(max(1, event.integer("slots") ?? 1), 65_536), uid: uid, readySeq: event.seq,
                    saidReady: (event.seq, event.at))
                new.ttlSeconds = Self.lease(event) ?? 0
                new.labels = event.map("labels")
                workers[event.subject] = new
                return true
            }
            guard worker.pool == event.pool else { return false }
            if worker.isDraining {
                // Whoever said that it drains takes it back; it is ready once all of them did.
                guard isOurs ? worker.isChosen : worker.drainers.contains(event.source) else { return false }
                if isOurs { worker.isChosen = false } else { worker.drainers.remove(event.source) }
                if !worker.isDraining { worker.readySeq = event.seq }
            }
            if !uid.isEmpty { worker.uid = uid }
            worker.saidReady = (event.seq, event.at)
            if let seconds = Self.lease(event) { worker.ttlSeconds = seconds }
            if let slots = event.integer("slots") { worker.slots = min(max(1, slots), 65_536) }
            if event.has("labels") { worker.labels = event.map("labels") }
            workers[event.subject] = worker
            return true
        case .workerDraining:
            guard let worker = workers[event.subject], isSame(worker) else { return false }
            if isOurs {
                workers[event.subject]?.isChosen = true
            } else {
                if worker.drainers.count < 8 { workers[event.subject]?.drainers.insert(event.source) }
            }
            return true
        case .workerGone:
            guard let worker = workers[event.subject], isSame(worker) else { return false }
            // Whoever found that it is silent meant what it had said by then.
            if isOurs, let asOf = event.integer("asOf"), Position(asOf) < worker.saidReady.seq { return false }
            lose(event.subject, event)
            return true
        case .workerObserved:
            guard let worker = workers[event.subject], isSame(worker) else { return false }
            workers[event.subject]?.tasks = min(max(0, event.integer("busy") ?? 0), 65_536)
            return true
        default: return false
        }
    }

    private static func lease(_ event: LoggedEvent) -> Int? { event.integer("ttlSeconds").map { min(max(0, $0), 86_400) } }

    private mutating func lose(_ name: String, _ event: LoggedEvent) {
        for actor in workers[name]?.residents ?? [] {
            actors[actor]?.worker = nil
            actors[actor]?.state = .crashed
            actors[actor]?.isWithdrawn = false
            actors[actor]?.deadline = nil
            actors[actor]?.seq = event.seq
            actors[actor]?.since = event.at
        }
        workers[name] = nil
    }

    // MARK: - Pools

    private mutating func takePool(_ event: LoggedEvent, _ policy: (String) -> Policy?) {
        switch event.kind {
        case .policyApplied:
            guard event.string("shadow") == nil else { return }
            let applied = policy(event.id)
            pools[event.pool, default: Pool()].policy = applied
            pools[event.pool, default: Pool()].policySeq = event.seq
            pools[event.pool, default: Pool()].policyAt = event.at
        case .poolPaused:
            pools[event.pool, default: Pool()].pause = Pause(
                scaleIn: event.flag("in"), scaleOut: event.flag("out"), hold: event.integer("hold"))
            pools[event.pool, default: Pool()].hasPauseOrder = true
        default: break
        }
    }
}
