import Testing

@testable import Benchmarks

// Do quantiles of latencies come out right, and do histograms add up?

@Suite struct LatencyHistogramTests {
    @Test func quantilesAreRightToThreePercent() {
        var histogram = LatencyHistogram()
        for value in 1...100_000 { histogram.record(microseconds: Int64(value)) }
        for (q, expected) in [(0.5, 50_000.0), (0.95, 95_000), (0.99, 99_000)] {
            let found = Double(histogram.quantileMicroseconds(q))
            #expect(abs(found - expected) / expected < 0.035, "\(q): \(found)")
        }
        #expect(histogram.quantileMicroseconds(1) == 100_000)
        #expect(abs(histogram.meanMicroseconds - 50_000.5) < 0.01)
        var other = LatencyHistogram()
        other.record(microseconds: 1 << 40)
        other.merge(histogram)
        #expect(other.count == 100_001)
        #expect(other.maxMicroseconds == 1 << 40)
    }
}
