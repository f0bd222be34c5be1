import Domain
import Testing

// Numbers and names of events at the ends of what there is: taken or refused with the field and the bound, never a trap.

@Suite struct EventNumberTests {
    private static let texts = [
        "-9223372036854775809", "-9223372036854775808", "-9223372036854775807", "-9007199254740993", "-2147483649", "-2147483648", "-1",
        "-0", "0", "1", "65536", "65537",
        "2147483647", "2147483648", "9007199254740992", "9007199254740993", "4611686018427387904", "9223372036854775806",
        "9223372036854775807", "9223372036854775808",
        "18446744073709551616", "1e308", "-1e308", "1e999", "1e-999", "0.5", "1e3", "NaN", "Infinity", "-Infinity", "true", "null", "\"7\"",
        "\"NaN\"", "[]", "{}",
    ]

    @Test("every number in every field of every kind is taken or refused by its name", arguments: EventKind.allCases)
    func everyField(_ kind: EventKind) throws {
        let sample = SampleEvent.of(kind)
        for field in kind.shape.fields {
            for text in Self.texts {
                let json = SampleEvent.json(
                    type: sample.type, subject: sample.subject, data: Self.replaced(sample.data, field.name, by: text))
                for own in [false, true] {
                    guard let fault = Read.fault({ () throws(EventFault) in try Read.event(json, own: own) }) else { continue }
                    if kind.isOurs, !own { continue }
                    #expect(fault.field == "data.\(field.name)" || fault.field == nil, "\(kind.name) \(field.name): \(text): \(fault)")
                }
            }
        }
    }

    @Test(
        "what isn't only compared has a bound, and the fault says it: kind, field, most",
        arguments: [
            (EventKind.poolObserved, "specReplicas", 2_147_483_647), (.poolObserved, "readyReplicas", 2_147_483_647),
            (.workerReady, "slots", 65_536),
            (.actorRequested, "expectedMillis", 31_536_000_000), (.actorRunning, "restoreMillis", 31_536_000_000),
            (.actorPaused, "bytes", 9_007_199_254_740_992),
            (.actorSuspended, "bytes", 9_007_199_254_740_992), (.snapshotCached, "bytes", 9_007_199_254_740_992),
            (.snapshotEvicted, "bytes", 9_007_199_254_740_992),
        ] as [(EventKind, String, Int64)])
    func bounds(_ kind: EventKind, _ field: String, _ most: Int64) throws {
        let sample = SampleEvent.of(kind)
        func json(_ value: Int64) -> String {
            SampleEvent.json(type: sample.type, subject: sample.subject, data: Self.replaced(sample.data, field, by: "\(value)"))
        }
        _ = try Read.event(json(most))
        for value in [most + 1, .max] {
            let fault = Read.fault { () throws(EventFault) in try Read.event(json(value)) }
            #expect(fault == EventFault(index: 0, field: "data.\(field)", problem: "must be a whole number from 0 to \(most)"))
            // What is in an exported log was taken by the rules of its time.
            #expect(Read.fault { () throws(EventFault) in try Read.event(json(value), own: true) } == nil)
        }
    }

    @Test("a version and a priority are only compared: all 64 bits are taken", arguments: [Int64.min, -1, 0, .max])
    func compared(_ value: Int64) throws {
        _ = try Read.event(SampleEvent.json(type: "dev.greenroom.actor.requested", data: #"{"pool":"p","priority":\#(value)}"#))
        if value >= 0 { _ = try Read.event(SampleEvent.json(data: #"{"version":\#(value)}"#)) }
    }

    // MARK: - Names

    private static let names: [(kind: EventKind, field: String)] = EventKind.allCases.filter { !$0.isOurs }.flatMap { kind in
        kind.shape.fields.filter { $0.type == .name }.map { (kind, $0.name) }
    }

    @Test("a name's length is what it reads, not what it takes to write", arguments: names)
    func lengths(_ kind: EventKind, _ field: String) throws {
        let sample = SampleEvent.of(kind)
        func json(_ text: String) -> String {
            SampleEvent.json(type: sample.type, subject: sample.subject, data: Self.replaced(sample.data, field, by: "\"\(text)\""))
        }
        // 512 letters, each written with six bytes; 256 of two bytes, likewise.
        _ = try Read.event(json(String(repeating: #"\u0061"#, count: 512)))
        _ = try Read.event(json(String(repeating: #"\u00e9"#, count: 256)))
        for text in [
            String(repeating: "a", count: 513), String(repeating: #"\u0061"#, count: 513), String(repeating: "\\u00e9", count: 257),
        ] {
            let fault = try #require(Read.fault { () throws(EventFault) in try Read.event(json(text)) })
            #expect(
                fault.field == "data.\(field)" && fault.problem.hasPrefix("has 51")
                    && fault.problem.hasSuffix("bytes; at most 512 are taken"))
        }
        #expect(Read.fault { () throws(EventFault) in try Read.event(json("")) }?.problem == "must not be empty")
        #expect(
            Read.fault { () throws(EventFault) in try Read.event(json(#"a\u0000"#)) }
                == EventFault(index: 0, field: "data.\(field)", problem: "must not contain a NUL character"))
    }

    @Test("no text that is handed on and no label holds a NUL; an error's text may")
    func nuls() throws {
        for kind in EventKind.allCases where !kind.isOurs {
            let sample = SampleEvent.of(kind)
            for field in kind.shape.fields {
                let values =
                    switch field.type {
                    case .stringMap: [#"{"a\u0000":"b"}"#, #"{"a":"\u0000"}"#]
                    case .text: [#""a\u0000b""#]
                    default: [String]()
                    }
                for value in values {
                    let json = SampleEvent.json(
                        type: sample.type, subject: sample.subject, data: Self.replaced(sample.data, field.name, by: value))
                    let fault = Read.fault { () throws(EventFault) in try Read.event(json) }
                    #expect(
                        fault?.problem == (field.type == .text && !field.isHandedOn ? nil : "must not contain a NUL character"),
                        "\(kind.name) \(field.name)")
                }
            }
        }
    }

    /// The object with one member's value replaced, or added.
    private static func replaced(_ object: String, _ name: String, by value: String) -> String {
        var members: [String] = []
        object.withBytes { bytes in
            let body = EventBody(bytes, ByteRange(start: 0, count: bytes.count))
            body.forEachMember { key, found in if key.text != name { members.append("\"\(key.text)\":\(body.raw(found).text)") } }
        }
        return "{" + (members + ["\"\(name)\":\(value)"]).joined(separator: ",") + "}"
    }
}
