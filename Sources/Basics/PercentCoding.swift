// What does percent-encoded text say, and how is a text written so?
//
// RFC 3986: `%41` is a byte; a `%` without two hexadecimal digits stands for itself, as browsers and curl read it. The
// bytes must be UTF-8. A `+` is a plus in a path and in a header; in a query it is a space, as forms and most clients
// write it. Written is all but the unreserved characters, as signatures want it.

package enum PercentCoding {
    package static func decode(_ text: Substring) -> String? { decode(Array(text.utf8)[...]) }

    package static func decodeQuery(_ text: Substring) -> String? {
        decode(text.utf8.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: " ") : $0 }[...])
    }

    package static func decode(_ bytes: ArraySlice<UInt8>) -> String? { String(validating: decoded(bytes), as: UTF8.self) }

    /// The bytes that it stands for, UTF-8 or not.
    package static func decoded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        guard bytes.contains(UInt8(ascii: "%")) else { return Array(bytes) }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.endIndex, let high = Hex.value(bytes[index + 1]),
                let low = Hex.value(bytes[index + 2])
            {
                out.append(high << 4 | low)
                index += 3
            } else {
                out.append(bytes[index])
                index += 1
            }
        }
        return out
    }

    /// All but RFC 3986's unreserved characters, and `kept`, as upper-case `%XX` of their UTF-8.
    package static func encode(_ text: String, keeping kept: UInt8? = nil) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if isUnreserved(byte) || byte == kept {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                Hex.append(byte, capital: true, to: &out)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || "-._~".utf8.contains(byte)
    }
}
