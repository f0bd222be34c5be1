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
        read(pool) { workers in
            if let view = workers.view(eligibility) {
                return workers.best(view, terms).map { workers.candidate($0, pool, terms) }
            }
            return lowest(workers.seats.indices.lazy.filter { workers.seats[$0].worker >= 0 }, workers, eligibility, terms).map { workers.candidate($0, pool, terms) }
        } ?? nil
    }

    func best(in pool: Int, on node: NameID, _ eligibility: Eligibility, _ terms: PickTerms) -> Candidate? {
        read(pool) { workers in
            guard let group = workers.groupByNode[node], let top = workers.groups[group].heap.first else { return nil }
            if eligibility == .anyone { return workers.candidate(NodeWorkers.rank(top), pool, terms) }
            let free = workers.groups[group].heap.lazy.map { NodeWorkers.rank($0) }
            return lowest(free, workers, eligibility, terms).map { workers.candidate($0, pool, terms) }
        } ?? nil
    }

    func tally(of pool: Int, _ eligibility: Eligibility) -> WorkerTally {
        read(pool) { workers in
            if let view = workers.view(eligibility) { return workers.views[view].tally }
            return tally(workers.seats.indices.lazy.filter { workers.seats[$0].worker >= 0 }, workers, eligibility)
        } ?? WorkerTally()
    }

    func tally(of pool: Int, on node: NameID, _ eligibility: Eligibility) -> WorkerTally {
        read(pool) { workers in
            guard let group = workers.groupByNode[node] else { return WorkerTally() }
            if eligibility == .anyone { return workers.groups[group].tally }
            return tally(workers.groups[group].members.lazy.map { Int($0) }, workers, eligibility)
        } ?? WorkerTally()
    }

    /// A pool where it lies; nil where no worker ever was in it. Read through a pointer, as a copy costs more than a pick.
    private func read<Answer>(_ pool: Int, _ body: (borrowing PoolWorkers) -> Answer) -> Answer? {
        pools.withUnsafeBufferPointer { pools in
            guard pools.indices.contains(pool) else { return nil }
            return body(pools[pool])
        }
    }

    private func accepts(_ eligibility: Eligibility, _ facts: WorkerFacts) -> Bool {
        eligibility.accepts(facts, goldens: eligibility.golden == nil ? [] : goldens(on: facts.node))
    }

    private func lowest(_ ranks: some Sequence<Int>, _ workers: borrowing PoolWorkers, _ eligibility: Eligibility, _ terms: PickTerms) -> Int? {
        var best: (rank: Int, score: PlacementScore)?
        for rank in ranks where workers.seats[rank].level != PackLevel.none && accepts(eligibility, workers.seats[rank].facts) {
            let score = workers.score(rank, terms)
            if best.map({ score < $0.score }) ?? true { best = (rank, score) }
        }
        return best?.rank
    }

    private func tally(_ ranks: some Sequence<Int>, _ workers: borrowing PoolWorkers, _ eligibility: Eligibility) -> WorkerTally {
        var tally = WorkerTally()
        for rank in ranks where accepts(eligibility, workers.seats[rank].facts) {
            tally.count(workers.seats[rank].facts.phase, slots: workers.seats[rank].facts.slots, used: Int(workers.seats[rank].used), by: 1)
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

    func candidate(_ rank: Int, _ pool: Int, _ terms: PickTerms) -> Candidate {
        Candidate(worker: Int(seats[rank].worker), pool: pool, score: score(rank, terms))
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
