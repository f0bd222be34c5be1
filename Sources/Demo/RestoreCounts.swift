package import Domain

// From how near were actors restored, and how long did that take?
//
// By the tier of each placement; durations are those that workers reported.

package struct RestoreCounts: Hashable, Sendable {
    private struct Sum: Hashable, Sendable {
        var placed = 0
        var reported = 0
        var millis: Int64 = 0
    }

    private var sums = [Sum](repeating: Sum(), count: RestoreTier.allCases.count)

    package mutating func place(_ tier: RestoreTier) { sums[Int(tier.rawValue)].placed += 1 }

    package mutating func report(_ tier: RestoreTier, millis: Int64) {
        sums[Int(tier.rawValue)].reported += 1
        sums[Int(tier.rawValue)].millis += millis
    }

    package subscript(_ tier: RestoreTier) -> Int { sums[Int(tier.rawValue)].placed }

    package var cold: Int { self[.cold] }
    /// All that found something on their node.
    var near: Int { RestoreTier.allCases.filter { $0 != .cold }.reduce(0) { $0 + self[$1] } }

    /// nil where no worker said.
    package func meanSeconds(_ tier: RestoreTier) -> Double? {
        let sum = sums[Int(tier.rawValue)]
        return sum.reported > 0 ? Double(sum.millis) / 1_000 / Double(sum.reported) : nil
    }
}
