public import Domain

// Which metrics are there at one moment, and what are their values?
//
// One value for all requests that come while it is fresh enough: namespaces, in each the metrics by name, in each the series
// in a fixed order. Nothing in it changes; a newer moment is a newer snapshot.

public struct MetricSnapshot: Sendable {
    /// Metrics by name, by namespace.
    public var namespaces: [String: [String: [MetricSeries]]]

    public init(namespaces: [String: [String: [MetricSeries]]] = [:]) { self.namespaces = namespaces }

    func series(_ metric: String, in namespace: String) -> [MetricSeries]? { namespaces[namespace]?[metric] }

    /// In order of name.
    func metricNames(in namespace: String) -> [String] { namespaces[namespace].map { $0.keys.sorted() } ?? [] }

    /// Of all namespaces, in order of name.
    var metricNames: [String] { namespaces.values.reduce(into: Set<String>()) { $0.formUnion($1.keys) }.sorted() }
}

/// One value of a metric, and the labels that tell it from the others.
public struct MetricSeries: Hashable, Sendable {
    /// In order of key. A handful: to look along them is quicker than to hash.
    let labels: [Label]
    public let value: MetricQuantity
    /// When the value was taken.
    public let at: LogTime
    /// Of a rate: the time it was taken over.
    public let windowSeconds: Int?

    struct Label: Hashable, Sendable {
        var key: String
        var value: String
    }

    public init(labels: [String: String], value: MetricQuantity, at: LogTime, windowSeconds: Int? = nil) {
        self.labels = labels.map { Label(key: $0.key, value: $0.value) }.sorted { $0.key < $1.key }
        self.value = value
        self.at = at
        self.windowSeconds = windowSeconds
    }

    func label(_ key: String) -> String? { labels.first { $0.key == key }?.value }
}
