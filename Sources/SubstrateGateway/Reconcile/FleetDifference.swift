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
    }

    enum Step: Hashable {
        case running(ActorKey)
        /// It ran in the log too, on a worker that the log didn't know, or took for gone.
        case settled(ActorKey)
        case suspended(ActorKey, worker: String)
        case paused(ActorKey, worker: String)
        /// The log didn't see it run either; where it isn't known, it doesn't know the actor at all.
        case ranAndPaused(ActorKey, isKnown: Bool)
        /// It waits in the log, and nobody calls for it.
        case withdrawn(ActorKey)
        case deleted(ActorKey)
    }

    private(set) var steps: [Step] = []
    private(set) var stuck: [ActorKey: StuckState] = [:]

    /// - Parameters:
    ///   - before: the look before this one; nil at the first.
    ///   - missing: actors that passed the gateway and were in neither of the two.
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
                compare(key, actor, logged[key], isSame: isSame)
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

    private mutating func compare(_ key: ActorKey, _ actor: Ateapi_Actor, _ logged: Logged?, isSame: Bool) {
        let isNewer = logged.map { actor.version > $0.version } ?? true
        let isResident = logged.map { [ActorState.running, .idle].map(\.statusName).contains($0.state) } ?? false
        let isAsking = logged.map { [ActorState.waiting, .placed].map(\.statusName).contains($0.state) } ?? false
        switch actor.status {
        case .running where actor.hasWorker:
            if isNewer, !isResident || logged?.worker != actor.workerName {
                steps.append(.running(key))
            } else if !isNewer, let logged, logged.worker == nil || (isSame && logged.worker != actor.workerName),
                [ActorState.running, .idle, .crashed].map(\.statusName).contains(logged.state)
            {
                steps.append(.settled(key))
            }
        case .suspended:
            if isNewer, isResident || logged?.state == ActorState.paused.statusName {
                steps.append(.suspended(key, worker: logged?.worker ?? actor.unknownWorker))
            }
            if isAsking { steps.append(.withdrawn(key)) }
        case .paused:
            if isResident, isNewer {
                steps.append(.paused(key, worker: logged?.worker ?? actor.unknownWorker))
            } else if isNewer, !isResident, !isAsking {
                steps.append(.ranAndPaused(key, isKnown: logged != nil))
            }
            if isAsking { steps.append(.withdrawn(key)) }
        default: break
        }
    }

    private static func stuck(_ actor: Ateapi_Actor, _ fleet: Fleet, _ nodes: Set<String>, isSame: Bool) -> StuckState? {
        switch actor.status {
        case .resuming: return isSame ? .halfResumed : nil
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
