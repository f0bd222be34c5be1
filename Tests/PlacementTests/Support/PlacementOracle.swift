import Domain
@testable import Placement

/// Placement by going through everything each time: what `Placer` must agree with.
struct PlacementOracle {
    var workers: [Int: (facts: WorkerFacts, used: Int)] = [:]
    var cache: CacheOracle
    var bandwidth = RestoreBandwidth()

    init(limits: SnapshotCache.Limits) { cache = CacheOracle(limits: limits) }

    private func eligible(_ facts: WorkerFacts, _ actor: WaitingActor) -> Bool {
        guard actor.pools.contains(facts.pool) else { return false }
        guard actor.eligibility.sandboxClass.isNone || actor.eligibility.sandboxClass == facts.sandboxClass else { return false }
        return actor.eligibility.selector.allSatisfy { facts.labels.contains($0) }
    }

    private func tally(_ matches: (WorkerFacts) -> Bool) -> WorkerTally {
        var tally = WorkerTally()
        for worker in workers.values where matches(worker.facts) {
            switch worker.facts.phase {
            case .starting: tally.starting += 1
            case .draining: tally.draining += 1
            case .ready:
                if worker.used >= worker.facts.slots {
                    tally.full += 1
                } else if worker.used == 0 {
                    tally.free += 1
                } else {
                    tally.partial += 1
                }
                tally.freeSlots += max(0, worker.facts.slots - worker.used)
                tally.usedSlots += worker.used
            }
        }
        return tally
    }

    func score(_ index: Int, _ tier: RestoreTier, _ bytes: Int64, _ rules: PlacementRules) -> PlacementScore {
        let (facts, used) = workers[index]!
        var inUse: [NameID: Int] = [:]
        for worker in workers.values where worker.facts.pool == facts.pool && worker.facts.phase == .ready {
            inUse[worker.facts.zone, default: 0] += worker.used > 0 ? 1 : 0
        }
        var skew = 0
        if used == 0, let most = rules.zoneMaxSkew { skew = max(0, inUse[facts.zone]! + 1 - inUse.values.min()! - most) }
        return PlacementScore(
            tier: tier, packLevel: used == 0 ? 8 : min(7, facts.slots - used), skew: skew,
            restoreMicroseconds: bandwidth.microseconds(tier, bytes: bytes, zone: facts.zone), readySeq: facts.readySeq)
    }

    private func lowest(_ scored: [(Int, PlacementScore)]) -> (Int, PlacementScore)? { scored.min { $0.1 < $1.1 } }

    private func free(_ pool: Int, _ actor: WaitingActor) -> [Int] {
        workers.filter {
            $0.value.facts.pool == pool && $0.value.facts.phase == .ready && $0.value.used < $0.value.facts.slots
                && eligible($0.value.facts, actor)
        }.map(\.key)
    }

    private func anywhere(_ actor: WaitingActor, _ rules: PlacementRules, _ moved: MoveReason?) -> PlacementChoice? {
        let golden = cache.goldens[actor.template]
        for pool in actor.pools {
            let scored = free(pool, actor).map { index -> (Int, PlacementScore) in
                let node = workers[index]!.facts.node
                if let external = actor.external {
                    return (index, score(index, cache.isCached(external.snapshot, on: node) ? .warm : .cold, external.bytes, rules))
                }
                if let golden, cache.isCached(golden.snapshot, on: node) { return (index, score(index, .golden, golden.bytes, rules)) }
                return (index, score(index, .cold, golden?.bytes ?? 0, rules))
            }
            guard let (worker, score) = lowest(scored) else { continue }
            let source = actor.external.map { RestoreSource.external($0.snapshot) } ?? golden.map { .golden($0.snapshot) } ?? .nothing
            return PlacementChoice(worker: worker, pool: pool, score: score, source: source, moved: moved)
        }
        return nil
    }

    func decide(_ actor: WaitingActor, _ rules: PlacementRules, at now: LogTime) -> PlacementOutcome {
        if let quota = actor.quota, quota.running >= quota.maxRunning { return .wait(blocked(.quota, actor)) }
        var moved: MoveReason?
        if let paused = actor.paused {
            for pool in actor.pools {
                let there = free(pool, actor).filter { workers[$0]!.facts.node == paused.node }.map {
                    ($0, score($0, .local, paused.bytes, rules))
                }
                if let (worker, score) = lowest(there) {
                    return .place(PlacementChoice(worker: worker, pool: pool, score: score, source: .paused(paused.snapshot), moved: nil))
                }
            }
            let there = tally { eligible($0, actor) && $0.node == paused.node }
            let cost = actor.external.map {
                bandwidth.movingMicroseconds($0.bytes, local: paused.bytes)
            }
            let expected =
                there.usedSlots > 0 ? rules.holdMicroseconds.map { $0 * Int64(actor.aheadOnNode + 1) / Int64(there.usedSlots) } : nil
            let until = cost.map { actor.requestedAt.adding(microseconds: rules.localWaitMicroseconds ?? $0) }
            if !workers.values.contains(where: { $0.facts.node == paused.node }) {
                moved = .nodeGone
            } else if let cost, let until {
                if there.ready + there.starting == 0 {
                    moved = .noneEligibleThere
                } else if now >= until {
                    moved = .waitedEnough
                } else if rules.localWaitMicroseconds == nil, let expected, expected >= cost {
                    moved = .waitIsLonger
                }
            }
            if moved == nil {
                var blocked = blocked(.poolExhausted, actor)
                blocked.expectedWaitMicroseconds = expected
                blocked.waitsForNode = true
                blocked.waitsUntil = until
                if blocked.freeElsewhere > 0 || there.ready == 0 { blocked.reason = .nodeLocality }
                return .wait(blocked)
            }
        }
        if let choice = anywhere(actor, rules, moved) { return .place(choice) }
        var blocked = blocked(.poolExhausted, actor)
        if blocked.eligible.ready + blocked.eligible.starting == 0, blocked.all.ready + blocked.all.starting > 0 || !rules.canGrow {
            blocked.reason = .noEligiblePool
        }
        return .wait(blocked)
    }

    private func blocked(_ reason: BlockedReason, _ actor: WaitingActor) -> BlockedPlacement {
        var blocked = BlockedPlacement(reason: reason)
        blocked.eligible = tally { eligible($0, actor) }
        blocked.all = tally { actor.pools.contains($0.pool) }
        blocked.external = actor.external
        blocked.quota = actor.quota
        blocked.restoreMicroseconds = bandwidth.microseconds(
            .cold, bytes: actor.external?.bytes ?? cache.goldens[actor.template]?.bytes ?? 0)
        if let paused = actor.paused {
            blocked.node = paused.node
            blocked.eligibleThere = tally { eligible($0, actor) && $0.node == paused.node }
        }
        blocked.freeElsewhere = blocked.eligible.available - blocked.eligibleThere.available
        return blocked
    }

    /// Chooses one victim after the other, each time going through all that are left.
    func victims(of pool: Int, count: Int, zoneMaxSkew: Int?, at now: LogTime) -> [ScaleDownVictim] {
        let members = workers.filter { $0.value.facts.pool == pool }
        var victims = members.filter { $0.value.facts.phase == .starting && $0.value.used == 0 }
            .sorted { $0.value.facts.readySeq > $1.value.facts.readySeq }.prefix(count)
            .map { ScaleDownVictim(worker: $0.key, isReady: false, node: $0.value.facts.node, lostMicroseconds: 0, breaksSpread: false) }
        var ready = members.filter { $0.value.facts.phase == .ready }
        while victims.count < count {
            var byZone: [NameID: Int] = [:]
            for worker in ready.values { byZone[worker.facts.zone, default: 0] += 1 }
            var best: (key: (Int, Int64, Int64), victim: ScaleDownVictim)?
            let most = members.values.filter { $0.facts.phase == .ready }.map { byZone[$0.facts.zone] ?? 0 }.max() ?? 0
            for (index, worker) in ready where worker.used == 0 {
                let here = byZone[worker.facts.zone]!
                let breaks = zoneMaxSkew.map { here < most && most - (here - 1) > $0 } ?? false
                let bytes = cache.value(on: worker.facts.node, at: now)
                let saved = max(0, bandwidth.microseconds(.cold, bytes: bytes) - bandwidth.microseconds(.warm, bytes: bytes))
                let lost = saved / Int64(ready.values.count { $0.facts.node == worker.facts.node })
                let key = (breaks ? 1 : 0, lost, -worker.facts.readySeq)
                if best.map({ key < $0.key }) ?? true {
                    best = (
                        key,
                        ScaleDownVictim(worker: index, isReady: true, node: worker.facts.node, lostMicroseconds: lost, breaksSpread: breaks)
                    )
                }
            }
            guard let best else { break }
            ready[best.victim.worker] = nil
            victims.append(best.victim)
        }
        return victims
    }
}
