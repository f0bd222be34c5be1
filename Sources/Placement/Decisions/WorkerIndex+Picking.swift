import Domain

// Which worker has the lowest score?
//
// In a pool the answer is the oldest worker of one zone at one pack level: a look at a word or two for each zone. On a node
// it is the top of the node's heap, where no condition is asked. What a condition leaves of one node is gone through: its
// free workers of that pool. A condition that isn't kept (`prepare`) is answered by going through the pool.

/// What every worker of a tier has in common for one actor.
struct PickTerms {
    var tier: RestoreTier
    var bytes: Int64
    var bandwidth: RestoreBandwidth
    var zoneMaxSkew: Int?

    func restoreMicroseconds(_ zone: NameID) -> Int64 { bandwidth.microseconds(tier, bytes: bytes, zone: zone) }
}

struct Candidate {
    var worker: Int
    var pool: Int
    var score: PlacementScore
}

extension WorkerIndex {
    func best(in pool: Int, _ eligibility: Eligibility, _ terms: PickTerms) -> Candidate? {
        guard pools.indices.contains(pool) else { return nil }
        if let view = pools[pool].view(eligibility) {
            return pools[pool].best(view, terms).map { candidate($0, pool, terms) }
        }
        return lowest(pools[pool].seats.indices.lazy.filter { pools[pool].seats[$0].worker >= 0 }, pool, eligibility, terms)
    }

    func best(in pool: Int, on node: NameID, _ eligibility: Eligibility, _ terms: PickTerms) -> Candidate? {
        guard pools.indices.contains(pool), let group = pools[pool].groupByNode[node] else { return nil }
        let heap = pools[pool].groups[Int(group)].heap
        guard let top = heap.first else { return nil }
        if eligibility == .anyone { return candidate(NodeWorkers.rank(top), pool, terms) }
        return lowest(heap.lazy.map { NodeWorkers.rank($0) }, pool, eligibility, terms)
    }

    func tally(of pool: Int, _ eligibility: Eligibility) -> WorkerTally {
        guard pools.indices.contains(pool) else { return WorkerTally() }
        if let view = pools[pool].view(eligibility) { return pools[pool].views[view].tally }
        return tally(pools[pool].seats.indices.lazy.filter { pools[pool].seats[$0].worker >= 0 }, pool, eligibility)
    }

    func tally(of pool: Int, on node: NameID, _ eligibility: Eligibility) -> WorkerTally {
        guard pools.indices.contains(pool), let group = pools[pool].groupByNode[node] else { return WorkerTally() }
        if eligibility == .anyone { return pools[pool].groups[Int(group)].tally }
        return tally(pools[pool].groups[Int(group)].members.lazy.map { Int($0) }, pool, eligibility)
    }

    /// Slots taken on the ready workers of a node that may take the actor.
    func busySlots(of pool: Int, on node: NameID, _ eligibility: Eligibility) -> Int {
        guard pools.indices.contains(pool), let group = pools[pool].groupByNode[node] else { return 0 }
        return pools[pool].groups[Int(group)].members.reduce(0) { sum, rank in
            let seat = pools[pool].seats[Int(rank)]
            return seat.facts.phase == .ready && accepts(eligibility, seat.facts) ? sum + Int(seat.used) : sum
        }
    }

    private func accepts(_ eligibility: Eligibility, _ facts: WorkerFacts) -> Bool {
        eligibility.accepts(facts, goldens: eligibility.golden == nil ? [] : goldens(on: facts.node))
    }

    private func candidate(_ rank: Int, _ pool: Int, _ terms: PickTerms) -> Candidate {
        Candidate(worker: Int(pools[pool].seats[rank].worker), pool: pool, score: pools[pool].score(rank, terms))
    }

    private func lowest(_ ranks: some Sequence<Int>, _ pool: Int, _ eligibility: Eligibility, _ terms: PickTerms) -> Candidate? {
        var best: (rank: Int, score: PlacementScore)?
        for rank in ranks where pools[pool].seats[rank].level != PackLevel.none && accepts(eligibility, pools[pool].seats[rank].facts) {
            let score = pools[pool].score(rank, terms)
            if best.map({ score < $0.score }) ?? true { best = (rank, score) }
        }
        return best.map { Candidate(worker: Int(pools[pool].seats[$0.rank].worker), pool: pool, score: $0.score) }
    }

    private func tally(_ ranks: some Sequence<Int>, _ pool: Int, _ eligibility: Eligibility) -> WorkerTally {
        var tally = WorkerTally()
        for rank in ranks {
            let seat = pools[pool].seats[rank]
            if accepts(eligibility, seat.facts) { tally.count(seat.facts, used: Int(seat.used), by: 1) }
        }
        return tally
    }
}

extension PoolWorkers {
    /// The rank with the lowest score in a view.
    func best(_ view: Int, _ terms: PickTerms) -> Int? {
        guard let level = views[view].lowestLevel else { return nil }
        let least = level == PackLevel.idle ? leastInUse(terms.zoneMaxSkew) : 0
        var best: (skew: Int, restore: Int64, rank: Int)?
        for zone in views[view].levels.indices where views[view].has(zone: zone, level: level) {
            guard let rank = views[view].first(zone: zone, level: level) else { continue }
            let skew = level == PackLevel.idle ? self.skew(zone, least: least, terms.zoneMaxSkew) : 0
            let restore = terms.restoreMicroseconds(zones[zone])
            if best.map({ (skew, restore, rank) < $0 }) ?? true { best = (skew, restore, rank) }
        }
        return best?.rank
    }

    func score(_ rank: Int, _ terms: PickTerms) -> PlacementScore {
        let zone = Int(seats[rank].zone)
        let isIdle = seats[rank].level == PackLevel.idle
        return PlacementScore(
            tier: terms.tier, packLevel: seats[rank].level,
            skew: isIdle ? skew(zone, least: leastInUse(terms.zoneMaxSkew), terms.zoneMaxSkew) : 0,
            restoreMicroseconds: terms.restoreMicroseconds(zones[zone]), readySeq: seats[rank].facts.readySeq)
    }

    /// Workers in use in the zone that has fewest of them, of the zones with any ready worker.
    private func leastInUse(_ maxSkew: Int?) -> Int {
        guard maxSkew != nil else { return 0 }
        var least = Int.max
        for zone in zones.indices where readyByZone[zone] > 0 { least = min(least, inUseByZone[zone]) }
        return least
    }

    /// With 3 in use here, 1 in another zone and a most of 1: one more here is 2 too many.
    private func skew(_ zone: Int, least: Int, _ maxSkew: Int?) -> Int {
        guard let maxSkew else { return 0 }
        return max(0, inUseByZone[zone] + 1 - least - maxSkew)
    }
}
