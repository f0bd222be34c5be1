package import Domain

// Why there, and why not elsewhere?
//
// What each tier has for an actor at one moment: how many workers with a free slot, the best of them, and how long a restore
// there would take. The same index, the same scores, the same conditions as `decide` uses; only the order of tiers and the
// wait for a node are `decide`'s own.

package struct PlacementTier: Hashable, Sendable {
    /// What a tier has to offer.
    package enum Standing: Hashable, Sendable {
        /// The actor has nothing of that kind: it isn't paused, has no snapshot, its template has none.
        case nothingToRestore
        /// No node that keeps a copy has a worker that may take it.
        case noWorker
        /// Those that may take it are all busy.
        case allBusy
        case free
    }

    package var tier: RestoreTier
    package var standing: Standing
    /// Nodes with a copy that count for the tier; 0 where any node will do.
    package var nodes: Int
    /// Workers that may take it there, and those of them with a free slot.
    package var eligible: Int
    package var available: Int
    package var bytes: Int64
    /// Set where `standing` is `free`: the best of them.
    package var best: PlacementChoice?
}

extension Placer {
    /// One row for each tier, the closest first. O(workers on the nodes with a copy · log n).
    package func table(_ actor: WaitingActor, _ rules: PlacementRules) -> [PlacementTier] { table(actor, rules, among: workers) }

    package func table(_ actor: WaitingActor, _ rules: PlacementRules, among workers: WorkerIndex) -> [PlacementTier] {
        [
            localTier(actor, rules, workers), warmTier(actor, rules, workers), goldenTier(actor, rules, workers),
            coldTier(actor, rules, workers),
        ]
    }

    private func localTier(_ actor: WaitingActor, _ rules: PlacementRules, _ workers: WorkerIndex) -> PlacementTier {
        guard let paused = actor.paused else { return nothing(.local) }
        return onNodes([paused.node], .local, bytes: paused.bytes, .paused(paused.snapshot), actor, rules, workers)
    }

    private func warmTier(_ actor: WaitingActor, _ rules: PlacementRules, _ workers: WorkerIndex) -> PlacementTier {
        guard let external = actor.external else { return nothing(.warm) }
        var nodes: [NameID] = []
        snapshots.forEachNode(with: external.snapshot) { nodes.append($0) }
        return onNodes(nodes.sorted(), .warm, bytes: external.bytes, .external(external.snapshot), actor, rules, workers)
    }

    private func goldenTier(_ actor: WaitingActor, _ rules: PlacementRules, _ workers: WorkerIndex) -> PlacementTier {
        guard actor.external == nil, let golden = snapshots.golden(of: actor.template) else { return nothing(.golden) }
        var nodes: [NameID] = []
        snapshots.forEachNode(with: golden.snapshot) { nodes.append($0) }
        return onNodes(nodes.sorted(), .golden, bytes: golden.bytes, .golden(golden.snapshot), actor, rules, workers)
    }

    private func coldTier(_ actor: WaitingActor, _ rules: PlacementRules, _ workers: WorkerIndex) -> PlacementTier {
        let golden = snapshots.golden(of: actor.template)
        let bytes = actor.external?.bytes ?? golden?.bytes ?? 0
        let source: RestoreSource = actor.external.map { .external($0.snapshot) } ?? golden.map { .golden($0.snapshot) } ?? .nothing
        let terms = PickTerms(tier: .cold, bytes: bytes, bandwidth: bandwidth, zoneMaxSkew: rules.zoneMaxSkew)
        var row = PlacementTier(tier: .cold, standing: .noWorker, nodes: 0, eligible: 0, available: 0, bytes: bytes)
        for pool in actor.pools {
            add(workers.tally(of: pool, actor.eligibility), workers.best(in: pool, actor.eligibility, terms), pool, source, to: &row)
        }
        return row
    }

    private func onNodes(
        _ nodes: [NameID], _ tier: RestoreTier, bytes: Int64, _ source: RestoreSource, _ actor: WaitingActor, _ rules: PlacementRules,
        _ workers: WorkerIndex
    ) -> PlacementTier {
        let terms = PickTerms(tier: tier, bytes: bytes, bandwidth: bandwidth, zoneMaxSkew: rules.zoneMaxSkew)
        var row = PlacementTier(tier: tier, standing: .noWorker, nodes: nodes.count, eligible: 0, available: 0, bytes: bytes)
        for pool in actor.pools {
            var best: Candidate?
            for node in nodes {
                add(workers.tally(of: pool, on: node, actor.eligibility), nil, pool, source, to: &row)
                guard let found = workers.best(in: pool, on: node, actor.eligibility, terms) else { continue }
                if best.map({ found.score < $0.score }) ?? true { best = found }
            }
            // Its own pool first: another one's only where its own has none.
            add(WorkerTally(), best, pool, source, to: &row)
        }
        return row
    }

    private func add(_ tally: WorkerTally, _ found: Candidate?, _ pool: Int, _ source: RestoreSource, to row: inout PlacementTier) {
        row.eligible += tally.ready
        row.available += tally.available
        if row.eligible > 0, row.standing == .noWorker { row.standing = .allBusy }
        if row.available > 0 { row.standing = .free }
        guard row.best == nil, let found else { return }
        row.best = PlacementChoice(worker: found.worker, pool: pool, score: found.score, source: source)
    }

    private func nothing(_ tier: RestoreTier) -> PlacementTier {
        PlacementTier(tier: tier, standing: .nothingToRestore, nodes: 0, eligible: 0, available: 0, bytes: 0)
    }
}
