import Autoscaling
package import Domain
package import Placement

// What does placement know of a waiting actor, by which rules is it placed, and why do a pool's actors wait?

extension State {
    /// A waiting actor as the placer sees it. `told` reads the snapshot that the log has at a position.
    /// - Parameter usable: pools that the actor may use, its own first; for who asks for one actor of a pool after the other.
    package func waitingActor(_ ticket: WaitingTicket, usable: [Int]? = nil, ahead: Int = 0, told: (Position) -> RecordedSnapshot?)
        -> WaitingActor
    {
        let actor = actors[ticket.actor]
        let home = Int(actor.pool)
        let traits = actors.traits(of: actor)
        return WaitingActor(
            pools: usable ?? usablePools(home), eligibility: Eligibility(sandboxClass: traits.sandboxClass, selector: ticket.selector),
            template: traits.template, paused: active[ticket.actor]?.paused,
            external: actor.snapshotSeq > 0 ? told(actor.snapshotSeq)?.external : nil,
            requestedAt: ticket.requestedAt, quota: pools[home].queue.quota(of: ticket.tenant), aheadOnNode: ahead)
    }

    package func usablePools(_ home: Int) -> [Int] { [home] + pools[home].placing.spill }

    package func placementRules(_ pool: Int) -> PlacementRules {
        pools[pool].policy?.placementRules(hold: pools[pool].steadyHoldMicroseconds)
            ?? PlacementRules(
                zoneMaxSkew: nil, localWaitMicroseconds: nil, holdMicroseconds: pools[pool].steadyHoldMicroseconds, canGrow: false)
    }

    // MARK: - Rules of a policy

    /// A policy took effect, or was taken away.
    package mutating func adoptPlacementRules(_ home: Int) {
        var quotas: [NameID: Int] = [:]
        for quota in pools[home].policy?.policy.quotas ?? [] { quotas[label(quota.tenant)] = quota.maxRunning }
        if quotas.count != pools[home].queue.quotaCount || !quotas.isEmpty { pools[home].queue.setQuotas(quotas) }
        news.note(rulesOf: home)
        news.note(pool: home)
        findSpill()
        adoptPrefetch(home)
    }

    /// Which pools may use which: anew whenever a pool or a policy comes. Nothing to do where no policy names any.
    package mutating func findSpill() {
        let spills = pools.indices.filter { !(pools[$0].policy?.policy.spillTo.isEmpty ?? true) }
        guard !spills.isEmpty || pools.contains(where: { !$0.placing.spill.isEmpty }) else { return }
        for pool in pools.indices {
            pools[pool].placing.spill = []
            pools[pool].placing.spilledFrom = []
        }
        let byText = Dictionary(pools.indices.map { (pools[$0].text, $0) }) { first, _ in first }
        for pool in spills {
            for name in pools[pool].policy?.policy.spillTo ?? [] {
                // What claims take is not for actors that are placed.
                guard let other = byText[name], other != pool, !pools[pool].placing.spill.contains(other), !pools[other].isUnclaimed else {
                    continue
                }
                pools[pool].placing.spill.append(other)
                pools[other].placing.spilledFrom.append(pool)
            }
        }
    }

    // MARK: - Why they wait

    /// Counts a waiting actor by what it waits for (`step` 1), or takes it out (-1).
    package mutating func countWaiting(_ actor: ActorRecord, _ index: Int, _ selector: [LabelPair], by step: Int) {
        let home = Int(actor.pool)
        if let paused = active[index]?.paused {
            pools[home].placing.countPaused(paused.node, hasExternal: actor.snapshotSeq > 0 && !paused.isBound, by: step)
            if pools[home].placing.pausedWaiting.isEmpty { pausedPools.remove(home) } else { pausedPools.insert(home) }
            // Others on the node may have one more before them.
            if step > 0 { news.note(oneMoreOn: paused.node, in: home) }
        }
        let sandboxClass = actors.traits(of: actor).sandboxClass
        guard !selector.isEmpty || !sandboxClass.isNone else { return }
        let eligibility = Eligibility(sandboxClass: sandboxClass, selector: selector)
        pools[home].placing.count(eligibility, by: step)
        guard step > 0 else { return }
        placer.keep(eligibility, in: home)
        for other in pools[home].placing.spill { placer.keep(eligibility, in: other) }
    }

    /// Why those who wait in a pool do, but for those who only need one more worker like any other.
    package func blockedSplit(_ pool: Int) -> BlockedSplit {
        guard pools[pool].mayBeSplit else { return BlockedSplit() }
        // Rules that look at the reasons need them from the first request on.
        guard splitsDemand || (pools[pool].policy?.rules ?? .first) >= .quotaIsNoDemand else { return BlockedSplit() }
        var split = BlockedSplit()
        var left = pools[pool].queue.count
        if pools[pool].queue.quotaCount > 0 { split.quota = min(left, pools[pool].queue.overQuota) }
        left -= split.quota
        split.noEligiblePool = min(left, withoutEligible(pool))
        left -= split.noEligiblePool
        guard left > 0, !pools[pool].placing.pausedWaiting.isEmpty else { return split }
        splitByNode(&split, pool, left)
        return split
    }

    private func splitByNode(_ split: inout BlockedSplit, _ pool: Int, _ left: Int) {
        var available = pools[pool].workers.idle + pools[pool].workers.partial
        for other in pools[pool].placing.spill { available += pools[other].workers.idle + pools[other].workers.partial }
        var most: (count: Int, node: NameID)?
        // In no order. Of nodes where equally many are stuck, the lowest is named.
        pools[pool].placing.pausedWaiting.forEach { node, count in
            let stuck = stuck(count, room(on: node, for: pool), available: available)
            guard stuck > 0 else { return }
            split.nodeLocality += stuck
            if most.map({ stuck > $0.count || (stuck == $0.count && node < $0.node) }) ?? true { most = (stuck, node) }
        }
        split.nodeLocality = min(left, split.nodeLocality)
        split.node = most.map { labels.text(of: $0.node) }
    }

    /// Of the pools that its actors may use.
    private func room(on node: NameID, for pool: Int) -> NodeRoom {
        var room = pools[pool].placing.rooms[node] ?? NodeRoom()
        for other in pools[pool].placing.spill { room += pools[other].placing.rooms[node] ?? NodeRoom() }
        return room
    }

    /// Of the actors paused on a node: those with no free slot there while one is free elsewhere, or will be free nowhere else.
    private func stuck(_ count: PoolPlacing.OnNode, _ room: NodeRoom, available: Int) -> Int {
        if room.ready == 0 { return count.withoutExternal }
        return available > room.withRoom ? max(0, count.waiting - room.freeSlots) : 0
    }

    /// Those who ask for a class or labels that no worker there is has.
    private func withoutEligible(_ pool: Int) -> Int {
        guard !pools[pool].placing.conditions.isEmpty else { return 0 }
        let usable = usablePools(pool)
        guard usable.contains(where: { !pools[$0].members.isEmpty }) else { return 0 }
        return pools[pool].placing.conditions.reduce(0) { sum, condition in
            let isMet = usable.contains { placer.workers.tally(of: $0, meeting: condition.key).ready > 0 }
            return sum + (isMet ? 0 : condition.value)
        }
    }

    /// The reason for one actor, without a look into the log.
    package func blockedReason(of index: Int) -> BlockedReason {
        let actor = actors[index]
        let pool = pools[Int(actor.pool)]
        if pool.isBarren { return .noEligiblePool }
        if let quota = pool.queue.quota(of: actors.traits(of: actor).tenant), quota.isUsedUp { return .quota }
        if active[index]?.paused != nil, pool.placing.split.nodeLocality > 0 { return .nodeLocality }
        if pool.placing.split.noEligiblePool > 0, let ticket = pool.queue[actor.stateSeq] {
            let eligibility = Eligibility(sandboxClass: actors.traits(of: actor).sandboxClass, selector: ticket.selector)
            let usable = [Int(actor.pool)] + pool.placing.spill
            if !usable.contains(where: { placer.workers.tally(of: $0, meeting: eligibility).ready > 0 }) { return .noEligiblePool }
        }
        return .poolExhausted
    }
}
