import Basics
import Domain

// What do the parameters after the question mark say?
//
// Each parameter is given once and is one the route knows: a mistyped name is an error that lists the right ones, never a
// filter that silently matches everything.

struct Query: Hashable, Sendable {
    private var values: [String: String] = [:]

    init() {}

    init(_ text: Substring, known: [String]) throws(Problem) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentCoding.decodeQuery(parts[0]), let value = PercentCoding.decodeQuery(parts.count > 1 ? parts[1] : "")
            else {
                throw Problem(.invalidRequest, "a query parameter is not UTF-8")
            }
            guard known.contains(name) else {
                let names = known.isEmpty ? "this path takes none" : "this path takes \(known.joined(separator: ", "))"
                throw Problem(
                    .invalidRequest, "unknown query parameter \"\(String(name.prefix(64)))\": \(names)", field: String(name.prefix(64)))
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw Problem(.invalidRequest, "\(name) is given twice", field: name)
            }
        }
    }

    /// The text of a parameter; nil where it is missing or empty.
    func text(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    /// A pool, in full: without a namespace it is in `default`.
    func pool(_ name: String = "pool") -> String? { text(name).map { QualifiedName.pool($0) } }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(Problem) -> Int64? {
        guard let text = text(name) else { return nil }
        guard let value = Int64(text), range.contains(value) else {
            let bound = range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
            throw Problem(.invalidRequest, "\(name) must be a whole number, \(bound)", field: name)
        }
        return value
    }

    func flag(_ name: String) throws(Problem) -> Bool {
        guard let value = values[name] else { return false }
        switch value {
        case "", "true", "1": return true
        case "false", "0": return false
        default: throw Problem(.invalidRequest, "\(name) must be true or false", field: name)
        }
    }
}
