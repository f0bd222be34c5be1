package import Domain

// From where were actors restored, how much was that, and how long did it take?
//
// Always: every placement of a turn is one restore of exactly one tier.

package struct SimulatedRestores: Hashable, Sendable {
    package struct Sum: Hashable, Sendable {
        package var count = 0
        package var bytes: Int64 = 0
        package var microseconds: Int64 = 0

        package var seconds: Double { Double(microseconds) / 1e6 }
    }

    package var placement: SimulatedPlacement
    private var sums = [Sum](repeating: Sum(), count: RestoreTier.allCases.count)
    /// Turns that arrived while their actor was busy, and asked for a worker when it rested.
    package var heldTurns = 0

    init(_ placement: SimulatedPlacement) { self.placement = placement }

    mutating func add(_ tier: RestoreTier, bytes: Int64, microseconds: Int64) {
        let index = Int(tier.rawValue)
        sums[index].count += 1
        sums[index].bytes += bytes
        sums[index].microseconds += microseconds
    }

    package subscript(_ tier: RestoreTier) -> Sum { sums[Int(tier.rawValue)] }

    package var count: Int { sums.reduce(0) { $0 + $1.count } }
    package var bytes: Int64 { sums.reduce(0) { $0 + $1.bytes } }
    /// What came from object storage; all else was read on the node itself.
    package var fetchedBytes: Int64 { self[.cold].bytes }
    package var seconds: Double { Double(sums.reduce(0) { $0 + $1.microseconds }) / 1e6 }

    package func share(_ tier: RestoreTier) -> Double { count > 0 ? Double(self[tier].count) / Double(count) : 0 }

    /// The share of `other`'s fetched bytes that was not fetched here; below zero where more was.
    package func fetchedLess(than other: SimulatedRestores) -> Double {
        other.fetchedBytes > 0 ? 1 - Double(fetchedBytes) / Double(other.fetchedBytes) : 0
    }
}

extension SimulatedRestores {
    /// Members of the run's object. `random` is the same policy placed at random.
    func write(to json: inout JSONWriter, against random: SimulatedRestores?) {
        json.member("placement", placement.rawValue)
        json.key("restores")
        json.openObject()
        for tier in RestoreTier.allCases {
            json.key(tier.name)
            json.openObject()
            json.member("count", self[tier].count)
            json.member("share", Self.rounded(share(tier)))
            json.member("bytes", self[tier].bytes)
            json.member("seconds", self[tier].seconds)
            json.closeObject()
        }
        json.closeObject()
        json.member("restoreBytes", bytes)
        json.member("fetchedBytes", fetchedBytes)
        json.member("restoreSeconds", seconds)
        json.member("heldTurns", heldTurns)
        guard let random, placement != .random else { return }
        json.key("savedAgainstRandom")
        json.openObject()
        json.member("fetchedBytes", random.fetchedBytes - fetchedBytes)
        json.member("fetchedShare", Self.rounded(fetchedLess(than: random)))
        json.member("restoreSeconds", Self.rounded(random.seconds - seconds))
        json.closeObject()
    }

    private static func rounded(_ value: Double) -> Double { (value * 1e6).rounded() / 1e6 }
}
