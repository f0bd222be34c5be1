package import Autoscaling

// What does a gauge have in this text of a Prometheus exporter?
//
// The text format 0.0.4, and of OpenMetrics what is the same: a sample a line, `name{label="value"} number [time]`. Only lines of the metric
// are read; what another exporter would refuse there (a bad escape, a missing brace) is a fault, not a guess. The series that have all the
// labels asked for are summed. A metric that isn't there is a fault, not 0: a misspelt name must not look like a pod without work. One that
// is announced by `# TYPE` and has no series yet is 0, as libraries show labelled gauges before they are first set.

package enum MetricText {
    /// - Parameter selector: labels that a series must have, others aside.
    package static func sum(_ name: String, _ selector: [Trigger.Label], in bytes: [UInt8]) throws(PollFault) -> Double {
        let wanted = Array(name.utf8)
        var isAnnounced = false
        var series = 0
        var fitting = 0
        var sum = 0.0
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            let line = bytes[start..<end]
            start = end + 1
            if line.first == UInt8(ascii: "#") {
                isAnnounced = isAnnounced || announces(line, wanted)
                continue
            }
            guard let sample = try sample(line, wanted) else { continue }
            series += 1
            guard selector.allSatisfy({ wanted in sample.labels.contains { $0.name == wanted.key && $0.value == wanted.value } }) else {
                continue
            }
            fitting += 1
            sum += sample.value
        }
        if fitting > 0 { return sum }
        if series > 0 { throw PollFault("of \(series) series of \(name) none has the labels of the selector") }
        if isAnnounced { return 0 }
        throw PollFault("the answer has no metric \(name)")
    }

    private struct Sample {
        var labels: [(name: String, value: String)]
        var value: Double
    }

    /// `# TYPE name gauge`
    private static func announces(_ line: ArraySlice<UInt8>, _ name: [UInt8]) -> Bool {
        let words = line.split { isBlank($0) }
        return words.count == 4 && words[0].elementsEqual("#".utf8) && words[1].elementsEqual("TYPE".utf8) && words[2].elementsEqual(name)
    }

    /// nil where the line is another metric's.
    private static func sample(_ line: ArraySlice<UInt8>, _ name: [UInt8]) throws(PollFault) -> Sample? {
        var rest = line.drop { isBlank($0) }
        guard rest.starts(with: name) else { return nil }
        rest = rest.dropFirst(name.count)
        guard let next = rest.first, next == UInt8(ascii: "{") || isBlank(next) else { return nil }
        var labels: [(name: String, value: String)] = []
        if next == UInt8(ascii: "{") { labels = try takeLabels(&rest) }
        let words = rest.split { isBlank($0) }
        guard let word = words.first, words.count <= 2 || words[1].first == UInt8(ascii: "#") || words[2].first == UInt8(ascii: "#"),
            let value = Double(String(decoding: word, as: UTF8.self)), value.isFinite
        else {
            throw PollFault("a line of the metric has no number behind it: \(shown(line))")
        }
        return Sample(labels: labels, value: value)
    }

    private static let labelsLimit = 256

    /// `{a="x",b="y"}`, with a comma at its end or without.
    private static func takeLabels(_ rest: inout ArraySlice<UInt8>) throws(PollFault) -> [(name: String, value: String)] {
        let whole = rest
        func broken() -> PollFault { PollFault("the labels of a line can't be read: \(shown(whole))") }
        rest = rest.dropFirst()
        var labels: [(name: String, value: String)] = []
        while true {
            rest = rest.drop { isBlank($0) }
            if rest.first == UInt8(ascii: "}") {
                rest = rest.dropFirst()
                return labels
            }
            let name = rest.prefix { $0 != UInt8(ascii: "=") && !isBlank($0) && $0 != UInt8(ascii: "}") }
            rest = rest.dropFirst(name.count).drop { isBlank($0) }
            guard !name.isEmpty, labels.count < labelsLimit, rest.first == UInt8(ascii: "=") else { throw broken() }
            rest = rest.dropFirst().drop { isBlank($0) }
            guard rest.first == UInt8(ascii: "\"") else { throw broken() }
            rest = rest.dropFirst()
            guard let value = takeValue(&rest) else { throw broken() }
            labels.append((String(decoding: name, as: UTF8.self), value))
            rest = rest.drop { isBlank($0) }
            if rest.first == UInt8(ascii: ",") { rest = rest.dropFirst() } else if rest.first != UInt8(ascii: "}") { throw broken() }
        }
    }

    /// Up to the quote that ends it. `\\`, `\"` and `\n` are escapes, others are none.
    private static func takeValue(_ rest: inout ArraySlice<UInt8>) -> String? {
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") { return String(decoding: value, as: UTF8.self) }
            guard byte == UInt8(ascii: "\\") else {
                value.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "\\"): value.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "\""): value.append(UInt8(ascii: "\""))
            case UInt8(ascii: "n"): value.append(UInt8(ascii: "\n"))
            default: return nil
            }
        }
        return nil
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    private static func shown(_ line: ArraySlice<UInt8>) -> String { String(decoding: line.prefix(80), as: UTF8.self) }
}
