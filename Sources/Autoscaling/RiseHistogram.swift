// For how long were rises how high?
//
// Time by height of rise: each height up to 63 by itself, above in 32 steps to an octave, so that none is off by more than
// 3 %. A Fenwick tree: adding time and finding a quantile take O(log n) of its 640 buckets.

struct RiseHistogram: Hashable, Sendable {
    static let exactBuckets = 64
    private static let stepBits = 5
    /// Rises beyond 2²⁴ actors count as that.
    private static let mostBits = 24
    static let buckets = exactBuckets + (mostBits - 6) << stepBits

    private static let treeSize = 1_024
    /// From 1; nothing stands at 0.
    private var tree = [Int64](repeating: 0, count: treeSize + 1)
    private(set) var total: Int64 = 0

    /// 5 is in bucket 5; 64 and 65 share the first beyond the exact ones.
    static func bucket(of rise: Int) -> Int {
        guard rise >= exactBuckets else { return max(0, rise) }
        let value = min(rise, 1 << mostBits - 1)
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

    mutating func add(_ microseconds: Int64, to bucket: Int) {
        total += microseconds
        var index = min(max(bucket, 0), Self.buckets - 1) + 1
        while index <= Self.treeSize {
            tree[index] += microseconds
            index += index & -index
        }
    }

    /// The bucket in which the quantile lies; 0 where nothing was seen. Time missing to `least` counts as the highest seen.
    func bucket(atPPM ppm: Int, ofAtLeast least: Int64) -> Int {
        guard total > 0 else { return 0 }
        let wanted = Int64((Double(max(total, least)) * Double(ppm) / 1_000_000).rounded(.up))
        // The first bucket up to which at least that much time was seen.
        var rest = min(max(wanted, 1), total)
        var index = 0
        var step = Self.treeSize
        while step > 0 {
            if index + step <= Self.treeSize, tree[index + step] < rest {
                index += step
                rest -= tree[index]
            }
            step >>= 1
        }
        return min(index, Self.buckets - 1)
    }
}
