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
            if let view = workers.view(eligibility) { return workers.best(view, pool, terms) }
            return lowest(workers.seats.indices.lazy.filter { workers.seats[$0].worker >= 0 }, workers, pool, eligibility, terms)
        } ?? nil
    }

    func best(in pool: Int, on node: NameID, _ eligibility: Eligibility, _ terms: PickTerms) -> Candidate? {
        read(pool) { workers in
            guard let group = workers.groupByNode[node], let first = workers.groups[group].first else { return nil }
            if eligibility.isAnyone { return workers.candidate(first, pool, terms) }
            return lowest(workers.groups[group].heap.lazy.map { NodeWorkers.rank($0) }, workers, pool, eligibility, terms)
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
            if eligibility.isAnyone { return workers.groups[group].tally }
            return tally(workers.groups[group].members.lazy.map { Int($0) }, workers, eligibility)
        } ?? WorkerTally()
    }

    /// nil where no worker ever was in the pool. Nothing counts references, as the index holds it meanwhile.
    @inline(__always)
    func read<Answer>(_ pool: Int, _ body: (PoolWorkers) -> Answer) -> Answer? {
        pools.indices.contains(pool) ? Unmanaged.passUnretained(pools[pool])._withUnsafeGuaranteedRef(body) : nil
    }

    private func lowest(
        _ ranks: some Sequence<Int>, _ workers: PoolWorkers, _ pool: Int, _ eligibility: Eligibility, _ terms: PickTerms
    ) -> Candidate? {
        var best: Candidate?
        let view = workers.view(eligibility)
        for rank in ranks where workers.seats[rank].level != PackLevel.none && accepts(rank, of: workers, eligibility, view) {
            let found = workers.candidate(rank, pool, terms)
            if best.map({ found.score < $0.score }) ?? true { best = found }
        }
        return best
    }

    private func tally(_ ranks: some Sequence<Int>, _ workers: PoolWorkers, _ eligibility: Eligibility) -> WorkerTally {
        var tally = WorkerTally()
        let view = workers.view(eligibility)
        for rank in ranks where accepts(rank, of: workers, eligibility, view) { tally.add(workers.seats[rank].tally) }
        return tally
    }

    /// Where the condition is kept, a bit of the seat says it.
    private func accepts(_ rank: Int, of workers: PoolWorkers, _ eligibility: Eligibility, _ view: Int?) -> Bool {
        view.map { workers.seats[rank].views & (1 << UInt64($0)) != 0 } ?? nodes.accept(workers.facts[rank], eligibility)
    }
}

extension PoolWorkers {
    /// The worker with the lowest score in a view.
    func best(_ view: Int, _ pool: Int, _ terms: PickTerms) -> Candidate? {
        guard let level = views[view].lowestLevel else { return nil }
        let least = level == PackLevel.idle ? leastInUse(terms.zoneMaxSkew) : 0
        var best: (skew: Int, restore: Int64, rank: Int)?
        for zone in views[view].levels.indices where views[view].has(zone: zone, level: level) {
            guard let rank = views[view].first(zone: zone, level: level) else { continue }
            let skew = level == PackLevel.idle ? self.skew(zone, least: least, terms.zoneMaxSkew) : 0
            if let best, best.skew < skew { continue }
            let restore = terms.restoreMicroseconds(zones[zone])
            if best.map({ (skew, restore, rank) < $0 }) ?? true { best = (skew, restore, rank) }
        }
        return best.map { candidate($0.rank, pool, terms, skew: $0.skew, restoreMicroseconds: $0.restore) }
    }

    func candidate(_ rank: Int, _ pool: Int, _ terms: PickTerms) -> Candidate {
        let zone = Int(seats[rank].zone)
        let isIdle = seats[rank].level == PackLevel.idle
        return candidate(
            rank, pool, terms, skew: isIdle ? skew(zone, least: leastInUse(terms.zoneMaxSkew), terms.zoneMaxSkew) : 0,
            restoreMicroseconds: terms.restoreMicroseconds(zones[zone]))
    }

    private func candidate(_ rank: Int, _ pool: Int, _ terms: PickTerms, skew: Int, restoreMicroseconds: Int64) -> Candidate {
        let score = PlacementScore(
            tier: terms.tier, packLevel: Int(seats[rank].level), skew: skew, restoreMicroseconds: restoreMicroseconds,
            readySeq: seats[rank].readySeq)
        return Candidate(worker: Int(seats[rank].worker), pool: pool, score: score)
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
