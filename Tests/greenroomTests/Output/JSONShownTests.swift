import Domain
import Testing

@testable import Output

@Suite struct JSONShownTests {
    @Test func `what is shown is read the same`() throws {
        let value = try JSONValue(parsing: #"{"b":1,"a":[true,false,null,{}],"c":"é\n\"","d":1.50e3,"e":[]}"#)
        #expect(try JSONValue(parsing: value.pretty) == value)
    }

    @Test func prettyIndentsByTwo() throws {
        #expect(
            try JSONValue(parsing: #"{"a":[1,{}],"b":{"c":""}}"#).pretty
                == "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": \"\"\n  }\n}")
    }

    @Test func yamlKeepsOrderAndTypes() throws {
        let value = try JSONValue(
            parsing: #"{"z":"true","a":"1","n":null,"t":"2026-11-21T08:00:00Z","l":[1,2.5],"s":"plain text","e":"","m":{}}"#)
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
