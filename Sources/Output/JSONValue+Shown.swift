package import Domain
import Foundation

// How is a JSON tree shown, and how does it meet Swift's own types?
//
// What the log holds is printed as it stands there: `JSONValue` keeps members in the order they came and numbers as written.

extension JSONValue {
    /// A value's tree, its members sorted by key as `kubectl` sorts them.
    package init(encoding value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try self.init(parsing: encoder.encode(value))
    }

    package func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(compact.utf8))
    }

    /// Two spaces a level, as `kubectl` and `jq` print it; no line end at the end.
    package var pretty: String {
        var out = ""
        appendPretty(to: &out, indent: "\n")
        return out
    }

    private func appendPretty(to out: inout String, indent: String) {
        switch self {
        case .object(let members) where !members.isEmpty:
            let inner = indent + "  "
            out += "{"
            for (k, member) in members.enumerated() {
                out += (k == 0 ? "" : ",") + inner + JSONValue.string(member.key).compact + ": "
                member.value.appendPretty(to: &out, indent: inner)
            }
            out += indent + "}"
        case .array(let elements) where !elements.isEmpty:
            let inner = indent + "  "
            out += "["
            for (k, element) in elements.enumerated() {
                out += (k == 0 ? "" : ",") + inner
                element.appendPretty(to: &out, indent: inner)
            }
            out += indent + "]"
        default: out += compact
        }
    }
}
