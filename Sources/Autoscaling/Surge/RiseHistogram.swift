// For how long were rises how high?
//
// Time by height of rise: each height up to 63 by itself, above in 32 steps to an octave, so that none is off by more than
// 3 %. Two Fenwick trees, of time and of time × height: adding time, finding a quantile and what lies beyond it take
// O(log n) of its 640 buckets.

struct RiseHistogram: Hashable, Sendable {
    static let exactBuckets = 64
    private static let stepBits = 5
    /// Rises beyond 2²⁴ actors count as that: over a day of microseconds, time × height stays below 2⁶¹.
    private static let mostBits = 24
    static let buckets = exactBuckets + (mostBits - 6) << stepBits
    static let highestRise = 1 << mostBits - 1

    private struct Node: Hashable, Sendable {
        var time: Int64 = 0
        var area: Int64 = 0
    }

    /// From 1; nothing stands at 0.
    private var tree = [Node](repeating: Node(), count: buckets + 1)
    private(set) var total: Int64 = 0
    private var totalArea: Int64 = 0

    /// 5 is in bucket 5; 64 and 65 share the first beyond the exact ones.
    static func bucket(of rise: Int) -> Int {
        guard rise >= exactBuckets else { return max(0, rise) }
        let value = min(rise, highestRise)
        let bits = Int.bitWidth - 1 - value.leadingZeroBitCount
        let step = (value >> (bits - stepBits)) & (1 << stepBits - 1)
        return exactBuckets + (bits - 6) << stepBits + step
    }

    /// The highest rise of a bucket.
    static func highest(of bucket: Int) -> Int {
        guard bucket >= exactBuckets else { return bucket }
        let above = bucket - exactBuckets
        let bits = above >> stepBits + 6
        let step = above & (1 << stepBits - 1)
        return (1 << stepBits + step + 1) << (bits - stepBits) - 1
    }

    /// Negative time takes away what was added. A sum of damaged numbers wraps, and is as wrong as they are.
    mutating func add(_ microseconds: Int64, to bucket: Int) {
        let bucket = min(max(bucket, 0), Self.buckets - 1)
        let area = microseconds &* Int64(Self.highest(of: bucket))
        total &+= microseconds
        totalArea &+= area
        var index = bucket + 1
        while index <= Self.buckets {
            tree[index].time &+= microseconds
            tree[index].area &+= area
            index += index & -index
        }
    }

    /// The bucket in which the quantile lies; 0 where nothing was seen. Time missing to `least` counts as the highest seen.
    func bucket(atPPM ppm: Int, ofAtLeast least: Int64) -> Int {
        guard total > 0 else { return 0 }
        let wanted = Int64(clamping: (Double(max(total, least)) * Double(ppm) / 1_000_000).rounded(.up))
        // The first bucket up to which at least that much time was seen.
        var rest = min(max(wanted, 1), total)
        var index = 0
        var step = 1 << (Int.bitWidth - 1 - Self.buckets.leadingZeroBitCount)
        while step > 0 {
            if index + step <= Self.buckets, tree[index + step].time < rest {
                index += step
                rest &-= tree[index].time
            }
            step >>= 1
        }
        return min(index, Self.buckets - 1)
    }

    /// By how much, and for how long, rises went beyond this bucket's highest: actors × microseconds.
    func shortfall(beyond bucket: Int) -> Int64 {
        var (time, area) = (total, totalArea)
        var index = min(max(bucket, 0), Self.buckets - 1) + 1
        while index > 0 {
            time &-= tree[index].time
            area &-= tree[index].area
            index -= index & -index
        }
        return area &- time &* Int64(Self.highest(of: bucket))
    }
}
