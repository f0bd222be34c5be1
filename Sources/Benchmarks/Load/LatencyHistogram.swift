// How long did requests take?
//
// Counts by size class: 32 classes to each doubling, so a quantile is right to about 3 %. 8 kB, whatever is recorded.

package struct LatencyHistogram: Hashable, Sendable {
    private static let classesPerDoubling: Int64 = 32
    private static let shift: Int64 = 5
    private var counts = [Int64](repeating: 0, count: 1_024)
    package private(set) var count: Int64 = 0
    package private(set) var maxMicroseconds: Int64 = 0
    private var sum: Int64 = 0

    package init() {}

    package mutating func record(microseconds: Int64) {
        let value = max(microseconds, 0)
        counts[min(Self.index(value), counts.count - 1)] += 1
        count += 1
        sum += value
        maxMicroseconds = max(maxMicroseconds, value)
    }

    package mutating func merge(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        sum += other.sum
        maxMicroseconds = max(maxMicroseconds, other.maxMicroseconds)
    }

    package var meanMicroseconds: Double { count == 0 ? 0 : Double(sum) / Double(count) }

    /// The value that a share `q` of all are at or below, 0 to 1.
    package func quantileMicroseconds(_ q: Double) -> Int64 {
        let rank = Int64((Double(count) * q).rounded(.up))
        var seen: Int64 = 0
        for (index, count) in counts.enumerated() {
            seen += count
            if seen >= max(rank, 1) { return min(Self.upperEnd(index), maxMicroseconds) }
        }
        return maxMicroseconds
    }

    private static func index(_ value: Int64) -> Int {
        if value < classesPerDoubling { return Int(value) }
        let exponent = Int64(63 - value.leadingZeroBitCount) - shift
        return Int((exponent + 1) * classesPerDoubling + (value >> exponent) - classesPerDoubling)
    }

    private static func upperEnd(_ index: Int) -> Int64 {
        let index = Int64(index)
        if index < classesPerDoubling { return index }
        let exponent = index / classesPerDoubling - 1
        return ((index % classesPerDoubling + classesPerDoubling + 1) << exponent) - 1
    }
}
