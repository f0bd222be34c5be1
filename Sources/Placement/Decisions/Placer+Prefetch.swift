public import Domain

// Which node could fetch an actor's snapshot before the actor comes?
//
// For one that waits, or that will wake soon: where it would be placed if a worker is free; else the node with most workers
// that may take it, as a slot there comes free first. No answer where fetching gains nothing: it has no external snapshot,
// is paused on a node that can resume it, or a node that may take it has the snapshot already. O(nodes of the pool) where
// it must wait, else O(log n).

public struct PrefetchSuggestion: Hashable, Sendable {
    public var node: NameID
    public var snapshot: SnapshotID
    public var bytes: Int64
    /// Restore time saved if the actor comes there.
    public var savedMicroseconds: Int64
}

extension Placer {
    public func prefetch(_ actor: WaitingActor, _ rules: PlacementRules, at now: LogTime) -> PrefetchSuggestion? {
        guard let external = actor.external else { return nil }
        switch decide(actor, rules, at: now) {
        case .place(let choice):
            guard choice.tier == .cold, let node = workers.facts(of: choice.worker)?.node else { return nil }
            return suggestion(node, external)
        case .wait(let blocked):
            guard blocked.reason == .poolExhausted, blocked.eligibleThere.ready == 0 else { return nil }
            return likeliest(actor).flatMap { suggestion($0, external) }
        }
    }

    private func suggestion(_ node: NameID, _ external: ExternalSnapshot) -> PrefetchSuggestion? {
        let saved = bandwidth.microseconds(.cold, bytes: external.bytes) - bandwidth.microseconds(.warm, bytes: external.bytes)
        guard saved > 0 || external.bytes == 0 else { return nil }
        return PrefetchSuggestion(node: node, snapshot: external.snapshot, bytes: external.bytes, savedMicroseconds: max(0, saved))
    }

    /// The node with most workers for the actor in the first of its pools that has any; nil where one of them has the
    /// snapshot. The lowest name of equals.
    private func likeliest(_ actor: WaitingActor) -> NameID? {
        guard let snapshot = actor.external?.snapshot else { return nil }
        for pool in actor.pools where workers.pools.indices.contains(pool) {
            var best: (ready: Int, node: NameID)?
            for group in workers.pools[pool].groups where group.tally.ready > 0 {
                let ready = workers.tally(of: pool, on: group.node, actor.eligibility).ready
                guard ready > 0 else { continue }
                if snapshots.isCached(snapshot, on: group.node) { return nil }
                if best.map({ ready > $0.ready || (ready == $0.ready && group.node < $0.node) }) ?? true { best = (ready, group.node) }
            }
            if let best { return best.node }
        }
        return nil
    }
}
