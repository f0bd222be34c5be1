import Basics
import Domain
import Testing

@Suite struct JSONWriterTests {
    @Test("members come out in the order they are written, without space")
    func order() {
        var json = JSONWriter()
        json.openObject()
        json.member("b", 1)
        json.member("a", "x")
        json.key("list")
        json.openArray()
        json.integer(-5)
        json.bool(true)
        json.null()
        json.openObject()
        json.closeObject()
        json.openArray()
        json.closeArray()
        json.raw("[0]".utf8)
        json.closeArray()
        json.member("flag", false)
        json.member("at", LogTime.zero)
        json.member("half", 0.5)
        json.closeObject()
        #expect(json.text == #"{"b":1,"a":"x","list":[-5,true,null,{},[],[0]],"flag":false,"at":"1970-01-01T00:00:00.000000Z","half":0.5}"#)
        #expect(fault(in: json.bytes) == nil)
    }

    @Test(
        "a number is written whole where it is, else in the shortest form that reads back",
        arguments: [
            (0.0, "0"), (-0.0, "0"), (1, "1"), (-3, "-3"), (0.1, "0.1"), (1.5, "1.5"), (999_999_999_999_999, "999999999999999"),
            (1e15, "1000000000000000"), (9_007_199_254_740_992, "9007199254740992"), (-9.9e15, "-9900000000000000"), (1e16, "1e+16"),
            (.leastNonzeroMagnitude, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"), (.nan, "null"), (.infinity, "null"), (-.infinity, "null"),
        ])
    func numbers(_ value: Double, _ text: String) {
        var json = JSONWriter()
        json.number(value)
        #expect(json.text == text)
        #expect(fault(in: json.bytes) == nil)
    }

    @Test(
        "integers at the ends of their type",
        arguments: [(Int64.max, "9223372036854775807"), (.min, "-9223372036854775808"), (0, "0"), (-10, "-10")])
    func integers(_ value: Int64, _ text: String) {
        var json = JSONWriter()
        json.integer(value)
        #expect(json.text == text)
    }

    @Test(
        "quotes, backslashes and control characters are escaped, nothing else",
        arguments: [
            ("a\"b", #""a\"b""#), ("a\\b", #""a\\b""#), ("\n\r\t", #""\n\r\t""#), ("\u{0}\u{1f}\u{8}", #""\u0000\u001f\u0008""#),
            ("\u{7f}/é\u{2028}𝄞", "\"\u{7f}/é\u{2028}𝄞\""), ("", #""""#),
        ])
    func escaping(_ value: String, _ text: String) {
        var json = JSONWriter()
        json.string(value)
        #expect(json.text == text)
        var asKey = JSONWriter()
        asKey.openObject()
        asKey.member(value, 1)
        asKey.closeObject()
        #expect(asKey.text == "{\(text):1}")
    }

    @Test("what is written reads back: strings and doubles of all kinds", arguments: 0..<10)
    func readsBack(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        for _ in 0..<300 {
            let scalars = (0..<random.int(0...8)).compactMap { _ in
                Unicode.Scalar(UInt32(random.int(0...random.pick([0x7F, 0x7FF, 0xFFFF, 0x10FFFF]))))
            }
            let string = String(String.UnicodeScalarView(scalars))
            let double = Double(bitPattern: random.next())
            var json = JSONWriter()
            json.openArray()
            json.string(string)
            json.number(double)
            json.closeArray()
            try json.bytes.withBytes { bytes in
                var cursor = JSONCursor(bytes, from: 1)
                let text = try cursor.value()
                #expect(Array((EventBody(bytes, .empty).text(text) ?? "?").utf8) == Array(string.utf8))
                _ = try cursor.takeSeparator(orEnd: UInt8(ascii: "]"))
                let number = try cursor.value()
                if double.isFinite { #expect(JSONText.double(bytes, number.range) == double) } else { #expect(number.kind == .null) }
            }
        }
    }
}
