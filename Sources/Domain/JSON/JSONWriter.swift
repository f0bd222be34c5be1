import Basics

// How is a value written as JSON, the same bytes every time?
//
// Members come out in the order they are written: a decision's bytes are compared and digested, so nothing here may
// depend on a dictionary's order. No whitespace. Numbers that are whole are written without a fraction.

/// Writes one JSON text, left to right. Commas are its own business; matching `open…` and `close…` is the caller's.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8]
    private var needsComma = false

    package init(reservingBytes count: Int = 128) {
        bytes = []
        bytes.reserveCapacity(count)
    }

    /// Writes behind what is there.
    init(appendingTo bytes: [UInt8]) { self.bytes = bytes }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package mutating func openObject() { separate(); bytes.append(UInt8(ascii: "{")); needsComma = false }
    package mutating func closeObject() { bytes.append(UInt8(ascii: "}")); needsComma = true }
    package mutating func openArray() { separate(); bytes.append(UInt8(ascii: "[")); needsComma = false }
    package mutating func closeArray() { bytes.append(UInt8(ascii: "]")); needsComma = true }

    package mutating func key(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    package mutating func null() { separate(); bytes.append(contentsOf: "null".utf8); needsComma = true }
    package mutating func bool(_ value: Bool) { separate(); bytes.append(contentsOf: (value ? "true" : "false").utf8); needsComma = true }
    package mutating func string(_ value: String) { separate(); quote(value); needsComma = true }
    package mutating func integer(_ value: Int64) { separate(); appendInteger(value); needsComma = true }
    package mutating func time(_ value: LogTime) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        value.appendRFC3339(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    /// A finite number in the shortest form that reads back the same; what is not finite is written as null.
    package mutating func number(_ value: Double) {
        separate()
        if !value.isFinite {
            bytes.append(contentsOf: "null".utf8)
        } else if value == value.rounded(), abs(value) < 1e16 {
            // From 1e16 on Swift's own form has an exponent and no fraction.
            appendInteger(Int64(value))
        } else {
            bytes.append(contentsOf: value.description.utf8)
        }
        needsComma = true
    }

    /// A value that is JSON already.
    package mutating func raw(_ json: some Sequence<UInt8>) { separate(); bytes.append(contentsOf: json); needsComma = true }

    package mutating func member(_ name: String, _ value: String) { key(name); string(value) }
    package mutating func member(_ name: String, _ value: Bool) { key(name); bool(value) }
    package mutating func member(_ name: String, _ value: Int) { key(name); integer(Int64(value)) }
    package mutating func member(_ name: String, _ value: Int64) { key(name); integer(value) }
    package mutating func member(_ name: String, _ value: Double) { key(name); number(value) }
    package mutating func member(_ name: String, _ value: LogTime) { key(name); time(value) }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = false
    }

    private mutating func appendInteger(_ value: Int64) { JSONText.appendInteger(value, to: &bytes) }

    private mutating func quote(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        JSONText.appendEscaped(value.utf8, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Escaping as RFC 8259 asks for it: quotes, backslashes and control characters, nothing else.
package enum JSONText {
    package static func appendInteger(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var magnitude = value.magnitude
        guard magnitude >= 10 else { return bytes.append(UInt8(ascii: "0") + UInt8(magnitude)) }
        // 20 digits are the most there are.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var first = 20
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10)
                magnitude /= 10
            } while magnitude > 0
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[first...]))
        }
    }

    package static func appendEscaped(_ utf8: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        // Nearly every text has nothing to escape: looked through once, and copied as it is.
        let wasPlain = utf8.withContiguousStorageIfAvailable { text in
            for byte in text where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return false }
            bytes.append(contentsOf: text)
            return true
        }
        if wasPlain == true { return }
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case UInt8(ascii: "\\"): bytes.append(contentsOf: [byte, byte])
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\r"): bytes.append(contentsOf: "\\r".utf8)
            case UInt8(ascii: "\t"): bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                Hex.append(byte, to: &bytes)
            default: bytes.append(byte)
            }
        }
    }
}
