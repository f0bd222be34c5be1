import Domain
import Testing

// Everything that can be wrong with one event: which field is named, and what its sender is told.

@Suite struct CloudEventRefusalTests {
    /// `json`: attributes to put in place of the good ones, as a JSON object's members; `-name` leaves one out.
    private struct Refusal: Sendable, CustomTestStringConvertible {
        var change: String
        var field: String?
        var problem: String

        init(_ change: String, _ field: String?, _ problem: String) {
            self.change = change
            self.field = field
            self.problem = problem
        }

        var testDescription: String { change }
    }

    private static let attributes: [Refusal] = [
        Refusal("-specversion", "specversion", "missing: every event needs specversion"),
        Refusal("-type", "type", "missing: every event needs type"),
        Refusal("-source", "source", "missing: every event needs source"),
        Refusal("-id", "id", "missing: every event needs id"),
        Refusal("-subject", "subject", "missing: actor.requested is about an actor; its name goes there"),
        Refusal(#""id":null"#, "id", "missing: every event needs id"),
        Refusal(#""type":null"#, "type", "missing: every event needs type"),
        Refusal(#""subject":null"#, "subject", "missing: actor.requested is about an actor; its name goes there"),
        Refusal(#""specversion":"0.3""#, "specversion", #""0.3" is not supported: send CloudEvents 1.0"#),
        Refusal(#""specversion":"1.0.1""#, "specversion", #""1.0.1" is not supported: send CloudEvents 1.0"#),
        Refusal(#""specversion":1.0"#, "specversion", "must be a string, not a number"),
        Refusal(#""id":1"#, "id", "must be a string, not a number"),
        Refusal(#""id":true"#, "id", "must be a string, not a boolean"),
        Refusal(#""source":["a"]"#, "source", "must be a string, not an array"),
        Refusal(#""subject":{}"#, "subject", "must be a string, not an object"),
        Refusal(#""type":7"#, "type", "must be a string, not a number"),
        Refusal(#""id":"""#, "id", "must not be empty"),
        Refusal(#""source":"""#, "source", "must not be empty"),
        Refusal(#""subject":"""#, "subject", "must not be empty"),
        Refusal(#""id":"a\u0000b""#, "id", "must not contain a NUL character"),
        Refusal(#""source":"\u0000""#, "source", "must not contain a NUL character"),
        Refusal(#""subject":"\u0000""#, "subject", "must not contain a NUL character"),
        Refusal(#""time":"yesterday""#, "time", "must be an RFC 3339 time such as 2026-11-21T07:32:00Z"),
        Refusal(#""time":"10000-01-01T00:00:00Z""#, "time", "must be an RFC 3339 time such as 2026-11-21T07:32:00Z"),
        Refusal(#""time":1795246320"#, "time", "must be an RFC 3339 time such as 2026-11-21T07:32:00Z"),
        Refusal(
            #""datacontenttype":"text/xml""#, "datacontenttype",
            #""text/xml" is not JSON: send application/json, text/json or a type that ends in +json"#),
        Refusal(#""datacontenttype":"application/json; charset=utf-16""#, "datacontenttype", "JSON is UTF-8, not utf-16"),
        Refusal(#""datacontenttype":5"#, "datacontenttype", "must be a string, not a number"),
        Refusal(#""data_base64":"e30=""#, "data_base64", "is there beside data: send one of the two"),
        Refusal(#""traceParent":"x""#, "traceParent", "is no attribute's name: CloudEvents allows lower-case letters and digits"),
        Refusal(#""":1"#, "", "is no attribute's name: CloudEvents allows lower-case letters and digits"),
        Refusal(#""x-y":1"#, "x-y", "is no attribute's name: CloudEvents allows lower-case letters and digits"),
        Refusal(#""é":1"#, "é", "is no attribute's name: CloudEvents allows lower-case letters and digits"),
        Refusal(#""tenant":{}"#, "tenant", "must be a string, a number or a boolean"),
        Refusal(#""tenant":[]"#, "tenant", "must be a string, a number or a boolean"),
        Refusal(#""sequence":1.5"#, "sequence", "must be a text that is not empty, or a whole number"),
        Refusal(#""sequence":"""#, "sequence", "must be a text that is not empty, or a whole number"),
        Refusal(#""sequence":true"#, "sequence", "must be a text that is not empty, or a whole number"),
        Refusal(#""seq":7"#, "seq", "is set by Greenroom: leave it out"),
        Refusal(#""at":"2026-11-21T07:32:00Z""#, "at", "is set by Greenroom: leave it out"),
        Refusal(#""superseded":true"#, "superseded", "is set by Greenroom: leave it out"),
        Refusal(#""commit":1"#, "commit", "is set by Greenroom: leave it out"),
        Refusal(#""tenant":"a","tenant":"a""#, "tenant", "given twice"),
        Refusal(#""tenant":"a","t\u0065nant":"a""#, "tenant", "given twice"),
        Refusal(#""id":"1","\u0069d":"2""#, "id", "given twice"),
        Refusal(#""data":{"pool":"p"},"data":{}"#, "data", "given twice"),
        Refusal(#""data":[]"#, "data", "must be a JSON object, not an array"),
        Refusal(#""data":"{}""#, "data", "must be a JSON object, not a string"),
        Refusal(#""data":1"#, "data", "must be a JSON object, not a number"),
        Refusal("-data", "data.pool", "missing: actor.requested needs it"),
        Refusal(#""data":null"#, "data.pool", "missing: actor.requested needs it"),
        Refusal(#""data":{}"#, "data.pool", "missing: actor.requested needs it"),
    ]

    @Test("attributes", arguments: attributes)
    private func attribute(_ refusal: Refusal) { check(refusal, Self.event(changed: refusal.change)) }

    /// `kind: data`: the data of an event of that kind.
    private static let fields: [Refusal] = [
        Refusal(#"actor.requested: {"pool":null}"#, "data.pool", "must not be null"),
        Refusal(#"actor.requested: {"pool":5}"#, "data.pool", "must be a string, not a number"),
        Refusal(#"actor.requested: {"pool":""}"#, "data.pool", "must not be empty"),
        Refusal(#"actor.requested: {"pool":"a\u0000"}"#, "data.pool", "must not contain a NUL character"),
        Refusal(#"actor.requested: {"pool":"a","pool":"b"}"#, "data.pool", "given twice"),
        Refusal(#"actor.requested: {"pool":"a","\u0070ool":"b"}"#, "data.pool", "given twice"),
        Refusal(#"actor.requested: {"pool":"a","priority":null,"priority":1}"#, "data.priority", "given twice"),
        Refusal(#"actor.requested: {"pool":"p","priority":"1"}"#, "data.priority", "must be a whole number, not a string"),
        Refusal(#"actor.requested: {"pool":"p","priority":1.5}"#, "data.priority", "must be a whole number of at most 63 bits"),
        Refusal(
            #"actor.requested: {"pool":"p","priority":9223372036854775808}"#, "data.priority", "must be a whole number of at most 63 bits"),
        Refusal(
            #"actor.requested: {"pool":"p","expectedMillis":-1}"#, "data.expectedMillis",
            "must be a whole number, 0 or more, of at most 63 bits"),
        Refusal(
            #"actor.requested: {"pool":"p","expectedMillis":1e3}"#, "data.expectedMillis",
            "must be a whole number, 0 or more, of at most 63 bits"),
        Refusal(#"actor.requested: {"pool":"p","version":true}"#, "data.version", "must be a whole number, not a boolean"),
        Refusal(
            #"actor.requested: {"pool":"p","deadline":"soon"}"#, "data.deadline", "must be an RFC 3339 time such as 2026-11-21T07:32:00Z"),
        Refusal(#"actor.requested: {"pool":"p","deadline":5}"#, "data.deadline", "must be an RFC 3339 time such as 2026-11-21T07:32:00Z"),
        Refusal(#"actor.requested: {"pool":"p","selector":[]}"#, "data.selector", "must be an object of strings, not an array"),
        Refusal(#"actor.requested: {"pool":"p","selector":{"a":"b","c":1}}"#, "data.selector", "must hold strings only"),
        Refusal(#"actor.requested: {"pool":"p","reason":7}"#, "data.reason", "must be a string, not a number"),
        Refusal(#"actor.created: {"pool":"p"}"#, "data.template", "missing: actor.created needs it"),
        Refusal(#"actor.created: {"pool":"p","template":""}"#, "data.template", "must not be empty"),
        Refusal(#"actor.running: {}"#, "data.worker", "missing: actor.running needs it"),
        Refusal(#"actor.running: {"worker":null}"#, "data.worker", "must not be null"),
        Refusal(#"actor.crashed: {"worker":null,"worker":"w"}"#, "data.worker", "given twice"),
        Refusal(#"worker.ready: {"pool":"p"}"#, "data.node", "missing: worker.ready needs it"),
        Refusal(
            #"worker.ready: {"pool":"p","node":"n","slots":-1}"#, "data.slots", "must be a whole number, 0 or more, of at most 63 bits"),
        Refusal(#"worker.draining: {}"#, "data.reason", "missing: worker.draining needs it"),
        Refusal(#"snapshot.cached: {"node":"n"}"#, "data.snapshot", "missing: snapshot.cached needs it"),
        Refusal(#"queue.observed: {"pool":"p","metric":"m"}"#, "data.value", "missing: queue.observed needs it"),
        Refusal(#"queue.observed: {"pool":"p","metric":"m","value":"5"}"#, "data.value", "must be a number, not a string"),
        Refusal(
            #"queue.observed: {"pool":"p","metric":"m","value":1e300}"#, "data.value", "is too large: at most about 9.2e15 in magnitude"),
        Refusal(
            #"queue.observed: {"pool":"p","metric":"m","value":1e999}"#, "data.value", "is too large: at most about 9.2e15 in magnitude"),
        Refusal(#"pool.observed: {"pool":"p","specReplicas":1}"#, "data.readyReplicas", "missing: pool.observed needs it"),
        Refusal(#"policy.applied: {"pool":"p","policy":[],"digest":"d"}"#, "data.policy", "must be an object, not an array"),
        Refusal(
            #"scale.decided: {"pool":"p","from":1,"to":2,"direction":"up","why":{},"inputs":{},"digest":"d"}"#, "data.why",
            "must be an array, not an object"),
        Refusal(#"timer.fired: {"pool":"p","deadline":null}"#, "data.deadline", "must not be null"),
    ]

    @Test("data", arguments: fields)
    private func field(_ refusal: Refusal) {
        let parts = refusal.change.split(separator: ": ", maxSplits: 1)
        check(refusal, SampleEvent.json(type: "dev.greenroom.\(parts[0])", subject: "x", data: String(parts[1])))
    }

    @Test(
        "an unknown kind is refused by its name, and the sender is told those there are",
        arguments: [
            "dev.greenroom.actor.resumed", "dev.greenroom.", "dev.greenroom", "actor.idle", "dev.greenroom.Actor.idle",
            "com.example.actor.idle", "dev.greenroom.actor.idle.v2",
        ])
    func unknownKind(_ type: String) throws {
        let fault = try #require(Read.fault { () throws(EventFault) in try Read.event(SampleEvent.json(type: type)) })
        #expect(fault.field == "type")
        #expect(fault.problem.hasPrefix("unknown kind \"\(type)\": the types are dev.greenroom. and one of actor.created, "))
        #expect(!fault.problem.contains("scale.decided"))
    }

    @Test("a fault repeats no more of an absurd text than can be read")
    func longEcho() throws {
        let long = String(repeating: "x", count: 30_000)
        for json in [
            SampleEvent.json(type: long), SampleEvent.json(more: #","\#(long)-":1"#),
            SampleEvent.json(more: #","\#(long)":1,"\#(long)":1"#),
        ] {
            let fault = try #require(Read.fault { () throws(EventFault) in try Read.event(json) })
            #expect(fault.problem.utf8.count + (fault.field?.utf8.count ?? 0) < 1_000)
        }
    }

    @Test(
        "what is no JSON object is refused at its byte: text, problem",
        arguments: [
            ("", "not JSON at byte 0: the text ends where an event, which is a JSON object should be"),
            ("[]", "not JSON at byte 0: expected an event, which is a JSON object"),
            (#"{"id":"1",}"#, "not JSON at byte 10: expected a member's name in quotes"),
            (#"{"id":01}"#, "not JSON at byte 8: a number can't start with 0"),
            ("{\"id\":\"\u{1}\"}", "not JSON at byte 7: a control character in a string must be escaped"),
            (#"{"id":"1"} x"#, ""),
        ])
    func broken(_ text: String, _ problem: String) throws {
        let fault = try #require(Read.fault { () throws(EventFault) in try Read.event(text) })
        #expect(fault.index == 0)
        if !problem.isEmpty { #expect(fault.field == nil && fault.problem == problem) }
    }

    @Test("something after the event is refused")
    func trailing() {
        let json = SampleEvent.json()
        let fault = Read.fault { () throws(EventFault) in try Read.event(json + " {}") }
        #expect(fault == EventFault(index: 0, field: nil, problem: "something follows the JSON at byte \(json.utf8.count + 1)"))
    }

    @Test("an event nested too deep, or with a million attributes, is refused quickly")
    func hostile() {
        let deep = String(repeating: #"{"a":"#, count: 5_000)
        #expect(
            Read.fault { () throws(EventFault) in try Read.event(SampleEvent.json(data: deep)) }?.problem.contains(
                "nested more than 64 deep") == true)
        let many = (0..<100_000).map { #","a\#($0)":0"# }.joined()
        #expect(
            Read.fault { () throws(EventFault) in try Read.event(SampleEvent.json(more: many)) }?.problem.contains(
                "bytes; at most 65536 are taken") == true)
        let twins = String(repeating: #","a":0"#, count: 9_000)
        #expect(
            Read.fault { () throws(EventFault) in try Read.event(SampleEvent.json(more: twins)) }?.problem.contains(
                "more than 64 extension attributes") == true)
    }

    // MARK: - Parts

    private func check(_ refusal: Refusal, _ json: String) {
        let fault = Read.fault { () throws(EventFault) in try Read.event(json, own: !refusal.problem.hasPrefix("is set by")) }
        #expect(fault == EventFault(index: 0, field: refusal.field, problem: refusal.problem), "\(json)")
    }

    /// A good request with one member replaced, added or left out.
    private static func event(changed change: String) -> String {
        var members = [
            ("specversion", #""1.0""#), ("type", #""dev.greenroom.actor.requested""#), ("source", #""/test""#), ("id", #""1""#),
            ("subject", #""actor-1""#), ("data", #"{"pool":"ns/p"}"#),
        ]
        if change.hasPrefix("-") {
            members.removeAll { $0.0 == change.dropFirst() }
            return "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
        }
        let name = change.dropFirst().prefix { $0 != "\"" }
        members.removeAll { $0.0 == name }
        return "{" + (members.map { "\"\($0.0)\":\($0.1)" } + [change]).joined(separator: ",") + "}"
    }
}
