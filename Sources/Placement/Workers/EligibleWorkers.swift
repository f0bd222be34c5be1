import Domain

// Among the workers of a pool that meet one condition, which takes the next actor?
//
// Their ranks by zone and pack level, kept with every change, so that a pick looks at a few words for each zone and the
// numbers for an answer are at hand. Rank is age within the pool: the lowest is the oldest.

struct EligibleWorkers: Sendable {
    let eligibility: Eligibility
    private(set) var tally = WorkerTally()
    /// For each zone of the pool, which levels have any worker: bit `level - 1`.
    private(set) var levels: [UInt8] = []
    private var ranks: [RankBitmap] = []
    /// When it was last looked up, counted in lookups of the pool.
    var lastQueried: UInt64 = 0

    init(_ eligibility: Eligibility) { self.eligibility = eligibility }

    mutating func count(_ change: WorkerTally) { tally.add(change) }

    /// A worker has another pack level; `PackLevel.none` on either side stands for not in any set.
    mutating func move(_ rank: Int, zone: Int, from: Int, to: Int, capacity: Int) {
        if from != PackLevel.none { remove(rank, zone: zone, level: from) }
        if to != PackLevel.none { insert(rank, zone: zone, level: to, capacity: capacity) }
    }

    private mutating func insert(_ rank: Int, zone: Int, level: Int, capacity: Int) {
        while levels.count <= zone {
            levels.append(0)
            ranks.append(contentsOf: repeatElement(RankBitmap(), count: PackLevel.idle))
        }
        ranks[zone * PackLevel.idle + level - 1].insert(rank, capacity: capacity)
        levels[zone] |= 1 << UInt8(level - 1)
    }

    private mutating func remove(_ rank: Int, zone: Int, level: Int) {
        let set = zone * PackLevel.idle + level - 1
        ranks[set].remove(rank)
        if ranks[set].isEmpty { levels[zone] &= ~(1 << UInt8(level - 1)) }
    }

    /// The lowest level that any zone has; nil where no worker is free.
    var lowestLevel: Int? {
        var union: UInt8 = 0
        for mask in levels { union |= mask }
        return union == 0 ? nil : union.trailingZeroBitCount + 1
    }

    func first(zone: Int, level: Int) -> Int? { ranks[zone * PackLevel.idle + level - 1].first }

    func has(zone: Int, level: Int) -> Bool { levels[zone] & (1 << UInt8(level - 1)) != 0 }
}
