// Under which labels does a series stand?
//
// Values are kept as they are; they are escaped only when they are written. Names that Prometheus would refuse are made
// fit. Labels are sorted by name, so the order in which dimensions were given makes no difference.

struct MetricLabels: Hashable, Comparable, Sendable {
    struct Label: Hashable, Sendable {
        var name: String
        var value: String
    }

    let labels: [Label]

    init(_ dimensions: [(String, String)]) {
        var labels = dimensions.map { Label(name: MetricNaming.labelName($0.0), value: $0.1) }
        labels.sort { ($0.name, $0.value) < ($1.name, $1.value) }
        // Two dimensions may become one name (`a-b` and `a.b`): each gets its own again.
        for index in labels.indices.dropFirst() where labels[index].name == labels[index - 1].name { labels[index].name += "_" }
        self.labels = labels
    }

    static func < (a: MetricLabels, b: MetricLabels) -> Bool {
        for (x, y) in zip(a.labels, b.labels) where x != y { return (x.name, x.value) < (y.name, y.value) }
        return a.labels.count < b.labels.count
    }
}

enum MetricNaming {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`; every other character becomes an underscore.
    static func metricName(_ label: String) -> String { fit(label, allowingColon: true) }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`; names that Prometheus keeps for itself get a prefix.
    static func labelName(_ name: String) -> String {
        let fitted = fit(name, allowingColon: false)
        return fitted == "le" || fitted == "quantile" || fitted.hasPrefix("__") ? "exported_\(fitted)" : fitted
    }

    static func counterName(_ label: String) -> String {
        let name = metricName(label)
        return name.hasSuffix("_total") ? name : name + "_total"
    }

    private static func fit(_ text: String, allowingColon: Bool) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            let isDigit = (0x30...0x39).contains(byte)
            let isLetter = (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            if isDigit && bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
            let isFit = isDigit || isLetter || byte == UInt8(ascii: "_") || (allowingColon && byte == UInt8(ascii: ":"))
            bytes.append(isFit ? byte : UInt8(ascii: "_"))
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }
}
