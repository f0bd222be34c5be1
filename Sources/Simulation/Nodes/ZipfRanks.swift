import Foundation

// Which rank is drawn, where few come often and many seldom?
//
// Zipf: rank r of n has the share r⁻ˢ ÷ (1⁻ˢ + … + n⁻ˢ). With s = 1.1 and n = 2,000 the first takes 18 % and the first ten
// half; s = 0 makes all alike. Ranks count from 0 here. O(log n) a draw.

package struct ZipfRanks: Sendable {
    package let exponent: Double
    /// Weights of all ranks up to each.
    private var cumulative: [Double] = []

    package init(count: Int, exponent: Double) {
        self.exponent = exponent
        cumulative.reserveCapacity(count)
        for _ in 0..<count { add() }
    }

    package var count: Int { cumulative.count }

    /// One rank more, behind all others.
    package mutating func add() { cumulative.append((cumulative.last ?? 0) + pow(Double(count + 1), -exponent)) }

    package func share(of rank: Int) -> Double {
        guard cumulative.indices.contains(rank), let all = cumulative.last else { return 0 }
        return (cumulative[rank] - (rank > 0 ? cumulative[rank - 1] : 0)) / all
    }

    /// The rank at `unit`, of 0..<1, when shares are laid end to end.
    package func rank(at unit: Double) -> Int {
        let drawn = unit * (cumulative.last ?? 0)
        var low = 0
        var high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] <= drawn { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
