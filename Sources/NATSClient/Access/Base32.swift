// Which bytes does this Base32 text stand for, and which text stands for these bytes?
//
// RFC 4648, section 6, without padding, as nkeys are written. nil for a text with another character, or with bits left over that
// aren't zero.

enum Base32 {
    private static let alphabet: [UInt8] = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var out: [UInt8] = []
        var (group, bits): (UInt32, UInt32) = (0, 0)
        for byte in text {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
            group = group << 5 | UInt32(value)
            bits += 5
            guard bits >= 8 else { continue }
            bits -= 8
            out.append(UInt8(truncatingIfNeeded: group >> bits))
            group &= 1 << bits - 1
        }
        return group == 0 && bits < 5 ? out : nil
    }

    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var out: [UInt8] = []
        var (group, bits): (UInt32, UInt32) = (0, 0)
        for byte in bytes {
            group = group << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                out.append(alphabet[Int(group >> bits & 31)])
            }
            group &= 1 << bits - 1
        }
        if bits > 0 { out.append(alphabet[Int(group << (5 - bits) & 31)]) }
        return String(decoding: out, as: UTF8.self)
    }
}
