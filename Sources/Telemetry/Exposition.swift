// How are metrics written down for Prometheus?
//
// Text format 0.0.4, or OpenMetrics 1.0 on request. The order is that of names and labels, so two scrapes of the same values are
// the same bytes. A family's lines stand together: HELP, TYPE, (OpenMetrics: UNIT,) samples.

enum MetricKind: String, Hashable, Sendable { case counter, gauge, histogram }

package enum ExpositionFormat: Hashable, Sendable {
    case text
    case openMetrics

    package var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// OpenMetrics where the request names it in version 1.0.0 (or none) and likes it no less than plain text; else text.
    package init(accept: String?) {
        var openMetrics = 0.0
        var text = 0.0
        for range in (accept ?? "").lowercased().split(separator: ",").prefix(Self.acceptRangesLimit) {
            let parts = range.split(separator: ";").map { $0.drop { $0 == " " }.prefix { $0 != " " } }
            let quality = parts.first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            let version = parts.first { $0.hasPrefix("version=") }?.dropFirst(8)
            switch parts.first {
            case "application/openmetrics-text" where version == nil || version == "1.0.0": openMetrics = max(openMetrics, quality)
            case "text/plain", "text/*": text = max(text, quality)
            default: break
            }
        }
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }

    private static let acceptRangesLimit = 32
}

struct ExpositionWriter {
    private let format: ExpositionFormat
    private var bytes: [UInt8] = []

    init(format: ExpositionFormat) {
        self.format = format
        bytes.reserveCapacity(16_384)
    }

    mutating func finish() -> [UInt8] {
        if format == .openMetrics { line("# EOF") }
        return bytes
    }

    mutating func append(_ family: PrometheusMetrics.Family) {
        // OpenMetrics names a counter's family without the ending of its samples.
        let familyName = format == .openMetrics && family.kind == .counter ? String(family.name.dropLast("_total".count)) : family.name
        if format == .openMetrics {
            line("# TYPE \(familyName) \(family.kind.rawValue)")
            if let unit = family.unit { line("# UNIT \(familyName) \(unit.rawValue)") }
            line("# HELP \(familyName) \(escapedHelp(family.help))")
        } else {
            line("# HELP \(familyName) \(escapedHelp(family.help))")
            line("# TYPE \(familyName) \(family.kind.rawValue)")
        }
        for (labels, instrument) in family.series.sorted(by: { $0.key < $1.key }) {
            switch instrument.read() {
            case .number(let value): sample(family.name, labels.labels, value)
            case .histogram(let counts, let sum): histogram(family, labels.labels, counts, sum)
            }
        }
    }

    private mutating func histogram(_ family: PrometheusMetrics.Family, _ labels: [MetricLabels.Label], _ counts: [UInt64], _ sum: Double) {
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < family.bounds.count ? boundText(family.bounds[index]) : "+Inf"
            sample(family.name + "_bucket", labels + [MetricLabels.Label(name: "le", value: bound)], Double(total))
        }
        sample(family.name + "_sum", labels, sum)
        // The count is that of the buckets just written: however many threads record meanwhile, the two agree.
        sample(family.name + "_count", labels, Double(total))
    }

    private mutating func sample(_ name: String, _ labels: [MetricLabels.Label], _ value: Double) {
        bytes.append(contentsOf: name.utf8)
        for (index, label) in labels.enumerated() {
            bytes.append(contentsOf: (index == 0 ? "{" : ",").utf8)
            bytes.append(contentsOf: "\(label.name)=\"".utf8)
            appendEscaped(label.value, quotes: true)
            bytes.append(UInt8(ascii: "\""))
        }
        if !labels.isEmpty { bytes.append(UInt8(ascii: "}")) }
        line(" \(Self.number(value))")
    }

    private mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    private func escapedHelp(_ help: String) -> String {
        var writer = ExpositionWriter(format: format)
        writer.appendEscaped(help, quotes: format == .openMetrics)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Backslash and line feed, and quotes where the format asks for it.
    private mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where quotes: bytes.append(contentsOf: "\\\"".utf8)
            default: bytes.append(byte)
            }
        }
    }

    /// OpenMetrics wants `1.0` where the text format's readers expect `1`.
    private func boundText(_ bound: Double) -> String { format == .openMetrics ? bound.description : Self.number(bound) }

    /// Whole numbers without a fraction; the others in the shortest form that reads back the same.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
        return value.description
    }
}
