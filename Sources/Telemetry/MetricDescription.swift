// What is known of a metric beside its values?

package struct MetricDescription: Hashable, Sendable {
    /// As it is exposed; counters end in `_total`.
    package var name: String
    package var help: String
    /// Base unit, which is also the name's ending (before `_total`); nil for plain numbers.
    package var unit: Unit?
    /// Upper bounds of a histogram's buckets, rising, without +Inf.
    package var buckets: [Double]?

    package init(_ name: String, _ help: String, unit: Unit? = nil, buckets: [Double]? = nil) {
        self.name = name
        self.help = help
        self.unit = unit
        self.buckets = buckets
    }

    package enum Unit: String, Hashable, Sendable {
        case seconds
        case bytes
    }
}

/// Bounds that fit what is measured here. Each set has 16 to 18: a histogram costs as many counters.
package enum Buckets {
    /// Something the service does: 100 µs to a minute, in seconds.
    package static let latencySeconds: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
    /// Something actors or operators wait for: 10 ms to an hour, in seconds.
    package static let waitSeconds: [Double] = [
        0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600,
    ]
    /// How many at once.
    package static let counts: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000]
    /// 256 bytes to 64 GiB, each four times the one before; 15 bounds.
    package static let bytes: [Double] = (4...18).map { Double(1 << (2 * $0)) }
}
