import Basics
import Domain
import Testing

@Suite struct CloudEventReaderTests {
    @Test("a good event of every kind is read", arguments: SampleEvent.all)
    func everyKind(_ sample: SampleEvent) throws {
        let batch = try Read.event(sample.json, own: true)
        let event = try #require(batch.events.first)
        #expect(batch.count == 1)
        #expect(event.kind == sample.kind)
        #expect(batch.text(event.source) == "/test")
        #expect(batch.text(event.id) == "1")
        #expect(batch.text(event.subject) == sample.subject)
        #expect(batch.text(event.pool) == (sample.kind.shape.carriesPool ? "ns/p" : ""))
        #expect(batch.text(event.worker) == (sample.kind.shape.carriesWorker ? "w-1" : ""))
        #expect(event.time == nil && event.extensions.isEmpty)
    }

    @Test("kinds of ours are refused from outside, the others are not", arguments: SampleEvent.all)
    func ours(_ sample: SampleEvent) {
        let fault = Read.fault { () throws(EventFault) in try Read.event(sample.json) }
        #expect(fault?.field == (sample.kind.isOurs ? "type" : nil))
        if sample.kind.isOurs { #expect(fault?.problem == "\(sample.kind.name) is written by Greenroom alone and can't be sent") }
    }

    @Test("what is no column stays in the body as it came, unknown members too")
    func body() throws {
        let data = #"{ "x" : { "deep" : [1, 2.50] }, "pool":"ns/p", "priority": 1, "é\n":null, "worker":"mine" }"#
        let batch = try Read.event(SampleEvent.json(type: "dev.greenroom.actor.requested", data: data))
        let event = batch.events[0]
        #expect(batch.text(event.pool) == "ns/p")
        #expect(event.worker.isEmpty, "of this kind `worker` is an unknown member")
        #expect(batch.text(event.body) == #"{"x":{ "deep" : [1, 2.50] },"priority":1,"é\n":null,"worker":"mine"}"#)
    }

    @Test("extension attributes are kept as they came; null is the same as none")
    func extensions() throws {
        let more =
            #","traceparent":"00-ab","sequence":"12","n":1.50,"flag":true,"none":null,"datacontenttype":"application/json; charset=utf-8","dataschema":"urn:x""#
        let batch = try Read.event(SampleEvent.json(more: more))
        #expect(
            batch.text(batch.events[0].extensions) == #"{"traceparent":"00-ab","sequence":"12","n":1.50,"flag":true,"dataschema":"urn:x"}"#)
    }

    @Test(
        "optional attributes and data may be missing or null",
        arguments: [
            #"{"specversion":"1.0","type":"dev.greenroom.actor.idle","source":"s","id":"1","subject":"a"}"#,
            #"{"specversion":"1.0","type":"dev.greenroom.actor.idle","source":"s","id":"1","subject":"a","data":null,"time":null,"datacontenttype":null}"#,
            " \n{ \"id\":\"1\" , \"source\":\"s\",\t\"data\":{ },\"subject\":\"a\",\"type\":\"dev.greenroom.actor.idle\",\"specversion\":\"1.0\" } \r\n",
        ])
    func leftOut(_ json: String) throws {
        let batch = try Read.event(json)
        #expect(batch.parts() == ["s", "1", "a", "", "", "", "", "actor.idle", ""])
    }

    @Test("a pool's event without a subject is about its pool")
    func poolIsSubject() throws {
        let json = SampleEvent.json(
            type: "dev.greenroom.pool.observed", subject: nil, data: #"{"pool":"ns/p","specReplicas":1,"readyReplicas":0}"#)
        let batch = try Read.event(json)
        #expect(batch.text(batch.events[0].subject) == "ns/p")
    }

    @Test("escapes mean the same as the characters: in names, in values, in the kind")
    func escapes() throws {
        let escaped = #"""
            {"specv\u0065rsion":"1.\u0030","t\u0079pe":"dev.greenroom.actor\u002erequested","source":"\/\u00e9","\u0069d":"a\"b\\c\nd\uD834\uDD1E",
             "subject":"\u0061ctor","d\u0061ta":{"\u0070ool":"ns\/p","\u0070riority":7}}
            """#
        let batch = try Read.event(escaped)
        let event = batch.events[0]
        #expect(event.kind == .actorRequested)
        #expect(batch.text(event.source) == "/é")
        #expect(batch.text(event.id) == "a\"b\\c\nd𝄞")
        #expect(batch.text(event.subject) == "actor")
        #expect(batch.text(event.pool) == "ns/p")
        #expect(event.extensions.isEmpty)
        let committed = Commit(batch).batch
        #expect(committed.withBody(of: committed.events[0]) { body in body["priority"].flatMap { body.integer($0) } } == 7)
    }

    @Test(
        "a producer's time is an instant, whatever its offset",
        arguments: [
            ("2026-11-21T07:32:00+02:00", "2026-11-21T05:32:00.000000Z"), ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
            (#"2026-11-21T07:32:00\u005a"#, "2026-11-21T07:32:00.000000Z"),
        ])
    func time(_ text: String, _ utc: String) throws {
        #expect(try Read.event(SampleEvent.json(more: #","time":"\#(text)""#)).events[0].time?.rfc3339 == utc)
    }

    @Test("a value that could not be read is null, and only there")
    func nullValue() throws {
        let json = SampleEvent.json(
            type: "dev.greenroom.queue.observed", subject: nil, data: #"{"pool":"p","metric":"m","value":null,"error":"timeout"}"#)
        let batch = try Read.event(json)
        #expect(batch.text(batch.events[0].body) == #"{"metric":"m","value":null,"error":"timeout"}"#)
    }

    @Test("a pool without a namespace is in `default`, as its subject is; a log that is read again keeps what it had")
    func poolsInFull() throws {
        let json = SampleEvent.json(
            type: "dev.greenroom.queue.observed", subject: "coders", data: #"{"pool":"coders","metric":"m","value":1}"#)
        let sent = try Read.event(json)
        #expect(sent.text(sent.events[0].pool) == "default/coders")
        #expect(sent.text(sent.events[0].subject) == "default/coders")
        let stored = try Read.event(json, own: true)
        #expect(stored.text(stored.events[0].pool) == "coders")
    }

    @Test(
        "names and ids are taken up to their limits",
        arguments: [
            ("id", EventLimits.idBytes), ("source", EventLimits.nameBytes), ("subject", EventLimits.nameBytes),
        ])
    func longNames(_ attribute: String, _ limit: Int) throws {
        func json(_ length: Int) throws -> String {
            SampleEvent.json().replacing(
                (try Regex("\"\(attribute)\":\"[^\"]*\"")), with: "\"\(attribute)\":\"\(String(repeating: "x", count: length))\"")
        }
        #expect(try Read.event(json(limit)).count == 1)
        let tooLong = try json(limit + 1)
        let fault = Read.fault { () throws(EventFault) in try Read.event(tooLong) }
        #expect(fault == EventFault(index: 0, field: attribute, problem: "has \(limit + 1) bytes; at most \(limit) are taken"))
    }

    @Test("an event is taken up to its limit, and not one byte beyond")
    func largestEvent() throws {
        func json(_ bytes: Int) -> [UInt8] {
            let empty = SampleEvent.json(data: #"{"pad":""}"#)
            return Array(SampleEvent.json(data: #"{"pad":"\#(String(repeating: "x", count: bytes - empty.utf8.count))"}"#).utf8)
        }
        #expect(try Read.event(json(EventLimits.eventBytes)).count == 1)
        let fault = Read.fault { () throws(EventFault) in try Read.event(json(EventLimits.eventBytes + 1)) }
        #expect(fault == EventFault(index: 0, field: nil, problem: "the event has 65537 bytes; at most 65536 are taken"))
        // In a batch each event has the limit for itself.
        let two =
            [UInt8(ascii: "[")] + json(EventLimits.eventBytes) + [UInt8(ascii: ",")] + json(EventLimits.eventBytes) + [UInt8(ascii: "]")]
        #expect(try Read.batch(two).count == 2)
    }

    @Test("extension attributes are taken up to their limit")
    func manyExtensions() throws {
        func json(_ count: Int) -> String { SampleEvent.json(more: (0..<count).map { #","x\#($0)":\#($0)"# }.joined()) }
        #expect(try Read.event(json(EventLimits.extensionAttributes)).count == 1)
        let fault = Read.fault { () throws(EventFault) in try Read.event(json(EventLimits.extensionAttributes + 1)) }
        #expect(fault?.field == nil && fault?.problem.contains("more than 64 extension attributes") == true)
    }

    // MARK: - Batches

    @Test("a batch is all its events in order, and may be empty")
    func batches() throws {
        #expect(try Read.batch("[]").isEmpty)
        #expect(try Read.batch(" [ ] ").isEmpty)
        let batch = try Read.batch("[" + (0..<50).map { SampleEvent.json(id: "id-\($0)") }.joined(separator: " ,\n") + "]")
        #expect(batch.events.map { batch.text($0.id) } == (0..<50).map { "id-\($0)" })
    }

    @Test(
        "a batch that is wrong says which event is: batch, index, field",
        arguments: [
            ("[GOOD,GOOD,{}]", 2, "source"), ("[GOOD,1]", 1, nil), ("[GOOD,]", 1, nil), ("[GOOD GOOD]", 1, nil), ("[GOOD", 1, nil),
            ("[GOOD]]", 0, nil), ("[GOOD,GOOD] x", 1, nil),
            ("GOOD", 0, nil), ("", 0, nil), ("[,GOOD]", 0, nil), ("[null]", 0, nil), ("[[GOOD]]", 0, nil),
        ] as [(String, Int, String?)])
    func badBatches(_ text: String, _ index: Int, _ field: String?) {
        let fault = Read.fault { () throws(EventFault) in try Read.batch(text.replacing("GOOD", with: SampleEvent.json())) }
        #expect(fault?.index == index && fault?.field == field, "\(String(describing: fault))")
    }

    @Test("a request holds at most so many events")
    func largestBatch() {
        let one = Array(SampleEvent.json().utf8) + [UInt8(ascii: ",")]
        func batch(_ count: Int) -> [UInt8] { [UInt8(ascii: "[")] + (0..<count).flatMap { _ in one }.dropLast() + [UInt8(ascii: "]")] }
        #expect(Read.fault { () throws(EventFault) in try Read.batch(batch(EventLimits.eventsPerBatch)) } == nil)
        let fault = Read.fault { () throws(EventFault) in try Read.batch(batch(EventLimits.eventsPerBatch + 1)) }
        #expect(
            fault?.index == EventLimits.eventsPerBatch && fault?.problem == "more than 10000 events in one request: send them in several")
    }

    @Test(
        "a refused line leaves the events before it alone, and nothing of itself", arguments: ["{}", "GOOD x", "GOOD GOOD", "{", "[GOOD]"])
    func refusedLine(_ line: String) throws {
        var reader = CloudEventReader()
        let good = SampleEvent.json(id: "kept")
        try good.withBytes { bytes in try reader.readEvent(bytes) }
        let before = reader.batch
        #expect(throws: EventFault.self) {
            try line.replacing("GOOD", with: SampleEvent.json()).withBytes { bytes in try reader.readEvent(bytes) }
        }
        #expect(reader.batch.events == before.events && reader.batch.bytes == before.bytes)
    }

    @Test(
        "a source of the service's own isn't taken from outside, in no mode; an import takes it",
        arguments: [
            ("/greenroom", true), ("/greenroom/kubernetes/pods", true), ("/greenroom/pollers", true), ("/greenroom/substrate", true),
            ("/greenroom/send", false), ("/greenroom/worker/w-1", false), ("/greenroom2", false), ("/greenroom/kubernetes", false),
        ])
    func reservedSource(_ source: String, _ isRefused: Bool) throws {
        let json = SampleEvent.json().replacing("/test", with: source)
        let escaped = SampleEvent.json().replacing("/test", with: source.replacing("/g", with: "/\\u0067"))
        for text in [json, escaped] {
            #expect((Read.fault { () throws(EventFault) in try Read.event(text) }?.field == "source") == isRefused)
        }
        let binary = Self.binary.map { $0.name == "source" ? ($0.name, source) : $0 }
        #expect((Read.fault { () throws(EventFault) in try Read.binary(binary, #"{"pool":"p"}"#) }?.field == "source") == isRefused)
        #expect(try Read.event(json, own: true).events.count == 1)
    }

    // MARK: - Binary mode

    private static let binary: [(name: String, value: String)] = [
        ("specversion", "1.0"), ("type", "dev.greenroom.actor.requested"), ("source", "/s \"é\""), ("id", "1"), ("subject", "a"),
        ("time", "2026-11-21T07:32:00Z"), ("sequence", "5"),
    ]

    @Test("binary mode gives the same event as structured mode")
    func binaryMode() throws {
        let binary = try Read.binary(Self.binary, #" {"pool":"p", "x":[1]} "#)
        let structured = try Read.event(
            #"{"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/s \"é\"","id":"1","subject":"a","time":"2026-11-21T07:32:00Z","sequence":"5","data":{"pool":"p","x":[1]}}"#
        )
        #expect(binary.parts() == structured.parts())
    }

    @Test(
        "binary mode's faults: data, field",
        arguments: [("{", "data"), ("{} {}", "data"), ("[]", "data"), ("", "data.pool"), ("{}", "data.pool"), ("nul", "data")])
    func binaryFaults(_ data: String, _ field: String) {
        #expect(Read.fault { () throws(EventFault) in try Read.binary(Self.binary, data) }?.field == field)
    }

    @Test("a header given twice, or one that would be the data, is no way in")
    func binaryTricks() throws {
        let twice = Read.fault { () throws(EventFault) in try Read.binary(Self.binary + [("id", "2")], #"{"pool":"p"}"#) }
        #expect(twice == EventFault(index: 0, field: "id", problem: "given twice"))
        let data = try Read.binary(Self.binary + [("data", #"{"pool":"other"}"#)], #"{"pool":"p"}"#)
        #expect(data.text(data.events[0].pool) == "default/p")
        #expect(Read.fault { () throws(EventFault) in try Read.binary(Self.binary + [("seq", "1")], #"{"pool":"p"}"#) }?.field == "seq")
    }

    // MARK: - Properties

    @Test("mutated events are read or refused, never a trap; what is read can be written and read again", arguments: 0..<22)
    func mutated(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let good = Array(SampleEvent.all[seed].json.utf8)
        for _ in 0..<400 {
            let bytes = random.mutated(good)
            guard let batch = try? Read.event(bytes, own: true) else { continue }
            let line = Commit(batch).stored[0]
            #expect(fault(in: Array(line.utf8)) == nil)
            #expect((try? Read.event(line, own: true))?.parts() == batch.parts(), "\(bytes.text) → \(line)")
        }
    }

    @Test("every prefix of an event is refused", arguments: SampleEvent.all)
    func prefixes(_ sample: SampleEvent) {
        let bytes = Array(sample.json.utf8)
        for length in 0..<bytes.count { #expect((try? Read.event(Array(bytes.prefix(length)), own: true)) == nil) }
    }
}
