import Basics

// How much of the demand that is there says something about the demand to come?
//
// Room for a surge is `base + share × held`. Where turns pile up, what comes is on top of what is there: share 1, the base
// is the quantile of rises. Where demand only wavers around its mean, what is there says nothing: share 0, the base is a
// constant level, and the count needn't move at all. Between these lie all others, so the share is learned. For each of
// five shares the base is the quantile q of what was needed beyond it; the share that counts is the one which would have
// cost least, where an actor without room costs as much as 1 ÷ (1 − q) actors' room without an actor:
//
//     cost = base + share × mean held + mean shortfall ÷ (1 − q)        (the price at which the quantile q is the best base)
//
// Always: a share changes only for one that is cheaper by 3 %, of equals the highest; it is 1 until enough was seen, since
// in a calm beginning all are alike, and 1 expects the most of a first burst.

struct SurgeShare: Hashable, Sendable {
    /// Shares are told in quarters.
    static let whole = 4
    /// Another share must be cheaper by this.
    private static let marginPPM = 30_000
    /// Of the window: what must have been seen before a share below 1 is believed.
    private static let leastSeenPPM: Int64 = 300_000

    /// In quarters.
    private(set) var quarters = whole
    private var needs = [RiseHistogram](repeating: RiseHistogram(), count: whole + 1)
    private var heldArea: Int64 = 0

    init(quarters: Int = whole) { self.quarters = min(max(quarters, 0), Self.whole) }

    var total: Int64 { needs[Self.whole].total }

    /// A while that began with `held` and saw `highest` within a start's time after it. Negative time takes it away.
    mutating func add(_ microseconds: Int64, highest: Int, held: Int) {
        heldArea &+= microseconds &* Int64(min(max(held, 0), RiseHistogram.highestRise))
        for quarters in 0...Self.whole {
            needs[quarters].add(
                microseconds, to: RiseHistogram.bucket(of: max(0, highest.subtractingClamped(Self.part(quarters, of: held)))))
        }
    }

    /// Room for what may come while `held` is there: at least that.
    func room(_ held: Int, quantilePPM: Int, leastSeen: Int64) -> Int {
        let base = RiseHistogram.highest(of: needs[quarters].bucket(atPPM: quantilePPM, ofAtLeast: leastSeen))
        return max(held, base + Self.part(quarters, of: held))
    }

    /// Looks again which share costs least.
    mutating func choose(quantilePPM: Int, leastSeen: Int64, windowMicroseconds: Int64) {
        guard total > 0, total >= windowMicroseconds / 1_000_000 * Self.leastSeenPPM else {
            quarters = Self.whole
            return
        }
        var best = quarters
        var least = cost(quarters, quantilePPM, leastSeen) * Double(1_000_000 - Self.marginPPM) / 1_000_000
        for other in (0...Self.whole).reversed() where other != quarters {
            let cost = cost(other, quantilePPM, leastSeen)
            if cost < least { (best, least) = (other, cost) }
        }
        quarters = best
    }

    /// In actors × microseconds.
    private func cost(_ quarters: Int, _ quantilePPM: Int, _ leastSeen: Int64) -> Double {
        let bucket = needs[quarters].bucket(atPPM: quantilePPM, ofAtLeast: leastSeen)
        let room = Double(RiseHistogram.highest(of: bucket)) * Double(total) + Double(heldArea) * Double(quarters) / Double(Self.whole)
        return room + Double(needs[quarters].shortfall(beyond: bucket)) * 1_000_000 / Double(max(1, 1_000_000 - quantilePPM))
    }

    private static func part(_ quarters: Int, of held: Int) -> Int { min(max(held, 0), RiseHistogram.highestRise) * quarters / whole }
}
