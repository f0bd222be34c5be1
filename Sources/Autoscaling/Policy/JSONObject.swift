import Basics
internal import Domain

// What do the members of this JSON object hold, as the types they should have?
//
// Members in any order, each at most once, none unknown; null and absent are the same. Every refusal carries the path.
// It keeps ranges of the text, not values, and lives inside the `withUnsafeBufferPointer` of the text.

struct JSONObject {
    let path: String
    private let bytes: UnsafeBufferPointer<UInt8>
    private let offset: Int
    private var members: [(name: String, value: JSONCursor.Value)] = []

    /// Members of one object, at most; a policy's longest has eighteen and a selector sixty-four.
    static let memberLimit = 256
    static let elementLimit = 4_096

    /// `fields` nil: any names (a selector's labels).
    init(_ bytes: UnsafeBufferPointer<UInt8>, _ value: JSONCursor.Value, path: String, fields: [String]?) throws(PolicyJSONError) {
        self.path = path
        self.bytes = bytes
        offset = value.range.lower
        guard value.kind == .object else { throw PolicyJSONError(path: path, offset: offset, message: "must be an object") }
        for (key, value) in try Self.pairs(bytes, value.range.lower, path) { try add(text(key), value, fields) }
    }

    private typealias Pair = (key: JSONCursor.Value, value: JSONCursor.Value)

    private static func pairs(_ bytes: UnsafeBufferPointer<UInt8>, _ offset: Int, _ path: String) throws(PolicyJSONError) -> [Pair] {
        var pairs: [Pair] = []
        do throws(JSONFault) {
            var cursor = JSONCursor(bytes, from: offset)
            try cursor.expect(UInt8(ascii: "{"), "an object")
            if cursor.take(UInt8(ascii: "}")) { return [] }
            repeat { pairs.append((try cursor.key(), try cursor.value())) } while try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
        } catch {
            throw PolicyJSONError(path: path, offset: error.offset, message: error.problem)
        }
        return pairs
    }

    private mutating func add(_ name: String, _ value: JSONCursor.Value, _ fields: [String]?) throws(PolicyJSONError) {
        guard members.count < Self.memberLimit else { throw fault(value, name, "is one member too many") }
        if members.contains(where: { $0.name == name }) { throw fault(value, name, "is there twice") }
        if let fields, !fields.contains(name) { throw fault(value, name, "is no field\(NearestName.hint(for: name, in: fields))") }
        members.append((name, value))
    }

    // MARK: - Members

    func text(_ name: String) throws(PolicyJSONError) -> String? {
        guard let value = value(name) else { return nil }
        guard value.kind == .string else { throw fault(value, name, "must be a text") }
        return text(value)
    }

    func integer(_ name: String) throws(PolicyJSONError) -> Int? {
        guard let value = value(name) else { return nil }
        guard value.kind == .number, let number = JSONText.integer(bytes, value.range), let integer = Int(exactly: number) else {
            throw fault(value, name, "must be a whole number")
        }
        return integer
    }

    func flag(_ name: String) throws(PolicyJSONError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard value.kind == .bool else { throw fault(value, name, "must be true or false") }
        return bytes[value.range.lower] == UInt8(ascii: "t")
    }

    /// A number in units of 10^−decimals.
    func decimal(_ name: String, _ decimals: Int) throws(PolicyJSONError) -> Int64? {
        guard let value = value(name) else { return nil }
        guard value.kind == .number else { throw fault(value, name, "must be a number") }
        do throws(Quantity.Fault) {
            return try Quantity.parse(String(decoding: bytes[value.range.lower..<value.range.upper], as: UTF8.self), decimals: decimals)
        } catch {
            throw fault(value, name, "does not fit")
        }
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _: Choice.Type) throws(PolicyJSONError) -> Choice?
    where Choice.RawValue == String {
        guard let written = try text(name) else { return nil }
        guard let choice = Choice(rawValue: written) else {
            throw required(name, "must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    func time(_ name: String) throws(PolicyJSONError) -> LogTime? {
        guard let written = try text(name) else { return nil }
        guard let time = LogTime(rfc3339: written) else { throw required(name, "must be a time such as 2026-03-29T01:00:00Z") }
        return time
    }

    func object(_ name: String, _ fields: [String]?) throws(PolicyJSONError) -> JSONObject? {
        guard let value = value(name) else { return nil }
        return try JSONObject(bytes, value, path: member(name), fields: fields)
    }

    func objects(_ name: String, _ fields: [String]) throws(PolicyJSONError) -> [JSONObject] {
        var objects: [JSONObject] = []
        for (index, element) in try elements(name).enumerated() {
            objects.append(try JSONObject(bytes, element, path: "\(member(name))[\(index)]", fields: fields))
        }
        return objects
    }

    func texts(_ name: String) throws(PolicyJSONError) -> [String] {
        var texts: [String] = []
        for element in try elements(name) {
            guard element.kind == .string else { throw fault(element, name, "must hold texts") }
            texts.append(text(element))
        }
        return texts
    }

    /// All members, which must be texts, in their order.
    func labels() throws(PolicyJSONError) -> [(key: String, value: String)] {
        var labels: [(key: String, value: String)] = []
        for entry in members { labels.append((entry.name, try text(entry.name) ?? "")) }
        return labels
    }

    func has(_ name: String) -> Bool { value(name) != nil }

    func isText(_ name: String) -> Bool { value(name)?.kind == .string }

    /// The error for a member that is missing or wrong.
    func required(_ name: String, _ message: String = "is missing") -> PolicyJSONError {
        PolicyJSONError(path: member(name), offset: value(name)?.range.lower ?? offset, message: message)
    }

    // MARK: - Parts

    private func value(_ name: String) -> JSONCursor.Value? {
        members.first { $0.name == name && $0.value.kind != .null }?.value
    }

    private func elements(_ name: String) throws(PolicyJSONError) -> [JSONCursor.Value] {
        guard let list = value(name) else { return [] }
        guard list.kind == .array else { throw fault(list, name, "must be a list") }
        var elements: [JSONCursor.Value] = []
        do throws(JSONFault) {
            var cursor = JSONCursor(bytes, from: list.range.lower)
            try cursor.expect(UInt8(ascii: "["), "a list")
            if cursor.take(UInt8(ascii: "]")) { return [] }
            repeat { elements.append(try cursor.value()) } while try cursor.takeSeparator(orEnd: UInt8(ascii: "]"))
        } catch {
            throw PolicyJSONError(path: member(name), offset: error.offset, message: error.problem)
        }
        guard elements.count <= Self.elementLimit else { throw fault(list, name, "has more than \(Self.elementLimit) elements") }
        return elements
    }

    private func member(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private func text(_ string: JSONCursor.Value) -> String {
        var out: [UInt8] = []
        JSONText.appendUnescaped(bytes, string.content, to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    private func fault(_ value: JSONCursor.Value, _ name: String, _ message: String) -> PolicyJSONError {
        PolicyJSONError(path: member(name), offset: value.range.lower, message: message)
    }
}
