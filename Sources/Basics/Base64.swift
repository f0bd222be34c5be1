// Which bytes does this Base64 text stand for?
//
// RFC 4648, section 4: the usual alphabet, padded to whole groups. No line breaks, and nothing but zeros in the bits that padding
// leaves over. nil for any other text.

package enum Base64 {
    package static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        let padding = text.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
        var out: [UInt8] = []
        out.reserveCapacity(text.count / 4 * 3)
        var (group, bits): (UInt32, Int) = (0, 0)
        for byte in text.dropLast(padding) {
            guard let sextet = value(byte) else { return nil }
            group = group << 6 | UInt32(sextet)
            bits += 6
            guard bits >= 8 else { continue }
            bits -= 8
            out.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
        }
        return group & (1 << UInt32(bits) - 1) == 0 ? out : nil
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
