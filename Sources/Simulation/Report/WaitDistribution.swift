// How many turns waited how long?
//
// The waits of a run as the curve an operator reads quantiles from: how many turns waited at least so long. The ranks are
// spaced by their logarithm, so the longest waits are kept one by one, where they matter, and ten million waits take no
// more room than a few hundred points.

package struct WaitDistribution: Hashable, Sendable {
    package struct Point: Hashable, Sendable {
        package var seconds: Double
        /// Turns that waited this long or longer.
        package var turns: Int
    }

    /// Falling in `seconds`, rising in `turns`; only waits above zero.
    package let points: [Point]
    /// All turns, those that never waited included.
    package let turns: Int

    /// Ranks up to this one are all kept; beyond it each is a fortieth further.
    private static let exactRanks = 40

    /// - Parameter sortedMicroseconds: the wait of each turn, rising.
    package init(sortedMicroseconds waits: [Int64]) {
        turns = waits.count
        var points: [Point] = []
        let waited = waits.count - (waits.firstIndex { $0 > 0 } ?? waits.count)
        var rank = 1
        while rank <= waited {
            points.append(Point(seconds: Double(waits[waits.count - rank]) / 1e6, turns: rank))
            guard rank < waited else { break }
            rank = min(waited, rank + max(1, rank / Self.exactRanks))
        }
        self.points = points
    }

    package static let none = WaitDistribution(sortedMicroseconds: [])

    /// Turns that got a worker at once.
    package var unwaited: Int { turns - (points.last?.turns ?? 0) }
}
