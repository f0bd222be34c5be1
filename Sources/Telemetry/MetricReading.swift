// What does every metric say at this moment?
//
// The same values that a scrape writes, for whoever sends them somewhere else.

package struct MetricReading: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case counter(Double)
        case gauge(Double)
        /// Counts per bucket, the last one above all bounds.
        case histogram(bounds: [Double], counts: [UInt64], sum: Double)
    }

    package struct Point: Hashable, Sendable {
        package var labels: [(name: String, value: String)] { series.labels.map { ($0.name, $0.value) } }
        package var value: Value
        let series: MetricLabels
    }

    package var name: String
    package var help: String
    package var unit: MetricDescription.Unit?
    package var points: [Point]
}

extension PrometheusMetrics {
    /// By name, and each by its labels.
    package func readings() -> [MetricReading] {
        allFamilies().map { family in
            MetricReading(
                name: family.name, help: family.help, unit: family.unit,
                points: family.series.sorted { $0.key < $1.key }.map { labels, instrument in
                    let value: MetricReading.Value =
                        switch instrument.read() {
                        case .number(let number): family.kind == .counter ? .counter(number) : .gauge(number)
                        case .histogram(let counts, let sum): .histogram(bounds: family.bounds, counts: counts, sum: sum)
                        }
                    return MetricReading.Point(value: value, series: labels)
                })
        }
    }
}
