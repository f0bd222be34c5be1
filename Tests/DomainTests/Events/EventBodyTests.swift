import Domain
import Testing

@Suite struct EventBodyTests {
    private func body<Result>(_ json: String, _ read: (EventBody) throws -> Result) rethrows -> Result {
        // Not at the start of the bytes, and not at their end.
        try ("xx" + json + "yy").withBytes { try read(EventBody($0, ByteRange(start: 2, count: json.utf8.count))) }
    }

    @Test("members come in order, and a value is found by its name")
    func members() {
        body(#"{"b":1,"a":"x","c":{"b":2},"d":[{"b":3}]}"#) { body in
            var names: [String] = []
            body.forEachMember { key, _ in names.append(key.text) }
            #expect(names == ["b", "a", "c", "d"])
            #expect(body["b"].flatMap { body.integer($0) } == 1)
            #expect(body["a"].flatMap { body.text($0) } == "x")
            #expect(body["c"].flatMap { body.object($0) }?["b"].flatMap { body.integer($0) } == 2)
            #expect(body["e"] == nil)
            #expect(body["d"].map { body.raw($0).text } == #"[{"b":3}]"#)
        }
    }

    @Test("no bytes and no members are both empty", arguments: ["", "{}", "{ }"])
    func empty(_ json: String) {
        body(json) { body in
            var count = 0
            body.forEachMember { _, _ in count += 1 }
            #expect(count == 0 && body["a"] == nil && body.isEmpty == json.isEmpty)
        }
    }

    @Test("a value of another type is nil, never a guess")
    func types() throws {
        try body(#"{"n":1.5,"s":"1","b":true,"z":null,"a":[1],"o":{}}"#) { body in
            let found = try [
                "n": #require(body["n"]), "s": #require(body["s"]), "b": #require(body["b"]), "z": #require(body["z"]),
                "a": #require(body["a"]), "o": #require(body["o"]),
            ]
            func value(_ name: String) -> JSONCursor.Value { found[name]! }
            #expect(body.integer(value("n")) == nil && body.milli(value("n")) == 1_500)
            #expect(body.integer(value("s")) == nil && body.milli(value("s")) == nil && body.text(value("s")) == "1")
            #expect(body.text(value("b")) == nil && body.time(value("s")) == nil && body.time(value("n")) == nil)
            #expect(body.object(value("a")) == nil && body.object(value("o"))?.isEmpty == false)
            #expect(body.stringMap(value("a")).isEmpty && body.stringMap(value("z")).isEmpty)
        }
    }

    @Test("escapes are resolved in names, texts and times")
    func escapes() {
        body(#"{"\u0061b":"x\u0079\n","t":"2026-11-21T07:32:00\u005A"}"#) { body in
            #expect(body["ab"].flatMap { body.text($0) } == "xy\n")
            #expect(body["t"].flatMap { body.time($0) }?.rfc3339 == "2026-11-21T07:32:00.000000Z")
        }
    }

    @Test("a map of strings is sorted by key and leaves out what is no string")
    func stringMap() {
        body(#"{"m":{"z":"1","a":"2","n":5,"\u006d":"3"}}"#) { body in
            let pairs = body["m"].map { body.stringMap($0) } ?? []
            #expect(pairs.map(\.key) == ["a", "m", "z"])
            #expect(pairs.map(\.value) == ["2", "3", "1"])
        }
    }

    @Test("an array's objects are visited in order, its other elements are not")
    func elements() {
        body(#"{"list":[{"k":1},2,[{"k":9}],{"k":3}],"none":[],"no":{"k":4}}"#) { body in
            var seen: [Int64] = []
            for name: StaticString in ["list", "none", "no"] {
                guard let value = body[name] else { continue }
                body.forEachElement(of: value) { element in seen.append(element["k"].flatMap { element.integer($0) } ?? -1) }
            }
            #expect(seen == [1, 3])
        }
    }

    @Test(
        "a damaged body has the members before the damage, and says that this wasn't all",
        arguments: [
            (#"{"a":1,"b":2}"#, 2, true), (#"{"a":1,"b"}"#, 1, false), (#"{"a":1"#, 1, false), (#"{"a":1,}"#, 1, false), ("7", 0, false),
            (#"{"a":01}"#, 0, false),
            (#"{"a":"\u12"}"#, 0, false), ("{", 0, false), ("[1]", 0, false), ("{}", 0, true),
        ] as [(String, Int, Bool)])
    func damaged(_ json: String, _ members: Int, _ isWhole: Bool) {
        body(json) { body in
            var count = 0
            #expect(body.readMembers { _, _ in count += 1 } == isWhole)
            #expect(count == members)
            _ = body["b"]
        }
        // A range beyond its bytes is damage too.
        json.withBytes { bytes in #expect(!EventBody(bytes, ByteRange(start: 0, count: bytes.count + 5)).readMembers { _, _ in }) }
    }
}
