package import SubstrateGateway

// What does ateapi keep, and what does each call make of it?
//
// The states, versions and texts that the real one was seen to have: docs on the peer's page, and 61 recorded exchanges. What it does badly is
// here too. A resume that fails, is cut or takes too long leaves its actor RESUMING and its worker taken. Equal ids of two atespaces share a lock.
// A paused actor never leaves its node. A value: who calls holds the lock, and what takes time is between `begin…` and `end…`.

package struct AteapiStore: Sendable {
    package struct Fault: Error, Hashable, Sendable {
        /// gRPC's number.
        package var code: Int
        package var text: String

        package init(_ code: Int, _ text: String) {
            self.code = code
            self.text = text
        }

        static func invalid(_ text: String) -> Fault { Fault(3, text) }
        static func notFound(_ text: String) -> Fault { Fault(5, text) }
        static func exists(_ text: String) -> Fault { Fault(6, text) }
        static func precondition(_ text: String) -> Fault { Fault(9, text) }
        static let busy = Fault(10, "another operation is in progress for this actor")
        static func broken(_ text: String) -> Fault { Fault(13, "internal server error: \(text)") }
        package static let noFreeWorker = Fault(9, "no free workers available")
        package static let noPool = Fault(9, "no worker pool matches the template's sandboxClass and the template/actor selectors")
    }

    package struct Pool: Sendable {
        package var name: String
        package var sandboxClass: String
        package var labels: [String: String]

        package init(name: String, sandboxClass: String, labels: [String: String]) {
            self.name = name
            self.sandboxClass = sandboxClass
            self.labels = labels
        }
    }

    package struct Template: Sendable {
        package var sandboxClass: String
        package var selector: [String: String]

        package init(sandboxClass: String, selector: [String: String]) {
            self.sandboxClass = sandboxClass
            self.selector = selector
        }
    }

    package private(set) var atespaces: Set<String> = []
    package var pools: [String: Pool] = [:]
    package var templates: [String: Template] = [:]
    package private(set) var actors: [ActorKey: Ateapi_Actor] = [:]
    package private(set) var workers: [String: Ateapi_Worker] = [:]
    /// By id alone, as the real one locks.
    private var locks: Set<String> = []
    private var random: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var snapshots = 0
    /// Most that were RUNNING or RESUMING on one worker: more than one is a double claim.
    package private(set) var doubleClaims = 0
    /// Resumes that ended RUNNING, in their order.
    package private(set) var resumed: [ActorKey] = []

    package init() {}

    // MARK: - Pods

    /// A pod with an IP and the pool's label.
    package mutating func register(pod: String, namespace: String, pool: String, node: String, ip: String, uid: String) {
        let name = "\(namespace)/\(pod)"
        if let known = workers[name], known.workerPodUid == uid { return }
        workers[name] = .with {
            $0.workerNamespace = namespace
            $0.workerPool = pool
            $0.workerPod = pod
            $0.ip = ip
            $0.version = 1
            $0.workerPodUid = uid
            $0.nodeName = node
        }
    }

    /// The pod is being deleted: its actor is suspended with the snapshot it had. One that is being restored ends RUNNING without a worker.
    package mutating func remove(pod name: String) {
        guard workers.removeValue(forKey: name) != nil else { return }
        for (key, actor) in actors where actor.hasWorker && actor.workerName == name {
            switch actor.status {
            case .running, .suspending, .pausing:
                actors[key]?.status = .suspended
                actors[key]?.version += 1
                actors[key]?.release()
            case .resuming:
                if locks.contains(key.id) {
                    actors[key]?.release()
                } else {
                    actors[key]?.status = .suspended
                    actors[key]?.version += 1
                    actors[key]?.release()
                }
            default: break
            }
        }
    }

    package var freeWorkers: Int { workers.values.count { $0.actorID.isEmpty } }

    // MARK: - Atespaces

    package mutating func createAtespace(_ name: String) throws(Fault) -> Ateapi_Atespace {
        guard !name.isEmpty else { throw .invalid("name is required") }
        guard atespaces.insert(name).inserted else { throw .exists("Atespace \(name) already exists") }
        return .with { $0.name = name }
    }

    package mutating func deleteAtespace(_ name: String) throws(Fault) {
        guard atespaces.contains(name) else { throw .notFound("Atespace \(name) not found") }
        guard !actors.keys.contains(where: { $0.atespace == name }) else { throw .precondition("Atespace \(name) is not empty") }
        atespaces.remove(name)
    }

    // MARK: - Actors

    package func actor(_ ref: Ateapi_ActorRef, _ field: String = "id") throws(Fault) -> Ateapi_Actor {
        guard !ref.name.isEmpty else { throw .invalid("\(field) is required") }
        guard !ref.atespace.isEmpty else { throw .invalid("atespace is required") }
        guard let actor = actors[ActorKey(atespace: ref.atespace, id: ref.name)] else { throw .notFound("Actor \(ref.name) not found") }
        return actor
    }

    package mutating func create(_ request: Ateapi_CreateActorRequest) throws(Fault) -> Ateapi_Actor {
        let ref = request.actorRef
        guard !ref.name.isEmpty else { throw .invalid("actor_id is required") }
        guard !ref.atespace.isEmpty else { throw .invalid("atespace is required") }
        let template = "\(request.actorTemplateNamespace)/\(request.actorTemplateName)"
        guard templates[template] != nil else { throw .precondition("ActorTemplate \(template) not found") }
        guard atespaces.contains(ref.atespace) else { throw .precondition("Atespace \(ref.atespace) not found") }
        let key = ActorKey(atespace: ref.atespace, id: ref.name)
        guard actors[key] == nil else { throw .exists("Actor \(ref.name) already exists") }
        let actor = Ateapi_Actor.with {
            $0.actorID = ref.name
            $0.atespace = ref.atespace
            $0.version = 1
            $0.actorTemplateNamespace = request.actorTemplateNamespace
            $0.actorTemplateName = request.actorTemplateName
            $0.status = .suspended
            if request.hasWorkerSelector { $0.workerSelector = request.workerSelector }
        }
        actors[key] = actor
        return actor
    }

    package mutating func update(_ request: Ateapi_UpdateActorRequest) throws(Fault) -> Ateapi_Actor {
        var actor = try actor(request.actorRef, "actor_id")
        if request.hasWorkerSelector { actor.workerSelector = request.workerSelector } else { actor.clearWorkerSelector() }
        return store(actor)
    }

    package mutating func delete(_ ref: Ateapi_ActorRef) throws(Fault) {
        let actor = try actor(ref, "actor_id")
        guard actor.status == .suspended else {
            throw .precondition("Actor \(ref.name) is not suspended (status: \(Self.name(actor.status)))")
        }
        actors[ActorKey(actor)] = nil
    }

    package func page(_ request: Ateapi_ListActorsRequest) throws(Fault) -> Ateapi_ListActorsResponse {
        guard (0...1_000).contains(request.pageSize) else { throw .invalid("page_size must be between 0 and 1000") }
        let size = request.pageSize == 0 ? 1_000 : Int(request.pageSize)
        guard let start = request.pageToken.isEmpty ? 0 : Int(request.pageToken) else { throw .broken("while decoding page token") }
        let all = actors.values.filter { request.atespace.isEmpty || $0.atespace == request.atespace }
            .map { (order: $0.actorID.hashOrder, actor: $0) }.sorted { ($0.order, $0.actor.atespace) < ($1.order, $1.actor.atespace) }
            .map(\.actor)
        return .with {
            $0.actors = Array(all.dropFirst(start).prefix(size))
            if start + size < all.count { $0.nextPageToken = "\(start + size)" }
        }
    }

    private mutating func store(_ actor: Ateapi_Actor) -> Ateapi_Actor {
        var actor = actor
        actor.version += 1
        actors[ActorKey(actor)] = actor
        return actor
    }

    // MARK: - Resume

    package enum Begun: Sendable {
        case done(Ateapi_Actor)
        /// The node's agent is asked now; the lock is held.
        case underWay(Ateapi_Actor)
    }

    package mutating func beginResume(_ ref: Ateapi_ActorRef) throws(Fault) -> Begun {
        var actor = try actor(ref)
        guard !locks.contains(ref.name) else { throw .busy }
        if actor.status == .running { return .done(actor) }
        let held = actor.hasWorker ? workers[actor.workerName] : nil
        let worker = if let held { held } else { try freeWorker(for: actor) }
        var taken = worker
        if !taken.actorID.isEmpty, taken.actorID != ref.name { doubleClaims += 1 }
        taken.actorNamespace = actor.actorTemplateNamespace
        taken.actorTemplate = actor.actorTemplateName
        taken.actorID = actor.actorID
        taken.actorAtespace = actor.atespace
        taken.version += 1
        workers[taken.fullName] = taken
        actor.status = .resuming
        actor.ateomPodNamespace = taken.workerNamespace
        actor.ateomPodName = taken.workerPod
        actor.ateomPodIp = taken.ip
        actor.ateomPodUid = taken.workerPodUid
        actor.workerPoolName = taken.workerPool
        actor = store(actor)
        locks.insert(ref.name)
        return .underWay(actor)
    }

    private mutating func freeWorker(for actor: Ateapi_Actor) throws(Fault) -> Ateapi_Worker {
        guard let template = templates["\(actor.actorTemplateNamespace)/\(actor.actorTemplateName)"] else {
            throw .broken(
                "workflow failed at step LoadActorForResume: while getting ActorTemplate: actortemplate.ate.dev \"\(actor.actorTemplateName)\" not found"
            )
        }
        let eligible = pools.values.filter { pool in
            pool.sandboxClass == template.sandboxClass && template.selector.allSatisfy { pool.labels[$0.key] == $0.value }
                && actor.workerSelector.matchLabels.allSatisfy { pool.labels[$0.key] == $0.value }
        }.map(\.name)
        guard !eligible.isEmpty else { throw .noPool }
        let nodes = actor.status == .paused ? Set(actor.latestSnapshotInfo.local.nodeVmsWithLocalSnapshots) : nil
        let free = workers.values.filter {
            $0.actorID.isEmpty && eligible.contains($0.poolName) && (nodes?.contains($0.nodeName) ?? true)
        }.sorted { $0.fullName < $1.fullName }
        guard !free.isEmpty else { throw .noFreeWorker }
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return free[Int(random >> 33) % free.count]
    }

    /// - Parameter fault: what the node's agent, the deadline or the caller's end made of it.
    package mutating func endResume(_ key: ActorKey, fault: Fault?) throws(Fault) -> Ateapi_Actor {
        locks.remove(key.id)
        if let fault { throw fault }
        guard var actor = actors[key] else { throw .notFound("Actor \(key.id) not found") }
        // The pod may have gone meanwhile: then it runs nowhere.
        actor.status = .running
        actor = store(actor)
        resumed.append(key)
        return actor
    }

    // MARK: - Suspend and pause

    package mutating func beginRelease(_ ref: Ateapi_ActorRef, pauses: Bool) throws(Fault) -> Begun {
        var actor = try actor(ref)
        guard !locks.contains(ref.name) else { throw .busy }
        if actor.status == (pauses ? .paused : .suspended) { return .done(actor) }
        let (step, doing) = pauses ? ("CallAteletPause", "PAUSING") : ("CallAteletSuspend", "SUSPENDING")
        if actor.status == .resuming { throw .invalid("invalid snapshot URI prefix \"\": missing bucket") }
        guard actor.hasWorker else {
            if actor.status == .running {
                actor.status = .suspending
                _ = store(actor)
            }
            throw .broken("workflow failed at step \(step): actor is in \(doing) state but has no active worker")
        }
        snapshots += 1
        let name = "\(actor.actorID)-\(snapshots)"
        actor.status = pauses ? .pausing : .suspending
        actor.inProgressSnapshot =
            pauses ? name : "gs://snapshots/\(actor.actorTemplateNamespace)/\(actor.actorTemplateName)/\(actor.actorID)/\(snapshots)"
        actor = store(actor)
        locks.insert(ref.name)
        return .underWay(actor)
    }

    package mutating func endRelease(_ key: ActorKey, pauses: Bool, fault: Fault?) throws(Fault) -> Ateapi_Actor {
        locks.remove(key.id)
        if let fault { throw fault }
        guard var actor = actors[key] else { throw .notFound("Actor \(key.id) not found") }
        guard actor.status == (pauses ? .pausing : .suspending) else { return actor }
        let snapshot = actor.inProgressSnapshot
        let node = workers[actor.workerName]?.nodeName ?? ""
        actor.latestSnapshotInfo = .with {
            if pauses {
                $0.type = .local
                $0.local.snapshotPrefix = snapshot
                $0.local.nodeVmsWithLocalSnapshots = [node]
            } else {
                $0.type = .external
                $0.external.snapshotUriPrefix = snapshot
            }
        }
        actor.status = pauses ? .paused : .suspended
        if var worker = workers[actor.workerName], worker.actorID == actor.actorID {
            (worker.actorNamespace, worker.actorTemplate, worker.actorID, worker.actorAtespace) = ("", "", "", "")
            worker.version += 1
            workers[worker.fullName] = worker
        }
        actor.release()
        actor.inProgressSnapshot = ""
        return store(actor)
    }

    static func name(_ status: Ateapi_Actor.Status) -> String {
        switch status {
        case .resuming: "STATUS_RESUMING"
        case .running: "STATUS_RUNNING"
        case .suspending: "STATUS_SUSPENDING"
        case .suspended: "STATUS_SUSPENDED"
        case .pausing: "STATUS_PAUSING"
        case .paused: "STATUS_PAUSED"
        default: "STATUS_UNSPECIFIED"
        }
    }
}

extension Ateapi_Actor {
    /// `ateom_pod_uid` is left behind, as the real one leaves it.
    fileprivate mutating func release() { (ateomPodNamespace, ateomPodName, ateomPodIp, workerPoolName) = ("", "", "", "") }
}

extension String {
    /// An order without a meaning, the same every time.
    fileprivate var hashOrder: UInt64 { utf8.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 } }
}
