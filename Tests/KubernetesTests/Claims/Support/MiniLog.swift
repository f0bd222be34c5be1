import Domain

@testable import Kubernetes

// What the log comes to, as far as claims and sandboxes go: the actors' own state machine, workers by name, each id once.

struct MiniLog {
    struct Actor: Hashable {
        var state = ActorState.unknown
        var resting = ActorState.suspended
        var worker: String?
    }

    struct Worker: Hashable {
        var uid: String
        var isDraining = false
    }

    private(set) var actors: [String: Actor] = [:]
    private(set) var workers: [String: Worker] = [:]
    private(set) var requests = 0
    private var ids: Set<String> = []
    private(set) var count = 0

    init(_ tellings: [ClaimTelling] = []) { for telling in tellings { append(telling) } }

    mutating func append(_ telling: ClaimTelling) {
        guard ids.insert("\(telling.kind.name) \(telling.id)").inserted else { return }
        count += 1
        switch telling.what {
        case .ready:
            if let before = workers[telling.name], before.uid != telling.uid { crash(on: telling.name) }
            workers[telling.name] = Worker(uid: telling.uid)
        case .draining: workers[telling.name]?.isDraining = true
        case .gone:
            guard let worker = workers[telling.name], telling.uid.isEmpty || worker.uid == telling.uid else { return }
            workers[telling.name] = nil
            crash(on: telling.name)
        default: move(telling)
        }
    }

    private mutating func crash(on worker: String) {
        for (name, actor) in actors where actor.worker == worker && actor.state.isResident {
            actors[name]?.state = .crashed
            actors[name]?.worker = nil
        }
    }

    private mutating func move(_ telling: ClaimTelling) {
        var actor = actors[telling.name] ?? Actor()
        var worker: String?
        switch telling.what {
        case .running(let sandbox, _, _, _), .suspended(let sandbox): worker = sandbox
        case .crashed(let sandbox, _): worker = sandbox
        default: break
        }
        let isSame = worker == nil || actor.worker == nil || worker == actor.worker
        guard case .moves(let next) = actor.state.after(telling.kind, resting: actor.resting, sameWorker: isSame) else { return }
        if next == .waiting {
            actor.resting = actor.state.isResting ? actor.state : .suspended
            requests += 1
        }
        actor.state = next
        actor.worker = next.isResident ? worker : nil
        actors[telling.name] = next == .deleted ? nil : actor
    }

    /// Who is where, and which sandboxes are whose.
    var summary: [String] {
        actors.map { "\($0.key): \($0.value.state)\($0.value.worker.map { " on \($0)" } ?? "")" }.sorted()
            + workers.map { "sandbox \($0.key)\($0.value.isDraining ? " taken" : "")" }.sorted()
    }
}
