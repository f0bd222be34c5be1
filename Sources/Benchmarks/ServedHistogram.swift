// What does a service's `/metrics` say of one histogram?
//
// Counts up to each bound, as Prometheus' text shows them. A quantile is known up to its bucket's bound.

package struct ServedHistogram: Hashable, Sendable {
    /// Rising; the last bound is infinite.
    private(set) var buckets: [(bound: Double, count: Int)] = []

    /// Of the family `name`, all of its label sets together.
    package init(_ name: String, inMetrics text: String) {
        for line in text.split(separator: "\n") where line.hasPrefix(name + "_bucket{") {
            let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
            guard let label = parts.firstIndex(where: { $0.hasSuffix("le=") }), label + 1 < parts.count,
                let count = line.split(separator: " ").last.flatMap({ Double($0) })
            else { continue }
            add(Int(count), upTo: parts[label + 1] == "+Inf" ? .infinity : Double(parts[label + 1]) ?? .infinity)
        }
    }

    private mutating func add(_ count: Int, upTo bound: Double) {
        if let k = buckets.firstIndex(where: { $0.bound == bound }) {
            buckets[k].count += count
        } else {
            buckets.append((bound, count))
        }
    }

    package var count: Int { buckets.last?.count ?? 0 }

    /// The bound that the quantile doesn't exceed; nil where nothing was recorded, infinite beyond the last bound.
    func bound(ofQuantile q: Double) -> Double? {
        guard count > 0 else { return nil }
        return buckets.first { Double($0.count) >= q * Double(count) }?.bound
    }

    package static func == (a: ServedHistogram, b: ServedHistogram) -> Bool { a.buckets.elementsEqual(b.buckets) { $0 == $1 } }
    package func hash(into hasher: inout Hasher) { hasher.combine(count) }
}
