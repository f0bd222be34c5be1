import Domain
import Output

// In which fields do two pieces of JSON differ?
//
// Both are taken apart to their leaves, each with its path (`inputs.blocked.pool_exhausted`, `why[2].numbers.replicas`);
// leaves that are not the same are listed in the order of the first, then those that only the second has.

struct FieldDifference: Hashable, Sendable {
    var path: String
    /// Nil where there is no such field.
    var recorded: String?
    var recomputed: String?

    /// Fields listed, at most.
    private static let limit = 100

    static func between(recorded: String, recomputed: String?) -> [FieldDifference] {
        guard let recomputed else { return [FieldDifference(path: "(whole decision)", recorded: recorded, recomputed: nil)] }
        guard let before = try? JSONValue(parsing: recorded), let after = try? JSONValue(parsing: recomputed) else {
            return [FieldDifference(path: "(body)", recorded: recorded, recomputed: recomputed)]
        }
        let (first, second) = (leaves(before, at: ""), leaves(after, at: ""))
        let known = Dictionary(first.map { ($0.path, $0.text) }) { old, _ in old }
        let again = Dictionary(second.map { ($0.path, $0.text) }) { old, _ in old }
        var found = first.filter { again[$0.path] != $0.text }.map {
            FieldDifference(path: $0.path, recorded: $0.text, recomputed: again[$0.path])
        }
        found += second.filter { known[$0.path] == nil }.map { FieldDifference(path: $0.path, recorded: nil, recomputed: $0.text) }
        // The same values, written otherwise.
        if found.isEmpty { found = [FieldDifference(path: "(bytes)", recorded: recorded, recomputed: recomputed)] }
        return Array(found.prefix(limit))
    }

    private static func leaves(_ value: JSONValue, at path: String) -> [(path: String, text: String)] {
        switch value {
        case .object(let members) where !members.isEmpty:
            members.flatMap { leaves($0.value, at: path.isEmpty ? $0.key : "\(path).\($0.key)") }
        case .array(let elements) where !elements.isEmpty:
            elements.enumerated().flatMap { leaves($0.element, at: "\(path)[\($0.offset)]") }
        default: [(path, value.compact)]
        }
    }
}

extension FieldDifference {
    static func table(_ differences: [FieldDifference]) -> String {
        var table = Table("FIELD", "RECORDED", "RECOMPUTED")
        for field in differences { table.add(field.path, field.recorded ?? "<none>", field.recomputed ?? "<none>") }
        return table.text
    }

    var json: JSONValue {
        .object([
            .init(key: "path", value: .string(path)), .init(key: "recorded", value: recorded.map { .string($0) } ?? .null),
            .init(key: "recomputed", value: recomputed.map { .string($0) } ?? .null),
        ])
    }
}
