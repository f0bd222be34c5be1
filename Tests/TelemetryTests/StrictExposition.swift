/// Reads an exposition as its specification is written, and refuses whatever that doesn't allow.
struct StrictExposition {
    struct Fault: Error, CustomStringConvertible {
        var line: Int
        var problem: String
        var description: String { "line \(line): \(problem)" }
    }

    struct Sample: Hashable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    struct Family {
        var name: String
        var type: String
        var help: String
        var unit: String?
        var samples: [Sample] = []
    }

    private(set) var families: [Family] = []
    private let openMetrics: Bool
    private var line = 0
    private var pending: (name: String, help: String?, type: String?, unit: String?)?

    init(_ bytes: [UInt8], openMetrics: Bool) throws {
        self.openMetrics = openMetrics
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Fault(line: 0, problem: "not UTF-8") }
        guard text.hasSuffix("\n") else { throw Fault(line: 0, problem: "doesn't end with a line end") }
        var lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        lines.removeLast()
        if openMetrics {
            guard lines.popLast() == "# EOF" else { throw Fault(line: lines.count, problem: "doesn't end with # EOF") }
        }
        for text in lines {
            line += 1
            try read(text)
        }
        guard pending == nil else { throw fault("a family without samples") }
        for family in families { try check(family) }
    }

    subscript(_ name: String) -> Family? { families.first { $0.name == name } }

    func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
        families.flatMap(\.samples).first { $0.name == name && $0.labels == labels }?.value
    }

    // MARK: - Lines

    private mutating func read(_ text: String) throws {
        guard text.hasPrefix("#") else { return try readSample(text) }
        let words = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
        guard words.count == 4, words[0] == "#" else { throw fault("a comment that is neither HELP, TYPE nor UNIT") }
        try openFamily(words[2])
        switch words[1] {
        case "HELP":
            let help = try unescape(words[3], quotes: openMetrics)
            pending?.help = help
        case "TYPE":
            guard ["counter", "gauge", "histogram"].contains(words[3]) else { throw fault("type \(words[3])") }
            pending?.type = words[3]
        case "UNIT" where openMetrics: pending?.unit = words[3]
        default: throw fault("keyword \(words[1])")
        }
    }

    private mutating func openFamily(_ name: String) throws {
        try checkName(name, colon: true)
        if let pending, pending.name == name { return }
        guard pending == nil else { throw fault("a family without samples before this one") }
        guard !families.contains(where: { $0.name == name }) else { throw fault("family \(name) a second time") }
        pending = (name, nil, nil, nil)
    }

    private mutating func readSample(_ text: String) throws {
        if let opened = pending {
            guard let help = opened.help, let type = opened.type else { throw fault("HELP and TYPE come before the samples") }
            families.append(Family(name: opened.name, type: type, help: help, unit: opened.unit))
            pending = nil
        }
        guard let family = families.last else { throw fault("a sample without a family") }
        let sample = try parseSample(text)
        guard allowedNames(family).contains(sample.name) else { throw fault("sample \(sample.name) in \(family.type) \(family.name)") }
        guard !family.samples.contains(where: { $0.name == sample.name && $0.labels == sample.labels }) else {
            throw fault("the same sample twice")
        }
        families[families.count - 1].samples.append(sample)
    }

    private func allowedNames(_ family: Family) -> [String] {
        switch family.type {
        case "histogram": ["_bucket", "_sum", "_count"].map { family.name + $0 }
        case "counter": [openMetrics ? family.name + "_total" : family.name]
        default: [family.name]
        }
    }

    /// Byte by byte, because a combining character may follow a quote.
    private func parseSample(_ text: String) throws -> Sample {
        var rest = Array(text.utf8)[...]
        let name = take(&rest) { $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: " ") }
        try checkName(name, colon: true)
        var labels: [String: String] = [:]
        if skip("{", &rest) {
            repeat {
                let label = take(&rest) { $0 != UInt8(ascii: "=") }
                try checkName(label, colon: false)
                guard skip("=\"", &rest) else { throw fault("a label without a value in quotes") }
                let value = try takeValue(&rest)
                guard labels.updateValue(value, forKey: label) == nil else { throw fault("label \(label) twice") }
            } while skip(",", &rest)
            guard skip("}", &rest) else { throw fault("labels that don't end") }
        }
        guard skip(" ", &rest) else { throw fault("no space before the value") }
        return Sample(name: name, labels: labels, value: try parseNumber(String(decoding: rest, as: UTF8.self)))
    }

    private func skip(_ text: StaticString, _ rest: inout ArraySlice<UInt8>) -> Bool {
        let bytes = "\(text)".utf8
        guard rest.starts(with: bytes) else { return false }
        rest = rest.dropFirst(bytes.count)
        return true
    }

    private func take(_ rest: inout ArraySlice<UInt8>, while condition: (UInt8) -> Bool) -> String {
        let taken = rest.prefix(while: condition)
        rest = rest.dropFirst(taken.count)
        return String(decoding: taken, as: UTF8.self)
    }

    /// Up to the quote that isn't escaped.
    private func takeValue(_ rest: inout ArraySlice<UInt8>) throws -> String {
        var isEscaped = false
        let raw = take(&rest) { byte in
            if isEscaped {
                isEscaped = false
                return true
            }
            isEscaped = byte == UInt8(ascii: "\\")
            return byte != UInt8(ascii: "\"")
        }
        guard skip("\"", &rest) else { throw fault("a label's value that doesn't end") }
        return try unescape(raw, quotes: true)
    }

    private func unescape(_ text: String, quotes: Bool) throws -> String {
        var out = String.UnicodeScalarView()
        var escaped = false
        for scalar in text.unicodeScalars {
            if !escaped {
                if scalar == "\\" { escaped = true } else { out.append(scalar) }
                continue
            }
            escaped = false
            switch scalar {
            case "n": out.append("\n")
            case "\\": out.append("\\")
            case "\"" where quotes: out.append("\"")
            default: throw fault("escape \\\(scalar)")
            }
        }
        guard !escaped else { throw fault("a lone backslash at the end") }
        return String(out)
    }

    private func parseNumber(_ text: String) throws -> Double {
        switch text {
        case "+Inf": return .infinity
        case "-Inf": return -.infinity
        case "NaN": return .nan
        default:
            guard let value = Double(text), value.isFinite, !text.contains("x") else { throw fault("value \(text)") }
            return value
        }
    }

    private func checkName(_ name: String, colon: Bool) throws {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first),
            name.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
                    || (colon && $0 == 0x3A)
            })
        else { throw fault("name \"\(name)\"") }
    }

    // MARK: - Families

    private func check(_ family: Family) throws {
        if let unit = family.unit, !family.name.hasSuffix("_\(unit)") { throw fault("\(family.name) doesn't end with its unit \(unit)") }
        if family.type == "counter", family.samples.contains(where: { !($0.value >= 0) }) { throw fault("\(family.name) is below zero") }
        if family.type == "histogram" { try checkHistogram(family) }
    }

    private func checkHistogram(_ family: Family) throws {
        var series: [[String: String]: [Sample]] = [:]
        for sample in family.samples {
            var labels = sample.labels
            labels["le"] = nil
            series[labels, default: []].append(sample)
        }
        for (labels, samples) in series {
            let buckets = samples.filter { $0.name == family.name + "_bucket" }
            let bounds = try buckets.map { try parseNumber($0.labels["le"] ?? "") }
            let counts = buckets.map(\.value)
            guard bounds == bounds.sorted(), Set(bounds).count == bounds.count, bounds.last == .infinity else {
                throw fault("\(family.name) \(labels): bounds \(bounds)")
            }
            guard counts == counts.sorted() else { throw fault("\(family.name) \(labels): buckets that fall") }
            guard samples.filter({ $0.name == family.name + "_count" }).map(\.value) == [counts.last ?? -1] else {
                throw fault("\(family.name) \(labels): count isn't its last bucket")
            }
            guard samples.count == buckets.count + 2 else { throw fault("\(family.name) \(labels): sum or count is missing") }
            if openMetrics,
                buckets.contains(where: { $0.labels["le"] != "+Inf" && $0.labels["le"]?.contains(where: { ".e".contains($0) }) != true })
            {
                throw fault("\(family.name): a bound that isn't a canonical number")
            }
        }
    }

    private func fault(_ problem: String) -> Fault { Fault(line: line, problem: problem) }
}
