import Testing

@testable import Domain

@Suite struct JSONValueTests {
    @Test(arguments: [
        #"{"b":1,"a":[true,false,null,{}],"c":"é\n\"","d":1.50e3,"e":[]}"#, "[]", "0", #""x""#, "-12345678901234567890",
    ])
    func `what is read is written the same`(text: String) throws {
        #expect(try JSONValue(parsing: text).compact == text)
    }

    @Test(arguments: ["", "{", "[1,]", "{} x", "nul", String(repeating: "[", count: 65) + String(repeating: "]", count: 65)])
    func `what is not JSON, or is nested too deep, is refused`(text: String) {
        #expect(throws: JSONFault.self) { try JSONValue(parsing: text) }
    }

    @Test func `equal values have equal bytes and hashes, in whatever order`() throws {
        let (a, b) = (try JSONValue(parsing: #"{"b":{"y":1,"x":2},"a":null}"#), try JSONValue(parsing: #"{"a":null,"b":{"x":2,"y":1}}"#))
        #expect(a == b && a.hashValue == b.hashValue && a.bytes == b.bytes)
        #expect(a.compact != b.compact)
        #expect(a.text == #"{"a":null,"b":{"x":2,"y":1}}"#)
        #expect(try a != JSONValue(parsing: #"{"a":null,"b":{"x":2}}"#))
    }

    @Test func `of members with one name the last counts`() throws {
        let value = try JSONValue(parsing: #"{"a":1,"a":2}"#)
        #expect(value["a"].int == 2 && value == ["a": 2])
        #expect(value.bytes == Array(#"{"a":2}"#.utf8))
    }

    @Test func `what isn't there is null, and can be set`() {
        var value: JSONValue = ["a": ["b": 1]]
        #expect(value["x"]["y"].isNull && value["a"]["b"].integer == 1 && value["a"]["b"].string == nil)
        value["a"]["c"] = "new"
        value["a"]["b"] = "two"
        #expect(value.compact == #"{"a":{"b":"two","c":"new"}}"#)
        #expect(JSONValue.string("s").setting("a", 1) == "s", "only an object has members")
    }

    @Test(arguments: [
        (#"{"a":1,"b":{"c":2,"d":3}}"#, #"{"b":{"c":null,"e":4}}"#, #"{"a":1,"b":{"d":3,"e":4}}"#), (#"{"a":1}"#, "[1]", "[1]"),
        ("[1]", #"{"a":{"b":null,"c":1}}"#, #"{"a":{"c":1}}"#),
    ])
    func `a merge patch is RFC 7386`(text: String, patch: String, result: String) throws {
        #expect(try JSONValue(parsing: text).merging(JSONValue(parsing: patch)) == JSONValue(parsing: result))
    }

    @Test func `numbers are read as they are asked for`() throws {
        let value = try JSONValue(parsing: "[1, 1.0, 9223372036854775807, 9223372036854775808, 1e2]")
        #expect(value.array.map(\.integer) == [1, nil, Int64.max, nil, nil])
        #expect(value.array.map(\.double) == [1, 1, 0x1p63, 0x1p63, 100])
    }
}
