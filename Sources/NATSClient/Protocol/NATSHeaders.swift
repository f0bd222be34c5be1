// What do the headers of a message say?
//
// Names are compared exactly: `nats-msg-id` isn't `Nats-Msg-Id` (seen on 2.9 and 2.14). A name may come more than once, and the order
// stays. The server passes any bytes through as headers, so bytes that aren't headers are no fault of the connection: such a message
// has no fields, and says so.

package struct NATSHeaders: Hashable, Sendable, ExpressibleByArrayLiteral {
    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package var fields: [Field]
    /// The bytes that stood where headers stand weren't headers.
    package var isMalformed = false

    /// More fields of one message aren't kept.
    package static let fieldsMost = 256

    package init(_ fields: [Field] = []) { self.fields = fields }
    package init(arrayLiteral elements: Field...) { fields = elements }

    /// The first value of this name.
    package subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    package mutating func append(_ name: String, _ value: String) { fields.append(Field(name, value)) }

    package var isEmpty: Bool { fields.isEmpty }
}

/// What the server itself says in place of a message: `503` for "nobody listens", `100` for a heartbeat.
package struct NATSStatus: Hashable, Sendable, CustomStringConvertible {
    package var code: Int
    package var text: String

    package init(_ code: Int, _ text: String = "") {
        self.code = code
        self.text = text
    }

    package static let noResponders = 503

    package var description: String { text.isEmpty ? "\(code)" : "\(code) \(text)" }
}

extension NATSHeaders {
    private static let version: [UInt8] = Array("NATS/1.0".utf8)

    /// Reads a header block: the line `NATS/1.0[ STATUS[ TEXT]]`, then fields, then an empty line.
    static func read(_ block: [UInt8]) -> (status: NATSStatus?, headers: NATSHeaders) {
        var headers = NATSHeaders()
        guard block.starts(with: version) else {
            headers.isMalformed = true
            return (nil, headers)
        }
        let lines = block.split(separator: UInt8(ascii: "\n"), maxSplits: fieldsMost + 1, omittingEmptySubsequences: true)
        for line in lines.dropFirst().prefix(fieldsMost) {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.isEmpty { break }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else {
                headers.isMalformed = true
                continue
            }
            let name = String(decoding: line[..<colon], as: UTF8.self)
            headers.append(name, String(decoding: trimmed(line[line.index(after: colon)...]), as: UTF8.self))
        }
        return (lines.first.flatMap { status($0.dropFirst(version.count)) }, headers)
    }

    private static func status(_ rest: ArraySlice<UInt8>) -> NATSStatus? {
        let rest = trimmed(rest)
        let digits = rest.prefix(3)
        guard digits.count == 3, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        let after = rest.dropFirst(3)
        guard after.isEmpty || isBlank(after[after.startIndex]) else { return nil }
        let code = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return NATSStatus(code, String(decoding: trimmed(after), as: UTF8.self))
    }

    private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}

extension NATSHeaders {
    /// As they go on the wire; nothing where there are none.
    var encoded: [UInt8] {
        if fields.isEmpty { return [] }
        var out = Self.version + [13, 10]
        for field in fields {
            out += Array(field.name.utf8) + [58, 32] + Array(field.value.utf8) + [13, 10]
        }
        return out + [13, 10]
    }

    /// What would break the block, in words; nil where nothing does.
    var fault: String? {
        if fields.count > Self.fieldsMost { return "\(fields.count) headers, at most \(Self.fieldsMost) are allowed" }
        for field in fields {
            if field.name.isEmpty || field.name.utf8.contains(where: { $0 <= 32 || $0 == 58 || $0 >= 127 }) {
                return "\"\(field.name.prefix(60))\" is no header's name: use visible ASCII without a colon"
            }
            if field.value.utf8.contains(where: { $0 == 13 || $0 == 10 }) {
                return "the value of \(field.name) has a line break: leave it out"
            }
        }
        return nil
    }
}
