// How are bytes written in hexadecimal, and which number is a digit?
//
// Two digits a byte, the upper half first. Lower case unless capitals are asked for; read are both.

@usableFromInline package enum Hex {
    /// The digit of a value below 16.
    @inlinable package static func digit(_ value: UInt8, capital: Bool = false) -> UInt8 {
        value &+ (value < 10 ? UInt8(ascii: "0") : (capital ? UInt8(ascii: "A") : UInt8(ascii: "a")) &- 10)
    }

    /// nil for any other character.
    @inlinable package static func value(_ digit: UInt8) -> UInt8? {
        let decimal = digit &- UInt8(ascii: "0")
        if decimal < 10 { return decimal }
        let letter = (digit | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter &+ 10 : nil
    }

    @inlinable package static func append(_ byte: UInt8, capital: Bool = false, to out: inout [UInt8]) {
        out.append(digit(byte >> 4, capital: capital))
        out.append(digit(byte & 15, capital: capital))
    }

    package static func text(_ bytes: some Sequence<UInt8>, capital: Bool = false) -> String {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.underestimatedCount * 2)
        for byte in bytes { append(byte, capital: capital, to: &out) }
        return String(decoding: out, as: UTF8.self)
    }
}
