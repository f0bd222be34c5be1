import Domain

// What does ateapi's fleet say that the log doesn't?
//
// Pure: two lists, which are no snapshot, and the log's view of them. An actor's version says which of the two is newer. What has no version,
// a deletion or a stuck state, may be an operation under way: it counts after two looks in a row.

struct FleetDifference {
    struct Fleet {
        var actors: [ActorKey: Ateapi_Actor]
        var workers: [String: Ateapi_Worker]

        init(actors: [Ateapi_Actor], workers: [Ateapi_Worker]) {
            // A list may say one actor twice: the newer counts.
            self.actors = Dictionary(actors.map { (ActorKey($0), $0) }) { $0.version >= $1.version ? $0 : $1 }
            self.workers = Dictionary(workers.map { ($0.fullName, $0) }) { $0.version >= $1.version ? $0 : $1 }
        }
    }

    /// An actor as the log has it; its worker in full.
    struct Logged {
        var state: String
        var worker: String?
        var version: Int64
        /// Of its last change, which a correction names.
        var seq: Position = 0
    }

    enum Step: Hashable {
        case running(ActorKey)
        /// The same version in the log, which has it on a worker that it didn't know, or took for gone, or elsewhere.
        case settled(ActorKey)
        case suspended(ActorKey, worker: String)
        case paused(ActorKey, worker: String)
        /// It runs in the log, and is stuck without that worker.
        case crashed(ActorKey)
        /// It waits in the log, and nobody calls for it.
        case withdrawn(ActorKey)
        case deleted(ActorKey)

        var key: ActorKey {
            switch self {
            case .running(let key), .settled(let key), .suspended(let key, _), .paused(let key, _), .crashed(let key), .withdrawn(let key),
                .deleted(let key):
                key
            }
        }
    }

    private(set) var steps: [Step] = []
    private(set) var stuck: [ActorKey: StuckState] = [:]

    /// - Parameters:
    ///   - before: the look before this one; nil at the first.
    ///   - missing: actors that the log has for ateapi's, and that were in neither of the two.
    ///   - versionsBefore: what the log had at the look before. Versions only rise: one that is listed below is of another life of the name.
    ///   - logged: actors that the log knows, by name.
    ///   - isHeld: whether the gateway has a resume of the actor in hand.
    init(
        _ now: Fleet, before: Fleet?, missing: Set<ActorKey> = [], versionsBefore: [ActorKey: Int64] = [:], logged: [ActorKey: Logged],
        isHeld: (ActorKey) -> Bool
    ) {
        let nodes = Set(now.workers.values.map(\.nodeName))
        var hosts: [String: ActorKey] = [:]
        let named = now.actors.map { (name: "\($0.key)", key: $0.key, actor: $0.value) }.sorted { $0.name < $1.name }
        for (_, key, actor) in named where !isHeld(key) {
            let isSame = before?.actors[key].map { $0.version == actor.version && $0.status == actor.status } ?? false
            if logged[key] != nil, let version = versionsBefore[key], actor.version < version {
                // It was deleted and created anew.
                steps.append(.deleted(key))
            } else {
                // Nothing was on its way: the log had this version before, and both lists say the same of it.
                compare(key, actor, logged[key], isSame: isSame, isFirm: isSame && versionsBefore[key] == actor.version)
            }
            if let state = Self.stuck(actor, now, nodes, isSame: isSame) { stuck[key] = state }
            guard actor.status == .running, actor.hasWorker else { continue }
            if let other = hosts.updateValue(key, forKey: actor.workerName), other.id == key.id {
                stuck[key] = .sharesWorker
                stuck[other] = .sharesWorker
            }
        }
        let gone = missing.union(before?.actors.keys.map { $0 } ?? []).filter {
            now.actors[$0] == nil && logged[$0] != nil && !isHeld($0)
        }
        for key in gone.sorted(by: { "\($0)" < "\($1)" }) { steps.append(.deleted(key)) }
    }

    /// A version is of one state of the actor, but for what the log adds: it crashed with its worker, or asks for one. So a newer one
    /// counts at once; where both have the same one, what the log added counts until the lists insist.
    private mutating func compare(_ key: ActorKey, _ actor: Ateapi_Actor, _ logged: Logged?, isSame: Bool, isFirm: Bool) {
        guard let logged else {
            if actor.status == .running, actor.hasWorker { steps.append(.running(key)) }
            if actor.status == .paused { steps.append(.paused(key, worker: actor.unknownWorker)) }
            return
        }
        let isNewer = actor.version > logged.version
        let isSettled = isNewer || (actor.version == logged.version && isFirm)
        let isResident = [ActorState.running, .idle].map(\.statusName).contains(logged.state)
        let isAsking = [ActorState.waiting, .placed].map(\.statusName).contains(logged.state)
        let isPaused = logged.state == ActorState.paused.statusName
        switch actor.status {
        case .running where actor.hasWorker:
            if isResident, logged.worker == actor.workerName { break }
            if isNewer {
                steps.append(.running(key))
            } else if actor.version == logged.version, isFirm || (isResident && logged.worker == nil) {
                steps.append(.settled(key))
            }
        case .suspended:
            if isAsking {
                steps.append(.withdrawn(key))
            } else if isSettled, isResident || isPaused {
                steps.append(.suspended(key, worker: logged.worker ?? actor.unknownWorker))
            }
        case .paused:
            if isAsking {
                steps.append(.withdrawn(key))
            } else if isSettled, !isPaused {
                steps.append(.paused(key, worker: logged.worker ?? actor.unknownWorker))
            }
        // Under way, unless it stays so.
        case .suspending, .pausing, .resuming, .running:
            guard isSame, isSettled, isResident, !actor.hasWorker || logged.worker != actor.workerName else { break }
            // Its checkpoint failed, and it holds its worker.
            steps.append(actor.hasWorker && actor.status != .resuming ? .running(key) : .crashed(key))
        default: break
        }
    }

    private static func stuck(_ actor: Ateapi_Actor, _ fleet: Fleet, _ nodes: Set<String>, isSame: Bool) -> StuckState? {
        switch actor.status {
        // One without a worker holds none: its next resume takes another.
        case .resuming: return isSame && actor.hasWorker ? .halfResumed : nil
        case .suspending, .pausing: return isSame ? .halfSuspended : nil
        case .running:
            guard isSame else { return nil }
            return !actor.hasWorker ? .runningNowhere : fleet.workers[actor.workerName] == nil ? .runningOnGone : nil
        case .paused:
            guard isSame, let node = actor.pausedNode else { return nil }
            return nodes.contains(node) ? nil : .pausedOnGone
        default: return nil
        }
    }
}
