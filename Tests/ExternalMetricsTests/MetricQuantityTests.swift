import Autoscaling
import Basics
import Domain
import Testing

@testable import ExternalMetrics

@Suite struct MetricQuantityTests {
    @Test(
        "what the log keeps in thousandths is written canonically",
        arguments: [
            (0, "0"), (1, "1m"), (999, "999m"), (1_000, "1"), (1_500, "1500m"), (21_000, "21"), (999_000, "999"), (1_000_000, "1k"),
            (1_500_000, "1500"),
            (21_000_000, "21k"), (1_000_000_000, "1M"), (1_234_567_890, "1234567890m"), (-1_500, "-1500m"), (-1_000_000, "-1k"),
            (Int64.max, "9223372036854775807m"), (Int64.min, "-9223372036854775808m"),
        ])
    func milli(_ value: Int64, _ text: String) { #expect(MetricQuantity(milli: value).text == text) }

    @Test(
        "counts",
        arguments: [
            (0, "0"), (1, "1"), (21, "21"), (1_000, "1k"), (1_000_000_000_000_000_000, "1E"), (9_000_000_000_000_000_000, "9E"),
            (Int.max, "9223372036854775807"),
        ])
    func count(_ value: Int, _ text: String) { #expect(MetricQuantity(count: value)?.text == text) }

    @Test(
        "rates and durations, rounded away from zero to thousandths",
        arguments: [
            (0.0, "0"), (0.001, "1m"), (0.0005, "1m"), (0.0015, "2m"), (1.1, "1100m"), (0.1 + 0.2, "300m"), (1.5, "1500m"), (2.0, "2"),
            (12.3456, "12346m"),
            (1e-300, "0"), (123_456_789.7, "123456789700m"), (999.9999999999, "1k"), (1e18, "1E"), (1e15 + 0.5, "1000000000000000500m"),
            (1e300, "9223372036854775807"),
        ])
    func amount(_ value: Double, _ text: String) { #expect(MetricQuantity(amount: value)?.text == text) }

    @Test("what can't be negative isn't, and what is no number is nothing", arguments: [-1.0, -0.001, .infinity, -.infinity, .nan])
    func refusedAmount(_ value: Double) { #expect(MetricQuantity(amount: value) == nil) }

    @Test func refusedCount() {
        #expect(MetricQuantity(count: -1) == nil)
        #expect(MetricQuantity(count: .min) == nil)
    }

    @Test("any value reads back exactly", arguments: 1...20)
    func property(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let value =
                Int64.random(in: -.max ... .max, using: &generator) >> Int64.random(in: 0...62, using: &generator) / 1_000 * [1, 1_000]
                .randomElement(using: &generator)!
            #expect(try Quantity.parse(MetricQuantity(milli: value).text, decimals: 3) == value)
        }
    }
}
