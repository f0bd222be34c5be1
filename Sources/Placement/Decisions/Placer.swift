package import Domain

// Where does this actor go now?
//
// The workers, the snapshots and the measured restores, kept by events, and the one question put to them. A paused actor goes to
// its node where a slot is free there; else it waits for it, or moves (`LocalWait`). Everyone else goes to a node with its snapshot
// (warm), else to one with its template's snapshot (golden; only if it has none of its own), else anywhere (cold). Its own pool
// comes first, then each pool it may spill to. Within a tier the lowest `PlacementScore` wins. Asking changes nothing; the same
// state and time give the same answer.
//
// `among` names the workers that are asked: where slots are reserved that nobody holds yet, whoever reserved them has an index
// of its own in which they count as used.

package struct Placer: Sendable {
    package private(set) var workers = WorkerIndex()
    package private(set) var snapshots: SnapshotCache
    package private(set) var bandwidth = RestoreBandwidth()

    package init(limits: SnapshotCache.Limits = SnapshotCache.Limits()) { snapshots = SnapshotCache(limits: limits) }

    init(workers: WorkerIndex, snapshots: SnapshotCache, bandwidth: RestoreBandwidth) {
        self.workers = workers
        self.snapshots = snapshots
        self.bandwidth = bandwidth
    }

    // MARK: - What happens

    package mutating func setWorker(_ worker: Int, _ facts: WorkerFacts, used: Int = 0) { workers.set(worker, facts, used: used) }
    package mutating func setUsed(_ worker: Int, _ used: Int) { workers.setUsed(worker, used) }
    package mutating func setPhase(_ worker: Int, _ phase: WorkerPhase) { workers.setPhase(worker, phase) }
    package mutating func removeWorker(_ worker: Int) { workers.remove(worker) }

    /// Answers whether it changes what those who wait for a node weigh.
    @discardableResult
    package mutating func noteRestore(_ tier: RestoreTier, bytes: Int64, millis: Int64, zone: NameID = .none) -> Bool {
        bandwidth.add(tier, bytes: bytes, millis: millis, zone: zone)
    }

    /// Changes what is known of snapshots, and tells the workers which of their nodes have templates' snapshots. Answers what it
    /// told them, for other indices of the same workers.
    @discardableResult
    package mutating func updateSnapshots(_ change: (inout SnapshotCache) -> Void) -> [GoldenChange] {
        change(&snapshots)
        guard !snapshots.goldenChanges.isEmpty else { return [] }
        let changes = snapshots.goldenChanges
        snapshots.goldenChanges = []
        workers.note(changes)
        return changes
    }

    /// Keeps the conditions of an actor, so that deciding for it is O(log n). Changes no answer.
    package mutating func prepare(_ actor: WaitingActor) { workers.prepare(actor, golden: goldenEligibility(actor)) }

    package func prepare(_ actor: WaitingActor, among workers: inout WorkerIndex) {
        workers.prepare(actor, golden: goldenEligibility(actor))
    }

    /// Keeps one condition of a pool's workers, as `prepare` does.
    package mutating func keep(_ eligibility: Eligibility, in pool: Int) {
        if !eligibility.isAnyone { workers.prepare(eligibility, in: pool) }
    }

    // MARK: - The question

    package func decide(_ actor: WaitingActor, _ rules: PlacementRules, at now: LogTime) -> PlacementOutcome {
        decide(actor, rules, at: now, among: workers)
    }

    package func decide(_ actor: WaitingActor, _ rules: PlacementRules, at now: LogTime, among workers: WorkerIndex) -> PlacementOutcome {
        if let quota = actor.quota, quota.isUsedUp { return .wait(blocked(.quota, actor, workers)) }
        guard let paused = actor.paused else {
            return anywhere(actor, rules, moved: nil, workers).map { .place($0) } ?? .wait(exhausted(actor, rules, workers))
        }
        if let choice = local(actor, paused, rules, workers) { return .place(choice) }
        let wait = localWait(actor, paused, rules, workers)
        switch wait.verdict(at: now) {
        case .move(let reason):
            return anywhere(actor, rules, moved: reason, workers).map { .place($0) } ?? .wait(exhausted(actor, rules, workers))
        case .wait(let until):
            return .wait(waiting(actor, paused, wait, until: until, workers))
        }
    }

    private func local(_ actor: WaitingActor, _ paused: PausedSnapshot, _ rules: PlacementRules, _ workers: WorkerIndex) -> PlacementChoice?
    {
        let terms = PickTerms(tier: .local, bytes: paused.bytes, bandwidth: bandwidth, zoneMaxSkew: rules.zoneMaxSkew)
        for pool in actor.pools {
            guard let found = workers.best(in: pool, on: paused.node, actor.eligibility, terms) else { continue }
            return PlacementChoice(worker: found.worker, pool: pool, score: found.score, source: .paused(paused.snapshot))
        }
        return nil
    }

    /// The best worker without regard to a paused snapshot.
    private func anywhere(_ actor: WaitingActor, _ rules: PlacementRules, moved: MoveReason?, _ workers: WorkerIndex) -> PlacementChoice? {
        let golden = goldenEligibility(actor)
        for pool in actor.pools {
            guard let found = best(in: pool, actor, golden, rules, workers) else { continue }
            return PlacementChoice(worker: found.worker, pool: pool, score: found.score, source: source(actor), moved: moved)
        }
        return nil
    }

    private func best(in pool: Int, _ actor: WaitingActor, _ golden: Eligibility?, _ rules: PlacementRules, _ workers: WorkerIndex)
        -> Candidate?
    {
        // No worker is free: nothing to look for. Else some tier has one.
        guard workers.tally(of: pool, actor.eligibility).available > 0 else { return nil }
        var terms = PickTerms(tier: .warm, bytes: coldBytes(actor), bandwidth: bandwidth, zoneMaxSkew: rules.zoneMaxSkew)
        if let external = actor.external {
            if let warm = warm(in: pool, external.snapshot, actor.eligibility, terms, workers) { return warm }
        } else if let golden {
            terms.tier = .golden
            if let found = workers.best(in: pool, golden, terms) { return found }
        }
        terms.tier = .cold
        return workers.best(in: pool, actor.eligibility, terms)
    }

    private func warm(
        in pool: Int, _ snapshot: SnapshotID, _ eligibility: Eligibility, _ terms: PickTerms, _ workers: WorkerIndex
    ) -> Candidate? {
        var best: Candidate?
        snapshots.forEachNode(with: snapshot) { node in
            guard let found = workers.best(in: pool, on: node, eligibility, terms) else { return }
            if best.map({ found.score < $0.score }) ?? true { best = found }
        }
        return best
    }

    // MARK: - What it would restore

    private func goldenEligibility(_ actor: WaitingActor) -> Eligibility? {
        guard actor.external == nil, !actor.template.isNone else { return nil }
        return snapshots.golden(of: actor.template).map { actor.eligibility.with(golden: $0.snapshot) }
    }

    private func coldBytes(_ actor: WaitingActor) -> Int64 { actor.external?.bytes ?? snapshots.golden(of: actor.template)?.bytes ?? 0 }

    private func source(_ actor: WaitingActor) -> RestoreSource {
        if let external = actor.external { return .external(external.snapshot) }
        return snapshots.golden(of: actor.template).map { .golden($0.snapshot) } ?? .nothing
    }

    // MARK: - Waiting

    private func localWait(_ actor: WaitingActor, _ paused: PausedSnapshot, _ rules: PlacementRules, _ workers: WorkerIndex) -> LocalWait {
        let there = actor.pools.reduce(WorkerTally()) { $0 + workers.tally(of: $1, on: paused.node, actor.eligibility) }
        let moving = actor.external.map { bandwidth.movingMicroseconds($0.bytes, local: paused.bytes) }
        return LocalWait(
            workersThere: workers.workers(on: paused.node), eligibleThere: there, busySlotsThere: there.usedSlots, ahead: actor.aheadOnNode,
            requestedAt: actor.requestedAt, movingMicroseconds: moving, rules: rules, isBound: paused.isBound)
    }

    private func waiting(
        _ actor: WaitingActor, _ paused: PausedSnapshot, _ wait: LocalWait, until: LogTime?, _ workers: WorkerIndex
    ) -> BlockedPlacement {
        var blocked = blocked(.poolExhausted, actor, workers)
        blocked.waitsForNode = true
        blocked.waitsUntil = until
        // Only where it could run elsewhere, or nowhere else, is it the node that keeps it.
        if blocked.freeElsewhere > 0 || wait.eligibleThere.ready == 0 { blocked.reason = .nodeLocality }
        blocked.expectedWaitMicroseconds = wait.expectedMicroseconds
        return blocked
    }

    /// No worker is free. Where none could ever be, as none that is there or starts will do, or none will start, it says so.
    private func exhausted(_ actor: WaitingActor, _ rules: PlacementRules, _ workers: WorkerIndex) -> BlockedPlacement {
        var blocked = blocked(.poolExhausted, actor, workers)
        let hasEligible = blocked.eligible.ready + blocked.eligible.starting > 0
        let hasAny = blocked.all.ready + blocked.all.starting > 0
        if !hasEligible, hasAny || !rules.canGrow { blocked.reason = .noEligiblePool }
        return blocked
    }

    private func blocked(_ reason: BlockedReason, _ actor: WaitingActor, _ workers: WorkerIndex) -> BlockedPlacement {
        var blocked = BlockedPlacement(reason: reason)
        blocked.eligible = actor.pools.reduce(WorkerTally()) { $0 + workers.tally(of: $1, actor.eligibility) }
        blocked.all = actor.pools.reduce(WorkerTally()) { $0 + workers.tally(of: $1) }
        blocked.external = actor.external
        blocked.quota = actor.quota
        blocked.restoreMicroseconds = bandwidth.microseconds(.cold, bytes: coldBytes(actor))
        guard let paused = actor.paused else {
            blocked.freeElsewhere = blocked.eligible.available
            return blocked
        }
        blocked.node = paused.node
        blocked.isBound = paused.isBound
        blocked.eligibleThere = actor.pools.reduce(WorkerTally()) { $0 + workers.tally(of: $1, on: paused.node, actor.eligibility) }
        blocked.freeElsewhere = blocked.eligible.available - blocked.eligibleThere.available
        return blocked
    }
}
