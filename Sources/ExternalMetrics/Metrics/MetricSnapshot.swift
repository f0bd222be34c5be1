package import Domain

// Which metrics are there at one moment, and what are their values?
//
// One value for all requests that come while it is fresh enough: namespaces, in each the metrics by name, in each the series
// in a fixed order. Nothing in it changes; a newer moment is a newer snapshot. Series are found by their pool, which nearly every
// selector names: an answer costs what it holds, however many pools a namespace has.

package struct MetricSnapshot: Sendable {
    /// Metrics by name, by namespace.
    private let namespaces: [String: [String: MetricRows]]

    package init(namespaces: [String: [String: [MetricSeries]]] = [:]) {
        self.namespaces = namespaces.mapValues { $0.mapValues(MetricRows.init) }
    }

    /// nil where there is no such metric.
    func series(_ metric: String, in namespace: String, selectedBy selector: LabelSelector = .everything) -> [MetricSeries]? {
        namespaces[namespace]?[metric]?.selected(by: selector)
    }

    /// In order of name.
    func metricNames(in namespace: String) -> [String] { namespaces[namespace].map { $0.keys.sorted() } ?? [] }

    /// Of all namespaces, in order of name.
    var metricNames: [String] { namespaces.values.reduce(into: Set<String>()) { $0.formUnion($1.keys) }.sorted() }
}

/// One value of a metric, and the labels that tell it from the others.
package struct MetricSeries: Hashable, Sendable {
    /// In order of key. A handful: to look along them is quicker than to hash.
    let labels: [Label]
    package let value: MetricQuantity
    /// When the value was taken.
    package let at: LogTime
    /// Of a rate: the time it was taken over.
    package let windowSeconds: Int?

    struct Label: Hashable, Sendable {
        var key: String
        var value: String
    }

    package init(labels: [String: String], value: MetricQuantity, at: LogTime, windowSeconds: Int? = nil) {
        self.labels = labels.map { Label(key: $0.key, value: $0.value) }.sorted { $0.key < $1.key }
        self.value = value
        self.at = at
        self.windowSeconds = windowSeconds
    }

    func label(_ key: String) -> String? { labels.first { $0.key == key }?.value }
}

/// The series of one metric in one namespace.
private struct MetricRows: Sendable {
    private static let poolLabel = "pool"

    private let all: [MetricSeries]
    /// Where in `all`, rising.
    private var byPool: [String: [Int]] = [:]

    init(_ series: [MetricSeries]) {
        all = series
        for (index, one) in series.enumerated() {
            if let pool = one.label(Self.poolLabel) { byPool[pool, default: []].append(index) }
        }
    }

    func selected(by selector: LabelSelector) -> [MetricSeries] {
        guard !selector.requirements.isEmpty else { return all }
        guard let pools = selector.valuesWanted(of: Self.poolLabel) else { return all.filter { selector.matches($0.label) } }
        return pools.flatMap { byPool[$0] ?? [] }.sorted().map { all[$0] }.filter { selector.matches($0.label) }
    }
}
