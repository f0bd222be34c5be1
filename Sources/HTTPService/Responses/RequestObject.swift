import Domain

// What does a JSON object in a request's body say?
//
// Checked where it lies: it is one object, its members are ones the route knows, each given once and of the right type.
// Every fault names the member.

struct RequestObject {
    private let bytes: [UInt8]
    private var values: [String: JSONCursor.Value] = [:]

    init(_ bytes: [UInt8], known: [String]) throws(Problem) {
        self.bytes = bytes
        let members: [(String, JSONCursor.Value)]
        do throws(JSONFault) {
            members = try Self.members(of: bytes)
        } catch {
            throw Problem(.invalidRequest, "the body is not a JSON object at byte \(error.offset): \(error.problem)")
        }
        for (name, value) in members {
            guard known.contains(name) else {
                throw Problem(
                    .invalidRequest, "unknown member \"\(String(name.prefix(64)))\": there are \(known.joined(separator: ", "))",
                    field: String(name.prefix(64)))
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw Problem(.invalidRequest, "\(name) is given twice", field: name)
            }
        }
    }

    private static func members(of bytes: [UInt8]) throws(JSONFault) -> [(String, JSONCursor.Value)] {
        var members: [(String, JSONCursor.Value)] = []
        var fault: JSONFault?
        bytes.withUnsafeBufferPointer { buffer in
            do throws(JSONFault) {
                var cursor = JSONCursor(buffer)
                let whole = try cursor.value()
                cursor.skipSpace()
                guard whole.kind == .object else { throw JSONFault(offset: 0, problem: "it is something else") }
                guard cursor.atEnd else { throw cursor.fault("something follows the object") }
                EventBody(buffer, whole.range).forEachMember { key, value in members.append((key.text, value)) }
            } catch {
                fault = error
            }
        }
        if let fault { throw fault }
        return members
    }

    private func value(_ name: String) -> JSONCursor.Value? {
        guard let value = values[name], value.kind != .null else { return nil }
        return value
    }

    private func read<Result>(_ body: (EventBody) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { body(EventBody($0, .empty)) }
    }

    func text(_ name: String) throws(Problem) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = read({ $0.text(value) }), !text.isEmpty, text.utf8.count <= EventLimits.nameBytes, !text.utf8.contains(0) else {
            throw Problem(.invalidRequest, "\(name) must be a string of 1 to \(EventLimits.nameBytes) bytes", field: name)
        }
        return text
    }

    func requiredText(_ name: String) throws(Problem) -> String {
        guard let text = try text(name) else { throw Problem(.invalidRequest, "\(name) is missing", field: name) }
        return text
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(Problem) -> Int64? {
        guard let value = value(name) else { return nil }
        guard let number = read({ $0.integer(value) }), range.contains(number) else {
            throw Problem(.invalidRequest, "\(name) must be a whole number, \(range.lowerBound) to \(range.upperBound)", field: name)
        }
        return number
    }

    func seconds(_ name: String, upTo most: Double) throws(Problem) -> Double? {
        guard let value = value(name) else { return nil }
        guard let milli = read({ $0.milli(value) }), milli >= 0, Double(milli) <= most * 1_000 else {
            throw Problem(.invalidRequest, "\(name) must be seconds, 0 to \(Int(most))", field: name)
        }
        return Double(milli) / 1_000
    }

    func time(_ name: String) throws(Problem) -> LogTime? {
        guard let text = try text(name) else { return nil }
        guard let time = LogTime(rfc3339: text), time > .zero else {
            throw Problem(.invalidRequest, "\(name) must be a time such as 2026-11-30T21:00:00Z", field: name)
        }
        return time
    }

    func flag(_ name: String) throws(Problem) -> Bool? {
        guard let value = value(name) else { return nil }
        guard value.kind == .bool else { throw Problem(.invalidRequest, "\(name) must be true or false", field: name) }
        return bytes[value.range.lower] == UInt8(ascii: "t")
    }

    /// An object of strings, sorted by key.
    func stringMap(_ name: String) throws(Problem) -> [(key: String, value: String)] {
        guard let value = value(name) else { return [] }
        let map = bytes.withUnsafeBufferPointer { buffer -> [(key: String, value: String)]? in
            guard value.kind == .object else { return nil }
            var onlyStrings = true
            let body = EventBody(buffer, value.range)
            body.forEachMember { _, member in onlyStrings = onlyStrings && member.kind == .string }
            return onlyStrings ? body.stringMap(value) : nil
        }
        if let map, map.contains(where: { $0.key.utf8.contains(0) || $0.value.utf8.contains(0) }) {
            throw Problem(.invalidRequest, "\(name) must not contain a NUL character", field: name)
        }
        guard let map else { throw Problem(.invalidRequest, "\(name) must be an object of strings", field: name) }
        return map
    }
}
