import Domain

// How does an `ExternalMetricValueList` look?
//
// `external.metrics.k8s.io/v1beta1`: an item a series, its labels in order of key, its value a quantity, its time to the second.

enum MetricValues {
    static func list(_ metric: String, _ series: [MetricSeries]) -> [UInt8] {
        var json = JSONWriter(reservingBytes: 128 + 256 * series.count)
        json.openObject()
        json.member("kind", ExternalMetricsAPI.listKind)
        json.member("apiVersion", ExternalMetricsAPI.groupVersion)
        json.key("metadata")
        json.openObject()
        json.closeObject()
        json.key("items")
        json.openArray()
        for one in series { write(metric, one, to: &json) }
        json.closeArray()
        json.closeObject()
        return json.bytes
    }

    private static func write(_ metric: String, _ series: MetricSeries, to json: inout JSONWriter) {
        json.openObject()
        json.member("metricName", metric)
        json.key("metricLabels")
        json.openObject()
        for label in series.labels { json.member(label.key, label.value) }
        json.closeObject()
        // `2026-09-21T14:13:20` without its fraction.
        json.member("timestamp", series.at.rfc3339.prefix(19) + "Z")
        if let windowSeconds = series.windowSeconds { json.member("window", windowSeconds) }
        json.member("value", series.value.text)
        json.closeObject()
    }
}
