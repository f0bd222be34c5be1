package import Domain

// What does an object of the API server say?
//
// A JSON text as a tree. Kubernetes objects are open (custom resources have any shape), so the client keeps what it doesn't
// know. Whole numbers that fit 64 bits are kept exactly. Members are written in order of name: equal values, equal bytes.
// Looking for what isn't there answers `null`, so that a path is read without a ladder of unwraps.

package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package subscript(_ name: String) -> JSONValue {
        get {
            guard case .object(let members) = self else { return .null }
            return members[name] ?? .null
        }
        set {
            var members: [String: JSONValue] = [:]
            if case .object(let known) = self { members = known }
            members[name] = newValue
            self = .object(members)
        }
    }

    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var int: Int? { if case .integer(let value) = self { Int(exactly: value) } else { nil } }
    package var array: [JSONValue] { if case .array(let values) = self { values } else { [] } }
    package var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
    package var isNull: Bool { self == .null }

    /// Members that are strings: labels, annotations.
    package var strings: [String: String] { members.compactMapValues(\.string) }
}

// MARK: - Reading

extension JSONValue {
    package init(parsing bytes: some Sequence<UInt8>) throws(JSONFault) {
        let bytes = Array(bytes)
        let result: Result<JSONValue, JSONFault> = bytes.withUnsafeBufferPointer { buffer in
            var cursor = JSONCursor(buffer)
            do throws(JSONFault) {
                let value = try Self.read(&cursor, depth: 0)
                cursor.skipSpace()
                guard cursor.atEnd else { throw cursor.fault("something follows the value") }
                return .success(value)
            } catch { return .failure(error) }
        }
        self = try result.get()
    }

    package init(parsing text: String) throws(JSONFault) { try self.init(parsing: text.utf8) }

    private static func read(_ cursor: inout JSONCursor, depth: Int) throws(JSONFault) -> JSONValue {
        guard depth < JSONCursor.depthLimit else { throw cursor.fault("nested more than \(JSONCursor.depthLimit) deep") }
        if cursor.take(UInt8(ascii: "{")) { return try readMembers(&cursor, depth: depth) }
        if cursor.take(UInt8(ascii: "[")) { return try readElements(&cursor, depth: depth) }
        return scalar(try cursor.value(), cursor.bytes)
    }

    private static func readMembers(_ cursor: inout JSONCursor, depth: Int) throws(JSONFault) -> JSONValue {
        var members: [String: JSONValue] = [:]
        guard !cursor.take(UInt8(ascii: "}")) else { return .object(members) }
        repeat {
            let key = try cursor.key()
            members[text(key, cursor.bytes)] = try read(&cursor, depth: depth + 1)
        } while try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
        return .object(members)
    }

    private static func readElements(_ cursor: inout JSONCursor, depth: Int) throws(JSONFault) -> JSONValue {
        var elements: [JSONValue] = []
        guard !cursor.take(UInt8(ascii: "]")) else { return .array(elements) }
        repeat { elements.append(try read(&cursor, depth: depth + 1)) } while try cursor.takeSeparator(orEnd: UInt8(ascii: "]"))
        return .array(elements)
    }

    private static func scalar(_ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>) -> JSONValue {
        switch value.kind {
        case .string: .string(text(value, bytes))
        case .bool: .bool(bytes[value.range.lower] == UInt8(ascii: "t"))
        case .number:
            if let whole = JSONText.integer(bytes, value.range) {
                .integer(whole)
            } else {
                .number(JSONText.double(bytes, value.range) ?? 0)
            }
        case .null, .object, .array: .null
        }
    }

    private static func text(_ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>) -> String {
        EventBody(bytes, .empty).text(value) ?? ""
    }
}

// MARK: - Writing

extension JSONValue {
    package var bytes: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    private func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let value): writer.bool(value)
        case .integer(let value): writer.integer(value)
        case .number(let value): writer.number(value)
        case .string(let text): writer.string(text)
        case .array(let elements):
            writer.openArray()
            for element in elements { element.write(to: &writer) }
            writer.closeArray()
        case .object(let members):
            writer.openObject()
            for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                writer.key(name)
                value.write(to: &writer)
            }
            writer.closeObject()
        }
    }

    /// RFC 7386: members of `patch` replace, null takes away, objects merge.
    package func merging(_ patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var merged = members
        for (name, change) in changes {
            if change.isNull { merged[name] = nil } else { merged[name] = (merged[name] ?? .null).merging(change) }
        }
        return .object(merged)
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(Dictionary(elements, uniquingKeysWith: { $1 })) }
    package init(nilLiteral: ()) { self = .null }

    package init(_ text: String) { self = .string(text) }
    package init(_ value: Int) { self = .integer(Int64(value)) }
    package init(_ strings: [String: String]) { self = .object(strings.mapValues { .string($0) }) }
}
