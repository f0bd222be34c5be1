// What does this JSON text say, as a tree?
//
// For what is read once and may have any shape: objects of an API server, answers of a service, the body of one event. Members
// keep the order they came in and numbers are kept as written, so that what is read is written the same. Two trees are equal
// where they say the same: the order of members counts for nothing. Of members with one name the last counts. Looking for what
// isn't there answers `null`, so a path is read without a ladder of unwraps.
//
// The other reader is `JSONCursor`, which builds nothing: it reads what comes a million times a second.

package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// As written.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    package struct Member: Hashable, Sendable {
        package var key: String
        package var value: JSONValue

        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    package subscript(_ name: String) -> JSONValue {
        get {
            guard case .object(let fields) = self else { return .null }
            return fields.last { $0.key == name }?.value ?? .null
        }
        set {
            var known = fields
            if let index = known.lastIndex(where: { $0.key == name }) {
                known[index].value = newValue
            } else {
                known.append(Member(key: name, value: newValue))
            }
            self = .object(known)
        }
    }

    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// A whole number that fits 64 bits, and is written as one.
    package var integer: Int64? { if case .number(let text) = self { Int64(text) } else { nil } }
    package var int: Int? { integer.flatMap { Int(exactly: $0) } }
    package var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }
    /// An array's elements; none where it isn't one.
    package var array: [JSONValue] { if case .array(let values) = self { values } else { [] } }
    /// An object's members as they came; none where it isn't one.
    package var fields: [Member] { if case .object(let fields) = self { fields } else { [] } }
    package var isObject: Bool { if case .object = self { true } else { false } }
    package var isNull: Bool { if case .null = self { true } else { false } }

    /// By name.
    package var members: [String: JSONValue] { Dictionary(fields.lazy.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }) }

    /// Members that are strings: labels, annotations.
    package var strings: [String: String] { members.compactMapValues(\.string) }

    /// A string's own text, a number as written, anything else as JSON; nil for null.
    package var plainText: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .null: nil
        default: compact
        }
    }

    /// An object without a member; anything else as it is.
    package func removing(_ key: String) -> JSONValue {
        guard case .object(let fields) = self else { return self }
        return .object(fields.filter { $0.key != key })
    }

    /// The value under `key` in place of the one there; a new member at the end where there was none. Of an object alone.
    package func setting(_ key: String, _ value: JSONValue) -> JSONValue {
        guard isObject else { return self }
        var changed = self
        changed[key] = value
        return changed
    }

    /// RFC 7386: members of `patch` replace, null takes away, objects merge.
    package func merging(_ patch: JSONValue) -> JSONValue {
        guard patch.isObject else { return patch }
        var merged = members
        for (name, change) in patch.members {
            // `nil` in one expression with a value would be JSON's null.
            if change.isNull { merged.removeValue(forKey: name) } else { merged[name] = (merged[name] ?? .null).merging(change) }
        }
        return .object(merged)
    }
}

// MARK: - Equality

extension JSONValue: Hashable {
    package static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)), (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        // Once a level: comparing the members in their order first would double the work with each level.
        case (.object, .object): a.members == b.members
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .number(let text), .string(let text): hasher.combine(text)
        case .array(let elements): hasher.combine(elements)
        case .object: hasher.combine(members)
        }
    }
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
        if cursor.take(UInt8(ascii: "{")) { return try readFields(&cursor, depth: depth) }
        if cursor.take(UInt8(ascii: "[")) { return try readElements(&cursor, depth: depth) }
        return scalar(try cursor.value(), cursor.bytes)
    }

    private static func readFields(_ cursor: inout JSONCursor, depth: Int) throws(JSONFault) -> JSONValue {
        var fields: [Member] = []
        guard !cursor.take(UInt8(ascii: "}")) else { return .object(fields) }
        repeat {
            let key = try cursor.key()
            fields.append(Member(key: text(key, cursor.bytes), value: try read(&cursor, depth: depth + 1)))
        } while try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
        return .object(fields)
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
            .number(String(decoding: UnsafeBufferPointer(rebasing: bytes[value.range.lower..<value.range.upper]), as: UTF8.self))
        case .null, .object, .array: .null
        }
    }

    private static func text(_ value: JSONCursor.Value, _ bytes: UnsafeBufferPointer<UInt8>) -> String {
        EventBody(bytes, .empty).text(value) ?? ""
    }
}

// MARK: - Writing

extension JSONValue {
    /// Members in order of name: equal values, equal bytes.
    package var bytes: [UInt8] {
        var json = JSONWriter()
        write(to: &json, isSorted: true)
        return json.bytes
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Members as they came.
    package var compact: String {
        var json = JSONWriter()
        write(to: &json)
        return json.text
    }

    package func write(to json: inout JSONWriter, isSorted: Bool = false) {
        switch self {
        case .null: json.null()
        case .bool(let value): json.bool(value)
        case .number(let text): json.raw(text.utf8)
        case .string(let text): json.string(text)
        case .array(let elements):
            json.openArray()
            for element in elements { element.write(to: &json, isSorted: isSorted) }
            json.closeArray()
        case .object(let fields):
            json.openObject()
            for field in isSorted ? Self.inOrder(members) : fields {
                json.key(field.key)
                field.value.write(to: &json, isSorted: isSorted)
            }
            json.closeObject()
        }
    }

    private static func inOrder(_ members: [String: JSONValue]) -> [Member] {
        members.sorted { $0.key < $1.key }.map { Member(key: $0.key, value: $0.value) }
    }
}

// MARK: - Making

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .number(String(value)) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map { Member(key: $0.0, value: $0.1) }) }
    package init(nilLiteral: ()) { self = .null }

    package init(_ value: some BinaryInteger) { self = .number(String(value)) }
    package init(_ strings: [String: String]) { self = .object(strings.mapValues { .string($0) }) }

    /// In order of name.
    package static func object(_ members: [String: JSONValue]) -> JSONValue { .object(inOrder(members)) }
}
