import Domain
import Testing

@Suite struct CloudEventWriterTests {
    @Test("an event is written in a fixed order, our attributes first")
    func order() throws {
        let json =
            #"{"data":{"x":1,"pool":"ns/p","priority":2},"subject":"a\"b","tenant":"t","id":"é","time":"2026-11-21T09:32:00+02:00","source":"/s","type":"dev.greenroom.actor.requested","specversion":"1.0"}"#
        let commit = Commit(try Read.event(json), firstSeq: 7, superseded: [7])
        #expect(
            commit.lines == [
                #"{"seq":7,"at":"2026-11-21T07:32:00.000125Z","namespace":"ns","specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/s","subject":"a\"b","id":"é","time":"2026-11-21T07:32:00.000000Z","tenant":"t","superseded":true,"data":{"pool":"ns/p","x":1,"priority":2}}"#
            ])
    }

    @Test(
        "data has no comma too many or too few: kind, data as sent, data as written",
        arguments: [
            (EventKind.actorIdle, "{}", "{}"), (.actorIdle, "null", "{}"), (.actorIdle, #"{"version":1}"#, #"{"version":1}"#),
            (.actorRequested, #"{"pool":"n/p"}"#, #"{"pool":"n/p"}"#),
            (.actorCrashed, #"{"reason":"r","worker":"w"}"#, #"{"worker":"w","reason":"r"}"#),
            (.actorCrashed, #"{"worker":null}"#, #"{"worker":null}"#),
            (.actorRunning, #"{"a":[ ],"worker":"w\n"}"#, #"{"worker":"w\n","a":[ ]}"#),
        ])
    func data(_ kind: EventKind, _ sent: String, _ written: String) throws {
        let commit = Commit(try Read.event(SampleEvent.json(type: "dev.greenroom." + kind.name, data: sent)))
        #expect(commit.data() == written)
    }

    @Test("read, committed, written and read again, an event is the same", arguments: SampleEvent.all)
    func roundTrip(_ sample: SampleEvent) throws {
        let more = #","time":"2026-11-21T07:32:00.000001Z","sequence":5,"traceparent":"00-\"","flag":false"#
        for json in [
            sample.json, SampleEvent.json(type: sample.type, subject: sample.subject, id: #"\"\\\u0007é"#, data: sample.data, more: more),
        ] {
            let first = try Read.event(json, own: true)
            let second = try Read.event(Commit(first, superseded: [41]).stored[0], own: true)
            #expect(second.parts() == first.parts())
            // And a second time, byte for byte: exports of exports don't drift.
            #expect(Commit(second).lines == Commit(first).lines)
        }
    }

    @Test("a column that is not the kind's own field is not written: the pool an actor was last known in")
    func foreignColumns() throws {
        var commit = Commit(try Read.event(SampleEvent.of(.actorIdle).json))
        commit.batch.events[0].pool = commit.names.intern("ns/p") ?? .none
        commit.batch.events[0].worker = commit.names.intern("w") ?? .none
        #expect(commit.data() == #"{"version":6}"#)
    }

    @Test("an event made here is written like any other")
    func ourOwn() {
        var batch = EventBatch()
        batch.append(
            .scaleApplied, source: "/greenroom", id: "applied-\"1\"", subject: "ns/p", pool: "ns/p", body: Array(#"{"to":3}"#.utf8))
        batch.append(.workerGone, source: "/greenroom", id: "2", subject: "w", time: .zero, body: Array("{}".utf8))
        let commit = Commit(batch, firstSeq: 1, at: .zero)
        #expect(
            commit.lines == [
                #"{"seq":1,"at":"1970-01-01T00:00:00.000000Z","specversion":"1.0","type":"dev.greenroom.scale.applied","source":"/greenroom","subject":"ns/p","id":"applied-\"1\"","data":{"pool":"ns/p","to":3}}"#,
                #"{"seq":2,"at":"1970-01-01T00:00:00.000000Z","specversion":"1.0","type":"dev.greenroom.worker.gone","source":"/greenroom","subject":"w","id":"2","time":"1970-01-01T00:00:00.000000Z","data":{}}"#,
            ])
    }
}
