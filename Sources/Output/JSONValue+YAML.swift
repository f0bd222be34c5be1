package import Domain
import Yams

// How is a JSON tree written as YAML?
//
// Members keep their order. Strings that YAML would take for something else are quoted, so that what is read back is
// what was written.

extension JSONValue {
    package func yaml() throws -> String { try Yams.serialize(node: yamlNode(), allowUnicode: true) }

    private func yamlNode() throws -> Node {
        switch self {
        case .object(let members):
            return Node(try members.map { (try JSONValue.string($0.key).yamlNode(), try $0.value.yamlNode()) }, Tag(.map))
        case .array(let elements): return Node(try elements.map { try $0.yamlNode() }, Tag(.seq))
        case .string(let text): return Self.node(of: text)
        case .number(let text): return Node(text, Tag(.implicit))
        case .bool(let value): return Node(value ? "true" : "false", Tag(.implicit))
        case .null: return Node("null", Tag(.implicit))
        }
    }

    /// A scalar that Yams itself would resolve to something other than a string is quoted.
    private static func node(of text: String) -> Node {
        let isPlain = Resolver.default.resolveTag(of: Node(text, Tag(.implicit))) == .str
        return Node(text, Tag(.str), isPlain ? .any : .doubleQuoted)
    }
}
