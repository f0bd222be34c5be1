package import Domain

// Which node could fetch an actor's snapshot before the actor comes?
//
// For one that waits, or that will wake soon: where it would be placed if a worker is free; else the node where a slot is
// expected to come free first. No answer where fetching gains nothing: it has no external snapshot, is paused on a node that
// can resume it, or that node has the snapshot already. O(nodes of the pool) where it must wait, else O(log n).

package struct PrefetchSuggestion: Hashable, Sendable {
    package var node: NameID
    package var snapshot: SnapshotID
    package var bytes: Int64
    /// Restore time saved if the actor comes there.
    package var savedMicroseconds: Int64
}

extension Placer {
    /// `sent` says how many others were told to come to a node and haven't yet.
    package func prefetch(
        _ actor: WaitingActor, _ rules: PlacementRules, at now: LogTime, sent: (NameID) -> Int = { _ in 0 }
    ) -> PrefetchSuggestion? {
        prefetch(actor, rules, at: now, among: workers, sent: sent)
    }

    package func prefetch(
        _ actor: WaitingActor, _ rules: PlacementRules, at now: LogTime, among workers: WorkerIndex, sent: (NameID) -> Int
    ) -> PrefetchSuggestion? {
        guard let external = actor.external else { return nil }
        switch decide(actor, rules, at: now, among: workers) {
        case .place(let choice):
            guard choice.tier == .cold, let node = workers.facts(of: choice.worker)?.node else { return nil }
            return suggestion(node, external)
        case .wait(let blocked):
            guard blocked.reason == .poolExhausted, blocked.eligibleThere.ready == 0 else { return nil }
            return likeliest(actor, workers, sent).flatMap { suggestion($0, external) }
        }
    }

    private func suggestion(_ node: NameID, _ external: ExternalSnapshot) -> PrefetchSuggestion? {
        let saved = bandwidth.savedMicroseconds(.warm, bytes: external.bytes)
        guard saved > 0 || external.bytes == 0 else { return nil }
        return PrefetchSuggestion(node: node, snapshot: external.snapshot, bytes: external.bytes, savedMicroseconds: saved)
    }

    /// The node where a slot is expected soonest. Each taken slot frees itself at the rate 1 ÷ hold, so it is the node with most
    /// taken slots for each actor that was sent there before. 6 taken, 2 sent there: (2 + 1) ÷ 6 holds; 4 taken, none sent: 1 ÷ 4,
    /// the sooner one. Where no worker is ready, a node on which one starts. In the first of its pools that has any; the lowest
    /// name of equals. nil where that node has the snapshot.
    private func likeliest(_ actor: WaitingActor, _ workers: WorkerIndex, _ sent: (NameID) -> Int) -> NameID? {
        guard let snapshot = actor.external?.snapshot else { return nil }
        for pool in actor.pools where workers.pools.indices.contains(pool) {
            guard let node = soonest(in: pool, actor, workers, sent) else { continue }
            return snapshots.isCached(snapshot, on: node) ? nil : node
        }
        return nil
    }

    private func soonest(in pool: Int, _ actor: WaitingActor, _ workers: WorkerIndex, _ sent: (NameID) -> Int) -> NameID? {
        var best: (ahead: Int, taken: Int, node: NameID)?
        var starting: NameID?
        for group in workers.pools[pool].groups where group.tally.ready + group.tally.starting > 0 {
            let tally = workers.tally(of: pool, on: group.node, actor.eligibility)
            if tally.starting > 0, starting.map({ group.node < $0 }) ?? true { starting = group.node }
            guard tally.ready > 0 else { continue }
            let (ahead, taken) = (sent(group.node) + 1, max(1, tally.usedSlots))
            guard let known = best else { best = (ahead, taken, group.node); continue }
            // ahead ÷ taken < known.ahead ÷ known.taken, in whole numbers.
            let (mine, theirs) = (ahead * known.taken, known.ahead * taken)
            if mine < theirs || (mine == theirs && group.node < known.node) { best = (ahead, taken, group.node) }
        }
        return best?.node ?? starting
    }
}
