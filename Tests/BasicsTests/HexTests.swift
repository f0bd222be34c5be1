import Testing

@testable import Basics

// Do bytes and hexadecimal digits agree, both ways?

@Suite struct HexTests {
    @Test func everyByteIsTwoDigits() {
        for byte in UInt8.min...UInt8.max {
            let plain = String(byte, radix: 16)
            let expected = plain.count == 1 ? "0" + plain : plain
            #expect(Hex.text([byte]) == expected)
            #expect(Hex.text([byte], capital: true) == expected.uppercased())
        }
        #expect(Hex.text([]) == "")
        #expect(Hex.text([0xDE, 0xAD, 0x00, 0x0F]) == "dead000f")
    }

    @Test func onlyDigitsHaveAValue() {
        for byte in UInt8.min...UInt8.max {
            let character = Character(Unicode.Scalar(byte))
            let expected = character.isASCII ? character.hexDigitValue.map { UInt8($0) } : nil
            #expect(Hex.value(byte) == expected, "\(byte)")
        }
    }
}
