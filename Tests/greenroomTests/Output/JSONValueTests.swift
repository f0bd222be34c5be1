import Testing

@testable import Output

@Suite struct JSONValueTests {
    @Test(arguments: [
        #"{"b":1,"a":[true,false,null,{}],"c":"é\n\"","d":1.50e3,"e":[]}"#, "[]", "0", #""x""#, "-12345678901234567890",
    ])
    func whatIsReadIsWrittenTheSame(text: String) throws {
        #expect(try JSONValue(text).compact == text)
        #expect(try JSONValue(JSONValue(text).pretty) == JSONValue(text))
    }

    @Test(arguments: ["", "{", "[1,]", "{} x", "nul"])
    func whatIsNotJSONIsRefused(text: String) {
        #expect(throws: (any Error).self) { try JSONValue(text) }
    }

    @Test func prettyIndentsByTwo() throws {
        #expect(
            try JSONValue(#"{"a":[1,{}],"b":{"c":""}}"#).pretty
                == "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": \"\"\n  }\n}")
    }

    @Test func yamlKeepsOrderAndTypes() throws {
        let value = try JSONValue(#"{"z":"true","a":"1","n":null,"t":"2026-11-21T08:00:00Z","l":[1,2.5],"s":"plain text","e":"","m":{}}"#)
        #expect(
            try value.yaml() == """
                z: "true"
                a: "1"
                n: null
                t: "2026-11-21T08:00:00Z"
                l:
                - 1
                - 2.5
                s: plain text
                e: ""
                m: {}

                """)
    }
}
