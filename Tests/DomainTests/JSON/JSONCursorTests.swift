import Domain
import Testing

@Suite struct JSONCursorTests {
    @Test(
        "these texts are JSON",
        arguments: [
            // Literals, space and bare values
            "null", "\u{feff}1", "\u{feff} {}", "true", "false", " null ", "\t\r\n [ ] \n", "[]", "{}", "\"\"", "0", "[null,true,false]",
            "{ } ", "[ 1 , 2 ]", "{ \"a\" : 1 , \"b\" : 2 }",
            // Numbers
            "-0", "0.0", "-0.0", "10", "123456789012345678901234567890", "0.1", "1.0e5", "1E5", "1e+5", "1e-5", "1E-05", "0e0", "0e+1",
            "-1.5e-300",
            "1e999999999", "0.000000000000000000000000000000000001", "[-1]", "20e1",
            // Strings
            #""abc""#, #""é漢𝄞""#, #""\"\\\/\b\f\n\r\t""#, #""\u0041""#, #""\u00e9\u00E9""#, #""\u0000""#, #""\uD834\uDD1E""#,
            #""\ud834\udd1e""#, #""\uD7FF\uE000""#,
            #""\uDBFF\uDFFF""#, #""\uFFFF""#, "\"\u{7f}\"", "\"\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}\"", "\"\u{2028}\u{2029}\"",
            #""//""#, #""[{\"}""#,
            // Containers
            "[[]]", "[{}]", #"{"":0}"#, #"{"a":{"b":[{"c":null}]}}"#, #"{"a":1,"a":2}"#, #"{"\u0061":1}"#, #"[[],[[]],{}]"#,
        ])
    func accepted(_ text: String) { #expect(fault(in: Array(text.utf8)) == nil) }

    @Test(
        "these texts are not",
        arguments: [
            // Nothing, or something else
            "", " ", "\n", "nul", "nulll", "Null", "TRUE", "tru", "fals", "undefined", "NaN", "Infinity", "-Infinity", "'a'", "a", "/",
            "//x\n1", "/*x*/1", "\u{a0}1",
            "\u{0b}1", "\u{0c}1", "1\u{0}", "\u{0}",
            // Numbers
            "-", "+1", "01", "-01", "00", "0x1", "1.", ".5", "-.5", "1.e5", "1e", "1e+", "1E-", "1e1.5", "--1", "-+1", "1-", "1 2", "1_000",
            "1,000", "0.1.2", "１", "1e５", "- 1", "-a",
            // Strings
            "\"", "\"a", #""\""#, #""\x41""#, #""\u""#, #""\u004""#, #""\u004g""#, #""\u 041""#, #""\U0041""#, #""\a""#, #""\'""#, #""\0""#,
            "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1f}\"",
            #""\uD800""#, #""\uDC00""#, #""\uD800x""#, #""\uD800\n""#, #""\uD800\uD800""#, #""\uDC00\uD800""#, #""\uD834\u0041""#,
            #""\uD834\u""#, #""\uD834\"#, #""a"b"#, #""a" "b""#,
            // Containers
            "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1:2]", "[}", "{]", "[1}", "{1:2}", "{a:1}",
            #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{,"a":1}"#,
            #"{"a":1 "b":2}"#, #"{"a" 1}"#, #"{"a"::1}"#, #"{"a":1:2}"#, #"{"a":1"#, #"{"a":"#, #"{"a""#, #"{"a"#, #"{null:1}"#,
            #"{"a":1}}"#, "[]]", "[][]", "{}{}", "[] x", "nullnull", "[truefalse]", "\u{feff}", "\u{feff}\u{feff}1", " \u{feff}1",
            "1\u{feff}", "[\u{feff}1]",
        ])
    func refused(_ text: String) { #expect(fault(in: Array(text.utf8)) != nil) }

    @Test(
        "bytes that are not UTF-8 are refused where they stand: what, bytes inside a string",
        arguments: [
            ("a continuation alone", [0x80]), ("the last continuation alone", [0xBF]), ("C0 overlong", [0xC0, 0x80]),
            ("C1 overlong", [0xC1, 0xBF]),
            ("E0 overlong", [0xE0, 0x9F, 0xBF]), ("F0 overlong", [0xF0, 0x8F, 0xBF, 0xBF]), ("low end of surrogates", [0xED, 0xA0, 0x80]),
            ("high end of surrogates", [0xED, 0xBF, 0xBF]), ("beyond 10FFFF", [0xF4, 0x90, 0x80, 0x80]), ("F5", [0xF5, 0x80, 0x80, 0x80]),
            ("FE", [0xFE]), ("FF", [0xFF]),
            ("two of two missing", [0xC3]), ("last of three missing", [0xE2, 0x82]), ("last of four missing", [0xF0, 0x9D, 0x84]),
            ("ASCII for a continuation", [0xE2, 0x82, 0x41]),
            ("a lead for a continuation", [0xF0, 0x9D, 0xC3, 0xA9]), ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]), ("Latin-1", [0xE9]),
        ] as [(String, [UInt8])])
    func notUTF8(_ what: String, _ bytes: [UInt8]) {
        let found = fault(in: [0x22] + bytes + [0x22])
        #expect(found == JSONFault(offset: 1, problem: "not UTF-8"), "\(what)")
        // Where the text ends inside the sequence, nothing beyond it is looked at.
        #expect(fault(in: [0x22] + bytes) != nil)
    }

    @Test(
        "every scalar is taken as UTF-8 and as an escape, and means itself",
        arguments: Array(stride(from: UInt32(0x20), through: 0x10FFFF, by: 4_099)))
    func scalars(_ value: UInt32) throws {
        guard let scalar = Unicode.Scalar(value) else { return }
        let escaped = String(scalar).utf16.map {
            "\\u" + String(repeating: "0", count: 4 - String($0, radix: 16).count) + String($0, radix: 16)
        }.joined()
        #expect(try unescaped("\"\(escaped)\"") == String(scalar))
        if value != 0x22, value != 0x5C { #expect(try unescaped("\"\(scalar)\"") == String(scalar)) }
    }

    @Test(
        "escapes mean what RFC 8259 says",
        arguments: [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u0041\u00e9\u6F22""#, "Aé漢"), (#""\uD834\uDD1E!""#, "𝄞!"),
            (#""a\u0000b""#, "a\u{0}b"), (#""\\u0041""#, "\\u0041"),
        ])
    func escapes(_ text: String, _ meaning: String) throws { #expect(try unescaped(text) == meaning) }

    @Test("containers may stand 64 deep, and no deeper", arguments: ["[]", "{}", "[{}]"])
    func depth(_ form: String) {
        func nested(_ depth: Int) -> [UInt8] {
            var open = ""
            var close = ""
            for k in 0..<depth {
                let isArray = form == "[]" || (form == "[{}]" && k % 2 == 0)
                open += isArray ? "[" : #"{"a":"#
                close = (isArray ? "]" : "}") + close
            }
            return Array((open + "0" + close).utf8)
        }
        #expect(fault(in: nested(JSONCursor.depthLimit)) == nil)
        #expect(fault(in: nested(JSONCursor.depthLimit + 1))?.problem == "nested more than 64 deep")
        #expect(fault(in: Array(repeating: UInt8(ascii: "["), count: 1_000_000))?.problem == "nested more than 64 deep")
    }

    @Test(
        "a fault says at which byte: text, offset",
        arguments: [
            ("[1,x]", 3), (#"{"a":tru}"#, 8), (#"{"a" 1}"#, 5), ("[01]", 3), (#"["\q"]"#, 2), ("[1 2]", 3), (#"{"ä":}"#, 6), ("[1", 2),
        ])
    func offsets(_ text: String, _ offset: Int) { #expect(fault(in: Array(text.utf8))?.offset == offset) }

    @Test("a value's range is its own bytes, without the space around it")
    func ranges() throws {
        let text = #" { "a" : [ 1 , "b\n" ] , "c" : -2.5e3 } "#
        try text.withBytes { bytes in
            var cursor = JSONCursor(bytes)
            func slice(_ range: ByteRange) -> String { String(decoding: bytes[range.lower..<range.upper], as: UTF8.self) }
            let opens = cursor.take(UInt8(ascii: "{"))
            #expect(opens)
            let a = try cursor.key()
            let array = try cursor.value()
            #expect(array.kind == .array && slice(array.range) == #"[ 1 , "b\n" ]"#)
            let goesOn = try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
            let c = try cursor.key()
            #expect(goesOn && slice(a.content) == "a" && slice(c.content) == "c")
            let number = try cursor.value()
            #expect(number.kind == .number && slice(number.range) == "-2.5e3")
            let another = try cursor.takeSeparator(orEnd: UInt8(ascii: "}"))
            cursor.skipSpace()
            #expect(!another && cursor.atEnd)
        }
    }

    private func unescaped(_ text: String) throws -> String {
        try text.withBytes { bytes in
            var cursor = JSONCursor(bytes)
            let value = try cursor.value()
            #expect(value.kind == .string && cursor.atEnd)
            var out: [UInt8] = []
            JSONText.appendUnescaped(bytes, value.content, to: &out)
            return String(decoding: out, as: UTF8.self)
        }
    }
}
