package import Domain
import Foundation

// What does a piece of JSON say, and how is it shown?
//
// A tree that keeps members in the order they came and numbers as they were written: what the log holds is printed as it
// stands there. For output and for reading answers; nothing that is read a million times a second goes through it.

package enum JSONValue: Hashable, Sendable {
    case object([Member])
    case array([JSONValue])
    case string(String)
    /// As written.
    case number(String)
    case bool(Bool)
    case null

    package struct Member: Hashable, Sendable {
        package var key: String
        package var value: JSONValue

        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    package init(_ bytes: [UInt8]) throws(JSONFault) {
        let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSONValue, JSONFault> in
            do throws(JSONFault) { return .success(try JSONValue(buffer, try JSONCursor.whole(buffer))) } catch { return .failure(error) }
        }
        self = try result.get()
    }

    package init(_ text: String) throws(JSONFault) { try self.init(Array(text.utf8)) }

    /// A value's tree, its members sorted by key as `kubectl` sorts them.
    package init(encoding value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try self.init(Array(encoder.encode(value)))
    }

    /// `value` was checked by a cursor over `buffer`; each level is walked once more, to build it.
    private init(_ buffer: UnsafeBufferPointer<UInt8>, _ value: JSONCursor.Value) throws(JSONFault) {
        switch value.kind {
        case .string: self = .string(Self.text(buffer, value))
        case .number: self = .number(String(decoding: buffer[value.range.lower..<value.range.upper], as: UTF8.self))
        case .bool: self = .bool(buffer[value.range.lower] == UInt8(ascii: "t"))
        case .null: self = .null
        case .array: self = .array(try Self.elements(buffer, value))
        case .object: self = .object(try Self.members(buffer, value))
        }
    }

    private static func elements(_ buffer: UnsafeBufferPointer<UInt8>, _ value: JSONCursor.Value) throws(JSONFault) -> [JSONValue] {
        var cursor = JSONCursor(buffer, from: value.range.lower + 1)
        var elements: [JSONValue] = []
        guard !cursor.take(UInt8(ascii: "]")) else { return [] }
        repeat { elements.append(try JSONValue(buffer, try cursor.value())) } while try cursor.takeSeparator(orEnd: UInt8(ascii: "]"))
        return elements
    }

    private static func members(_ buffer: UnsafeBufferPointer<UInt8>, _ value: JSONCursor.Value) throws(JSONFault) -> [Member] {
        var cursor = JSONCursor(buffer, from: value.range.lower + 1)
        var members: [Member] = []
        guard !cursor.take(UInt8(ascii: "}")) else { return [] }
        repeat {
            let key = try cursor.key()
            members.append(Member(key: text(buffer, key), value: try JSONValue(buffer, try cursor.value())))
        } while try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
        return members
    }

    private static func text(_ buffer: UnsafeBufferPointer<UInt8>, _ value: JSONCursor.Value) -> String {
        var out: [UInt8] = []
        JSONText.appendUnescaped(buffer, value.content, to: &out)
        return String(decoding: out, as: UTF8.self)
    }
}

// MARK: - Reading

extension JSONValue {
    package subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var integer: Int64? {
        if case .number(let text) = self { Int64(text) } else { nil }
    }

    package var double: Double? {
        if case .number(let text) = self { Double(text) } else { nil }
    }

    package var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// A string's own text, a number as written, anything else as compact JSON.
    package var plainText: String {
        switch self {
        case .string(let text), .number(let text): text
        default: compact
        }
    }

    /// The value under `key` in place of the one there; a new member at the end where there was none.
    package func setting(_ key: String, _ value: JSONValue) -> JSONValue {
        guard case .object(var members) = self else { return self }
        if let index = members.firstIndex(where: { $0.key == key }) {
            members[index].value = value
        } else {
            members.append(Member(key: key, value: value))
        }
        return .object(members)
    }

    package func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(compact.utf8))
    }
}

// MARK: - Writing

extension JSONValue {
    package var compact: String {
        var json = JSONWriter()
        write(to: &json)
        return json.text
    }

    package func write(to json: inout JSONWriter) {
        switch self {
        case .object(let members):
            json.openObject()
            for member in members {
                json.key(member.key)
                member.value.write(to: &json)
            }
            json.closeObject()
        case .array(let elements):
            json.openArray()
            for element in elements { element.write(to: &json) }
            json.closeArray()
        case .string(let text): json.string(text)
        case .number(let text): json.raw(text.utf8)
        case .bool(let value): json.bool(value)
        case .null: json.null()
        }
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
