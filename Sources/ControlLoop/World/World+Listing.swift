public import Domain
import EventLog

// Which pools, workers and actors are there, in which order, and which page of them?
//
// Pools and workers are listed by name; actors in the order in which they became known, since there may be millions.

extension World {
    func poolViews(names: some NameReading, at now: LogTime) -> [PoolView] {
        pools.indices.sorted { pools[$0].text < pools[$1].text }.map { poolView($0, names: names, at: now) }
    }

    func find(pool: String, names: some NameFinding) -> Int? { names.find(pool).flatMap { poolByName[$0] } }

    /// Of no pool, nothing; of none named, all.
    func workerViews(poolNamed name: String?, after: String?, limit: Int, names: some NameReading & NameFinding, at now: LogTime) -> [WorkerView] {
        guard let name else { return workerViews(pool: nil, after: after, limit: limit, names: names, at: now) }
        return find(pool: name, names: names).map { workerViews(pool: $0, after: after, limit: limit, names: names, at: now) } ?? []
    }

    func workerView(named name: String, names: some NameReading & NameFinding, at now: LogTime) -> WorkerView? {
        names.find(name).flatMap { workers.find($0) }.map { workerView($0, names: names, at: now) }
    }

    func actorViews(
        poolNamed name: String?, status: ActorState?, afterNamed after: String?, limit: Int, names: some NameReading & NameFinding, at now: LogTime
    ) -> [ActorView] {
        let last = after.flatMap { names.find($0) }.flatMap { actors.find($0) }
        guard let name else { return actorViews(pool: nil, status: status, after: last, limit: limit, names: names, at: now) }
        return find(pool: name, names: names).map { actorViews(pool: $0, status: status, after: last, limit: limit, names: names, at: now) } ?? []
    }

    func actorView(named name: String, log: EventLog, at now: LogTime) -> ActorView? {
        guard let index = log.names.find(name).flatMap({ actors.find($0) }) else { return nil }
        var view = actorView(index, names: log.names, at: now)
        let told = active[index]?.paused == nil ? actors[index].snapshotSeq : active[index]?.pausedSeq ?? 0
        if told > 0 { view.snapshot = log.toldSnapshot(at: told)?.uri }
        view.wake = wakeView(of: index, at: now)
        return view
    }

    /// Pools' own policies, each before its shadows.
    var policiesInEffect: [AppliedPolicy] { pools.flatMap { pool in (pool.policy.map { [$0] } ?? []) + pool.shadows.map(\.applied) } }

    func policyViews() -> [PolicyView] {
        var views: [PolicyView] = []
        for (index, pool) in pools.enumerated() {
            if let view = policyView(PolicyKey(pool: index)) { views.append(view) }
            views += pool.shadows.compactMap { policyView(PolicyKey(pool: index, shadow: $0.name)) }
        }
        return views.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    }

    func policyView(named name: String) -> PolicyView? { policyKey(named: name).flatMap { policyView($0) } }

    /// The policy of that name: a pool's own, or a shadow.
    func policyKey(named name: String) -> PolicyKey? {
        if let index = pools.firstIndex(where: { $0.policy != nil && $0.text == name }) { return PolicyKey(pool: index) }
        for (index, pool) in pools.enumerated() {
            if let shadow = pool.shadows.first(where: { $0.applied.policy.name == name }) { return PolicyKey(pool: index, shadow: shadow.name) }
        }
        return nil
    }

    func workerViews(pool: Int?, after: String?, limit: Int, names: some NameReading, at now: LogTime) -> [WorkerView] {
        let indices = pool.map { pools[$0].members } ?? workers.indices
        let named = indices.map { (index: $0, name: names.text(of: workers[$0].name)) }.sorted { $0.name < $1.name }
        let page = after.map { last in named.drop { $0.name <= last } } ?? named[...]
        return page.prefix(limit).map { workerView($0.index, names: names, at: now) }
    }

    func actorViews(pool: Int?, status: ActorState?, after: Int?, limit: Int, names: some NameReading, at now: LogTime) -> [ActorView] {
        var views: [ActorView] = []
        var index = after.map { $0 + 1 } ?? 0
        while index < actors.capacity, views.count < limit {
            let actor = actors[index]
            let isListed = !actor.name.isNone && (pool == nil || Int(actor.pool) == pool) && (status == nil || actor.state == status)
            if isListed { views.append(actorView(index, names: names, at: now)) }
            index += 1
        }
        return views
    }
}

/// What turns a name into its dictionary number.
public protocol NameFinding {
    func find(_ name: String) -> NameID?
}

extension NameDictionary: NameFinding {}
