import Testing

@testable import ControlLoop
@testable import Views
@testable import State

@Suite("Durations of one thing")
struct DurationRingTests {
    @Test("the 90th percentile is that of the last 128, by nearest rank", arguments: [1, 2, 9, 10, 11, 127, 128, 129, 500])
    func percentile(count: Int) {
        var ring = DurationRing()
        var all: [Int64] = []
        var state: UInt64 = 7
        for _ in 0..<count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // Few values, so that equal ones come and go.
            let value = Int64(state >> 60)
            ring.add(microseconds: value)
            all.append(value)
        }
        let kept = all.suffix(128).sorted()
        let rank = Int((0.9 * Double(kept.count)).rounded(.up))
        #expect(ring.p90Microseconds == kept[rank - 1])
        #expect(ring.quantiles([1]) == [Double(kept[kept.count - 1]) / 1e6])
    }

    @Test("nothing measured is no duration")
    func empty() { #expect(DurationRing().p90Microseconds == nil) }

    @Test("pools touched in a round come once, in order, and are forgotten")
    func touched() {
        var pools = TouchedPools()
        for pool in [5, 1, 5, 3, 1] { pools.insert(pool) }
        #expect(pools.take() == [1, 3, 5])
        pools.insert(3)
        #expect(pools.take() == [3])
        #expect(pools.take() == [])
    }

    @Test(
        "seconds are written with the places they need",
        arguments: [
            (0, "0"), (1, "0.000001"), (100_000, "0.1"), (1_000_000, "1"), (1_020_000, "1.02"), (12_345_678, "12.345678"), (-5, "0"),
        ] as [(Int64, String)])
    func seconds(microseconds: Int64, text: String) { #expect(Outputs.seconds(microseconds: microseconds) == text) }
}
