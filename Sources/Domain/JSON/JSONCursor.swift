import Basics

// Is this text JSON, and where does each part of it lie?
//
// A `JSONCursor` walks bytes once and hands out ranges; it builds no values and allocates nothing. It is strict (RFC 8259):
// what it accepts is JSON, what it refuses comes with the byte's offset and a sentence. Nesting is bounded. A byte order mark
// before a text is passed over, as the RFC lets readers do: programs of Windows write one. The bytes must
// outlive the cursor: it is made inside a `withUnsafeBytes` and stays there.

/// What is wrong with a JSON text, and at which byte (from 0).
package struct JSONFault: Error, Hashable, Sendable {
    package var offset: Int
    package var problem: String
    package init(offset: Int, problem: String) { self.offset = offset; self.problem = problem }
}

/// A stretch of bytes. Its parts are inlined elsewhere: every byte that is compared goes through them.
@usableFromInline package struct ByteRange: Hashable, Sendable {
    @usableFromInline package var start: UInt32
    @usableFromInline package var count: UInt32
    package init(start: Int, count: Int) { self.start = UInt32(truncatingIfNeeded: start); self.count = UInt32(truncatingIfNeeded: count) }
    package static let empty = ByteRange(start: 0, count: 0)
    @inlinable package var lower: Int { Int(start) }
    @inlinable package var upper: Int { Int(start) + Int(count) }
    @inlinable package var isEmpty: Bool { count == 0 }
}

package struct JSONCursor {
    /// Arrays and objects inside one another, at most.
    package static let depthLimit = 64

    package enum Kind: Hashable, Sendable { case object, array, string, number, bool, null }

    /// One value: its whole extent, and for a string the bytes between its quotes.
    package struct Value: Hashable, Sendable {
        package var kind: Kind
        package var range: ByteRange
        /// For a string: whether it has escapes and must be unescaped before it is compared or kept.
        package var hasEscapes = false

        /// For a string: what stands between its quotes.
        package var content: ByteRange { ByteRange(start: range.lower + 1, count: Int(range.count) - 2) }
    }

    package let bytes: UnsafeBufferPointer<UInt8>
    package private(set) var index: Int

    package init(_ bytes: UnsafeBufferPointer<UInt8>, from index: Int = 0) {
        self.bytes = bytes
        self.index = index == 0 && Self.hasMark(bytes) ? 3 : index
    }

    /// Whether a byte order mark stands first.
    @inline(__always)
    private static func hasMark(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        bytes.count > 2 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
    }

    package var atEnd: Bool { index >= bytes.count }

    /// The one value that `bytes` are, with nothing but space around it.
    package static func whole(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONFault) -> Value {
        var cursor = JSONCursor(bytes)
        let value = try cursor.value()
        cursor.skipSpace()
        guard cursor.atEnd else { throw cursor.fault("something follows the value") }
        return value
    }

    /// Whether `bytes` are one object.
    package static func isObject(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool { (try? whole(bytes))?.kind == .object }

    @inline(__always)
    package mutating func skipSpace() {
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            index += 1
        }
    }

    /// Consumes `byte` if it is next, after space.
    @inline(__always)
    package mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard index < bytes.count, bytes[index] == byte else { return false }
        index += 1
        return true
    }

    package mutating func expect(_ byte: UInt8, _ what: @autoclosure () -> String) throws(JSONFault) {
        if !take(byte) { throw fault(atEnd ? "the text ends where \(what()) should be" : "expected \(what())") }
    }

    /// After a member or an element: true where another follows, false where `close` ended the container.
    @inline(__always)
    package mutating func takeSeparator(orEnd close: UInt8) throws(JSONFault) -> Bool {
        skipSpace()
        guard index < bytes.count else { throw fault("the text ends inside an object or array") }
        let byte = bytes[index]
        if byte == UInt8(ascii: ",") { index += 1; return true }
        if byte == close { index += 1; return false }
        throw fault("expected a comma or the end of the object or array")
    }

    /// The key of a member and its colon.
    @inline(__always)
    package mutating func key() throws(JSONFault) -> Value {
        skipSpace()
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw fault("expected a member's name in quotes") }
        let key = try string()
        try expect(UInt8(ascii: ":"), "a colon")
        return key
    }

    /// The next value, checked all through.
    package mutating func value(depth: Int = 0) throws(JSONFault) -> Value {
        skipSpace()
        guard index < bytes.count else { throw fault("the text ends where a value should be") }
        switch bytes[index] {
        case UInt8(ascii: "\""): return try string()
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "t"): return try literal("true", .bool)
        case UInt8(ascii: "f"): return try literal("false", .bool)
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    package func fault(_ problem: String) -> JSONFault { JSONFault(offset: index, problem: problem) }

    // MARK: - Parts

    private mutating func object(depth: Int) throws(JSONFault) -> Value {
        guard depth < Self.depthLimit else { throw fault("nested more than \(Self.depthLimit) deep") }
        let start = index
        index += 1
        if !take(UInt8(ascii: "}")) {
            repeat {
                _ = try key()
                _ = try value(depth: depth + 1)
            } while try takeSeparator(orEnd: UInt8(ascii: "}"))
        }
        return Value(kind: .object, range: ByteRange(start: start, count: index - start))
    }

    private mutating func array(depth: Int) throws(JSONFault) -> Value {
        guard depth < Self.depthLimit else { throw fault("nested more than \(Self.depthLimit) deep") }
        let start = index
        index += 1
        if !take(UInt8(ascii: "]")) {
            repeat { _ = try value(depth: depth + 1) } while try takeSeparator(orEnd: UInt8(ascii: "]"))
        }
        return Value(kind: .array, range: ByteRange(start: start, count: index - start))
    }

    private mutating func literal(_ text: StaticString, _ kind: Kind) throws(JSONFault) -> Value {
        let start = index
        for k in 0..<text.utf8CodeUnitCount {
            guard index < bytes.count, bytes[index] == text.utf8Start[k] else { throw fault("not a JSON value") }
            index += 1
        }
        return Value(kind: kind, range: ByteRange(start: start, count: index - start))
    }

    private mutating func digits() -> Int {
        let start = index
        while index < bytes.count, bytes[index] &- UInt8(ascii: "0") <= 9 { index += 1 }
        return index - start
    }

    private mutating func number() throws(JSONFault) -> Value {
        let start = index
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        let leading = index
        let whole = digits()
        guard whole > 0 else { throw fault("not a JSON value") }
        if whole > 1, bytes[leading] == UInt8(ascii: "0") { throw fault("a number can't start with 0") }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            guard digits() > 0 else { throw fault("a number needs digits after its point") }
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") { index += 1 }
            guard digits() > 0 else { throw fault("a number needs digits in its exponent") }
        }
        return Value(kind: .number, range: ByteRange(start: start, count: index - start))
    }

    @inline(__always)
    private mutating func string() throws(JSONFault) -> Value {
        let start = index
        var escapes = false
        index += 1
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                index += 1
                return Value(kind: .string, range: ByteRange(start: start, count: index - start), hasEscapes: escapes)
            }
            if byte == UInt8(ascii: "\\") {
                escapes = true
                try escape()
            } else if byte < 0x20 {
                throw fault("a control character in a string must be escaped")
            } else if byte < 0x80 {
                index += 1
            } else {
                try multibyte()
            }
        }
        throw fault("the text ends inside a string")
    }

    private mutating func escape() throws(JSONFault) {
        guard index + 1 < bytes.count else { throw fault("the text ends inside a string") }
        switch bytes[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 2
        case UInt8(ascii: "u"):
            guard let unit = JSONText.hexUnit(bytes, at: index + 2) else { throw fault("\\u needs four hexadecimal digits") }
            index += 6
            if unit & 0xFC00 == 0xDC00 { throw fault("half of a surrogate pair") }
            if unit & 0xFC00 == 0xD800 {
                guard index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u"),
                    let low = JSONText.hexUnit(bytes, at: index + 2), low & 0xFC00 == 0xDC00
                else { throw fault("half of a surrogate pair") }
                index += 6
            }
        default: throw fault("no such escape")
        }
    }

    /// One UTF-8 sequence of two to four bytes (Unicode 15, table 3-7).
    private mutating func multibyte() throws(JSONFault) {
        let first = bytes[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: length = 3; second = 0xA0...0xBF
        case 0xED: length = 3; second = 0x80...0x9F
        case 0xE1...0xEF: length = 3
        case 0xF0: length = 4; second = 0x90...0xBF
        case 0xF4: length = 4; second = 0x80...0x8F
        case 0xF1...0xF3: length = 4
        default: throw fault("not UTF-8")
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { throw fault("not UTF-8") }
        for k in 2..<max(length, 2) where bytes[index + k] & 0xC0 != 0x80 { throw fault("not UTF-8") }
        index += length
    }
}

extension JSONText {
    static func hexUnit(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> UInt16? {
        guard index + 4 <= bytes.count else { return nil }
        var unit: UInt16 = 0
        for k in index..<(index + 4) {
            guard let digit = Hex.value(bytes[k]) else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    /// Appends what a string's content means: the bytes themselves, escapes resolved. The content must have passed a cursor.
    package static func appendUnescaped(_ bytes: UnsafeBufferPointer<UInt8>, _ content: ByteRange, to out: inout [UInt8]) {
        var i = content.lower
        while i < content.upper {
            guard bytes[i] == UInt8(ascii: "\\") else {
                out.append(bytes[i])
                i += 1
                continue
            }
            switch bytes[i + 1] {
            case UInt8(ascii: "b"): out.append(8); i += 2
            case UInt8(ascii: "f"): out.append(12); i += 2
            case UInt8(ascii: "n"): out.append(10); i += 2
            case UInt8(ascii: "r"): out.append(13); i += 2
            case UInt8(ascii: "t"): out.append(9); i += 2
            case UInt8(ascii: "u"):
                var scalar = UInt32(hexUnit(bytes, at: i + 2) ?? 0xFFFD)
                i += 6
                if scalar & 0xFC00 == 0xD800, let low = hexUnit(bytes, at: i + 2) {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + UInt32(low & 0x3FF)
                    i += 6
                }
                out.append(contentsOf: String(Character(Unicode.Scalar(scalar) ?? "\u{FFFD}")).utf8)
            default: out.append(bytes[i + 1]); i += 2
            }
        }
    }
}
