package import Domain
package import EventLog
package import State

// Which pools, workers and actors are there, in which order, and which page of them?
//
// Pools and workers are listed by name; actors in the order in which they became known, since there may be millions.

extension State {
    package func poolViews(names: some NameReading, at now: LogTime) -> [PoolView] {
        pools.indices.filter { !pools[$0].isDeleted }.sorted { pools[$0].text < pools[$1].text }.map { poolView($0, names: names, at: now) }
    }

    /// One that was deleted isn't there.
    package func find(pool: String, names: some NameFinding) -> Int? {
        names.find(pool).flatMap { poolByName[$0] }.flatMap { pools[$0].isDeleted ? nil : $0 }
    }

    /// Of no pool, nothing; of none named, all.
    /// - Parameter lastSeen: when a worker gave its last sign of life: no event, so the state doesn't know it.
    package func workerViews(
        poolNamed name: String?, after: String?, limit: Int, names: some NameReading & NameFinding, at now: LogTime,
        lastSeen: (Int) -> LogTime? = { _ in nil }
    ) -> [WorkerView] {
        guard let name else { return workerViews(pool: nil, after: after, limit: limit, names: names, at: now, lastSeen: lastSeen) }
        return find(pool: name, names: names).map {
            workerViews(pool: $0, after: after, limit: limit, names: names, at: now, lastSeen: lastSeen)
        } ?? []
    }

    /// The only one of that name; nil where there is none, or several.
    package func workerView(
        named name: String, names: some NameReading & NameFinding, at now: LogTime, lastSeen: (Int) -> LogTime? = { _ in nil }
    ) -> WorkerView? {
        worker(named: name, names).map { workerView($0, names: names, at: now, lastSeen: lastSeen($0)) }
    }

    package func workerViews(
        named name: String, names: some NameReading & NameFinding, at now: LogTime, lastSeen: (Int) -> LogTime? = { _ in nil }
    ) -> [WorkerView] {
        workers(named: name, names).map { workerView($0, names: names, at: now, lastSeen: lastSeen($0)) }
    }

    package func actorViews(named name: String, log: EventLog, at now: LogTime) -> [ActorView] {
        actors(named: name, log.names).map { wholeActorView($0, log: log, at: now) }
    }

    package func actorViews(
        poolNamed name: String?, status: ActorState?, afterNamed after: String?, limit: Int, names: some NameReading & NameFinding,
        at now: LogTime
    ) -> [ActorView] {
        let last = after.flatMap { actors(named: $0, names).last }
        guard let name else { return actorViews(pool: nil, status: status, after: last, limit: limit, names: names, at: now) }
        return find(pool: name, names: names).map { actorViews(pool: $0, status: status, after: last, limit: limit, names: names, at: now) }
            ?? []
    }

    package func actorView(named name: String, log: EventLog, at now: LogTime) -> ActorView? {
        actor(named: name, log.names).map { wholeActorView($0, log: log, at: now) }
    }

    private func wholeActorView(_ index: Int, log: EventLog, at now: LogTime) -> ActorView {
        var view = actorView(index, names: log.names, at: now)
        let told = active[index]?.paused == nil ? actors[index].snapshotSeq : active[index]?.pausedSeq ?? 0
        if told > 0 { view.snapshot = log.recordedSnapshot(at: told)?.uri }
        view.wake = wakeView(of: index, at: now)
        return view
    }

    /// Pools' own policies, each before its shadows.
    package var policiesInEffect: [AppliedPolicy] {
        pools.flatMap { pool in (pool.policy.map { [$0] } ?? []) + pool.shadows.map(\.applied) }
    }

    package func policyViews() -> [PolicyView] {
        var views: [PolicyView] = []
        for (index, pool) in pools.enumerated() {
            if let view = policyView(PolicyKey(pool: index)) { views.append(view) }
            views += pool.shadows.compactMap { policyView(PolicyKey(pool: index, shadow: $0.name)) }
        }
        return views.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    }

    package func policyView(named name: String) -> PolicyView? { policyKey(named: name).flatMap { policyView($0) } }

    /// The policy of that name: a pool's own, or a shadow.
    package func policyKey(named name: String) -> PolicyKey? {
        if let index = pools.firstIndex(where: { $0.policy != nil && $0.text == name }) { return PolicyKey(pool: index) }
        for (index, pool) in pools.enumerated() {
            if let shadow = pool.shadows.first(where: { $0.applied.policy.name == name }) {
                return PolicyKey(pool: index, shadow: shadow.name)
            }
        }
        return nil
    }

    /// In order of name, then of namespace. `after` is a name, or `NAMESPACE/NAME` of one of several.
    package func workerViews(
        pool: Int?, after: String?, limit: Int, names: some NameReading, at now: LogTime, lastSeen: (Int) -> LogTime? = { _ in nil }
    ) -> [WorkerView] {
        let indices = pool.map { pools[$0].members } ?? workers.indices
        let named = indices.map { index -> (index: Int, name: String, namespace: String) in
            let namespace = namespace(ofWorker: index)
            return (index, QualifiedName.bare(names.text(of: workers[index].name), in: namespace), namespace)
        }.sorted { ($0.name, $0.namespace) < ($1.name, $1.namespace) }
        let page = named.drop { row in
            guard let after else { return false }
            guard let (namespace, name) = QualifiedName.split(after) else { return row.name <= after }
            return (row.name, row.namespace) <= (name, namespace)
        }
        return page.prefix(limit).map { workerView($0.index, names: names, at: now, lastSeen: lastSeen($0.index)) }
    }

    package func actorViews(pool: Int?, status: ActorState?, after: Int?, limit: Int, names: some NameReading, at now: LogTime)
        -> [ActorView]
    {
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

// MARK: - By name

extension State {
    /// All known by a name: `NAMESPACE/NAME` is one at most, a bare name may be one of each namespace.
    package func actors(named name: String, _ names: some NameReading & NameFinding) -> [Int] {
        numbers(named: name, names, find: { actors.find($0) }, namespace: { namespace(ofActor: $0) })
    }

    package func workers(named name: String, _ names: some NameReading & NameFinding) -> [Int] {
        numbers(named: name, names, find: { workers.find($0) }, namespace: { namespace(ofWorker: $0) })
    }

    /// The only one.
    package func actor(named name: String, _ names: some NameReading & NameFinding) -> Int? {
        let found = actors(named: name, names)
        return found.count == 1 ? found[0] : nil
    }

    package func worker(named name: String, _ names: some NameReading & NameFinding) -> Int? {
        let found = workers(named: name, names)
        return found.count == 1 ? found[0] : nil
    }

    private func numbers(
        named name: String, _ names: some NameReading & NameFinding, find: (NameID) -> Int?, namespace: (Int) -> String
    ) -> [Int] {
        if let (wanted, bare) = QualifiedName.split(name) {
            // A name with a slash of its own, or one that the log holds whole.
            if let index = names.find(name).flatMap(find) { return [index] }
            guard let index = names.find(bare).flatMap(find), namespace(index) == wanted else { return [] }
            return [index]
        }
        let bare = names.find(name).flatMap(find)
        let others = names.qualified(name).filter { id in
            guard let index = find(id), names.text(of: id) == QualifiedName.join(namespace(index), name) else { return false }
            // Only a log of older times has both in one namespace: there the bare name is the bare one.
            return bare.map { namespace($0) != namespace(index) } ?? true
        }
        return (bare.map { [$0] } ?? []) + others.compactMap(find)
    }
}

/// What turns a name into its dictionary number.
package protocol NameFinding {
    func find(_ name: String) -> NameID?
    /// Those of `NAMESPACE/name`, of whatever namespace.
    func qualified(_ name: String) -> [NameID]
}

extension NameDictionary: NameFinding {}
