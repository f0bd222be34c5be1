import Domain
import Foundation
import HTTPTestSupport
import TestSupport
import Testing

@testable import HTTPService

@Suite("Events come in by every mode and every wire")
struct EventModesTests {
    struct Row: Sendable, CustomStringConvertible {
        var name: String
        var headers: [(String, String)]
        var body: String
        var response: String
        var ids: [String]
        var description: String { name }
    }

    static let rows = [
        Row(
            name: "structured", headers: [("content-type", "application/cloudevents+json")], body: Event.json("a"),
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "structured with a charset", headers: [("content-type", "Application/CloudEvents+JSON; charset=UTF-8")],
            body: Event.json("a"),
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "batch", headers: [("content-type", "application/cloudevents-batch+json")], body: Event.batch(["a", "b", "c"]),
            response: #"{"accepted":3,"duplicates":0,"firstSeq":1,"lastSeq":3}"#, ids: ["a", "b", "c"]),
        Row(
            name: "empty batch", headers: [("content-type", "application/cloudevents-batch+json")], body: "[]",
            response: #"{"accepted":0,"duplicates":0,"firstSeq":0,"lastSeq":0}"#, ids: []),
        Row(
            name: "an id twice in one batch", headers: [("content-type", "application/cloudevents-batch+json")],
            body: Event.batch(["a", "b", "a"]),
            response: #"{"accepted":2,"duplicates":1,"firstSeq":1,"lastSeq":2,"positions":[1,2,1]}"#, ids: ["a", "b"]),
        Row(
            name: "lines", headers: [("content-type", "application/x-ndjson")], body: Event.ndjson(["a", "b"]),
            response: #"{"accepted":2,"duplicates":0,"firstSeq":1,"lastSeq":2}"#, ids: ["a", "b"]),
        Row(
            name: "lines with empty ones, carriage returns and no end", headers: [("content-type", "application/x-ndjson")],
            body: Event.json("a") + "\r\n\r\n\n" + Event.json("b"),
            response: #"{"accepted":2,"duplicates":0,"firstSeq":1,"lastSeq":2}"#, ids: ["a", "b"]),
        Row(
            name: "no lines", headers: [("content-type", "application/x-ndjson")], body: "\n",
            response: #"{"accepted":0,"duplicates":0,"firstSeq":0,"lastSeq":0}"#, ids: []),
        Row(
            name: "binary",
            headers: [
                ("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-type", "dev.greenroom.actor.requested"),
                ("ce-source", "tests"),
                ("ce-id", "%C3%A4%20%22b"), ("ce-subject", "\"actor \\\"1\\\"\""),
            ], body: #"{"pool":"default/agents"}"#, response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["ä \"b"]),
        Row(
            name: "binary without data",
            headers: [
                ("ce-specversion", "1.0"), ("ce-type", "dev.greenroom.actor.idle"), ("ce-source", "tests"), ("ce-id", "a"),
                ("ce-subject", "actor-1"),
            ], body: "", response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "structured, behind a byte order mark", headers: [("content-type", "application/cloudevents+json")],
            body: "\u{feff}" + Event.json("a"),
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "batch, behind a byte order mark", headers: [("content-type", "application/cloudevents-batch+json")],
            body: "\u{feff}" + Event.batch(["a", "b"]),
            response: #"{"accepted":2,"duplicates":0,"firstSeq":1,"lastSeq":2}"#, ids: ["a", "b"]),
        Row(
            name: "lines, of files that each had a byte order mark", headers: [("content-type", "application/x-ndjson")],
            body: "\u{feff}" + Event.json("a") + "\n\u{feff}" + Event.json("b"),
            response: #"{"accepted":2,"duplicates":0,"firstSeq":1,"lastSeq":2}"#, ids: ["a", "b"]),
        Row(
            name: "binary, behind a byte order mark",
            headers: [
                ("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-type", "dev.greenroom.actor.requested"),
                ("ce-source", "tests"),
                ("ce-id", "a"), ("ce-subject", "actor-1"),
            ], body: "\u{feff}" + #"{"pool":"default/agents"}"#, response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#,
            ids: ["a"]),
        Row(
            name: "data in Base64, behind a byte order mark", headers: [("content-type", "application/cloudevents+json")],
            body:
                #"{"specversion":"1.0","id":"a","source":"tests","type":"dev.greenroom.actor.requested","subject":"actor-1","data_base64":"77u/eyJwb29sIjoiZGVmYXVsdC9hZ2VudHMifQ=="}"#,
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "Python, with bytes", headers: [("content-type", "application/cloudevents+json")],
            body:
                #"{"specversion":"1.0","id":"a","source":"tests","type":"dev.greenroom.actor.requested","time":"2026-11-21T07:32:00.123456+00:00","subject":"actor-1","#
                + #""datacontenttype":"text/json","data_base64":"eyJwb29sIjoiZGVmYXVsdC9hZ2VudHMifQ==","sequence":"0001-b"}"#,
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "Python in binary mode, which names no type", headers: binary("a"), body: #"{"pool": "default/agents"}"#,
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "Python 2 in binary mode, which encodes more than it must",
            headers: [("content-type", "text/json")] + binary("a%2Db", time: "2026%2D11%2D21T07%3A32%3A00Z"),
            body: #"{"pool":"default/agents"}"#, response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a-b"]),
        Row(
            name: "JavaScript in binary mode",
            headers: [("content-type", "application/json; charset=utf-8"), ("ce-sequence", "a")] + binary("a"),
            body: #"{"pool":"default/agents"}"#,
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "JavaScript in structured mode", headers: [("content-type", "application/cloudevents+json; charset=utf-8")],
            body: Event.json("a"),
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "Go in binary mode, with a type of its own",
            headers: [("Content-Type", "application/vnd.acme.turn+json")] + binary("a", prefix: "Ce-"), body: #"{"pool":"default/agents"}"#,
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "Go in batch mode, with a type of its own", headers: [("content-type", "application/cloudevents-batch+json")],
            body: "[" + Event.json("a").dropLast() + #","datacontenttype":"application/vnd.acme.turn+json"}]"#,
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "lines with Base64 and a type of their own", headers: [("content-type", "application/x-ndjson")],
            body:
                #"{"specversion":"1.0","id":"a","source":"tests","type":"dev.greenroom.actor.requested","subject":"actor-1","datacontenttype":"text/json;charset=utf-8","#
                + #""data_base64":"eyJwb29sIjoiZGVmYXVsdC9hZ2VudHMifQ=="}"# + "\n",
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "a time in the year 9999", headers: [("content-type", "application/cloudevents+json")],
            body: Event.json("a", time: "9999-12-31T23:59:59.999999Z"),
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
        Row(
            name: "identity encoding", headers: [("content-type", "application/cloudevents+json"), ("content-encoding", "identity")],
            body: Event.json("a"),
            response: #"{"accepted":1,"duplicates":0,"firstSeq":1,"lastSeq":1}"#, ids: ["a"]),
    ]

    private static func binary(_ id: String, prefix: String = "ce-", time: String = "2026-11-21T07:32:00Z") -> [(String, String)] {
        [
            (prefix + "specversion", "1.0"), (prefix + "type", "dev.greenroom.actor.requested"), (prefix + "source", "tests"),
            (prefix + "id", id), (prefix + "subject", "actor-1"),
            (prefix + "time", time),
        ]
    }

    @Test(
        "of another format or type nothing is taken, whatever the mode",
        arguments: [
            ("application/cloudevents+xml", true), ("application/cloudevents+protobuf", true),
            ("application/cloudevents-batch+protobuf", false), ("text/plain", true),
            ("application/octet-stream", true), ("application/json; charset=utf-16", true),
            ("application/cloudevents+json; charset=latin1", false), ("text/json", false),
            ("application/vnd.acme+json", false),
        ])
    func otherTypes(_ type: String, _ isBinary: Bool) async throws {
        try await TestService.run { service in
            let headers = [("content-type", type)] + (isBinary ? Self.binary("a") : [])
            let response = try await service.client(.http1).send("POST", "/v1/events", headers, body: Array(Event.json("a").utf8))
            #expect(response.status == 415, "\(response.text)")
            #expect(service.log.eventCount == 0)
        }
    }

    @Test(arguments: Wire.allCases)
    func everyModeIsAcknowledgedOnceDurable(_ wire: Wire) async throws {
        for row in Self.rows {
            try await TestService.run(tls: wire.isSecure) { service in
                let response = try await service.client(wire).send("POST", "/v1/events", row.headers, body: Array(row.body.utf8))
                #expect(response.status == 200, "\(row): \(response.text)")
                #expect(response.text == row.response, "\(row)")
                #expect(response.field("content-type") == "application/json")
                #expect(response.field("date") != nil)
                #expect(service.log.ids == row.ids, "\(row)")
            }
        }
    }

    @Test(arguments: Wire.cleartext)
    func aRepeatIsAnsweredWithTheFirstPosition(_ wire: Wire) async throws {
        try await TestService.run { service in
            let client = service.client(wire)
            _ = try await client.post(Event.structured, Event.json("a"))
            _ = try await client.post(Event.structured, Event.json("b"))
            let again = try await client.post(Event.structured, Event.json("a"))
            #expect(again.text == #"{"accepted":0,"duplicates":1,"firstSeq":1,"lastSeq":1,"positions":[1]}"#)
        }
    }

    @Test(arguments: Wire.cleartext)
    func nothingIsAnsweredBeforeItIsDurable(_ wire: Wire) async throws {
        try await TestService.run { service in
            service.log.hold()
            async let response = service.client(wire).post(Event.structured, Event.json("a"))
            try await eventually("the append arrives") { service.log.heldCount == 1 }
            service.log.release()
            #expect(try await response.status == 200)
        }
    }

    @Test func manyRequestsOfOneConnectionAreAnsweredEach() async throws {
        try await TestService.run { service in
            let (connection, multiplexer) = try await service.client().openConnection()
            defer { connection.close(promise: nil) }
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let stream = try await TestClient.openStream(multiplexer)
                        return try await stream.executeThenClose { inbound, outbound in
                            let body = Array(Event.json("id-\(number)").utf8)
                            try await outbound.write(
                                .head(
                                    .init(
                                        method: .post, scheme: "http", authority: "localhost", path: "/v1/events",
                                        headerFields: [.contentType: Event.structured])))
                            try await outbound.write(.body(.init(bytes: body)))
                            try await outbound.write(.end(nil))
                            var parts = inbound.makeAsyncIterator()
                            return try await TestClient.response(&parts).status
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 100))
            #expect(service.log.eventCount == 100)
        }
    }

    @Test func pipelinedRequestsOfHTTP1AreAnsweredInOrder() async throws {
        try await TestService.run { service in
            func request(_ id: String, close: Bool = false) -> String {
                let body = Event.json(id)
                return
                    "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\ncontent-length: \(body.utf8.count)\r\n"
                    + (close ? "connection: close\r\n" : "") + "\r\n" + body
            }
            let received = try await service.client(.http1).raw(request("a") + request("b") + request("c", close: true))
            let places = (1...3).map { received.range(of: "\"firstSeq\":\($0),")?.lowerBound }
            #expect(places.allSatisfy { $0 != nil })
            #expect(places.compactMap { $0 } == places.compactMap { $0 }.sorted())
            #expect(service.log.ids == ["a", "b", "c"])
        }
    }

    @Test func aBodyInManyPartsIsOneBody() async throws {
        for wire in Wire.cleartext {
            try await TestService.run { service in
                let body = Array(Event.batch((0..<500).map { "id-\($0)" }).utf8)
                let response = try await service.client(wire).exchange(
                    "POST", "/v1/events", [("content-type", Event.batched)], length: body.count
                ) { parts, writer in
                    for start in stride(from: 0, to: body.count, by: 1_000) {
                        try await writer.write(.body(.init(bytes: body[start..<min(start + 1_000, body.count)])))
                    }
                    try await writer.write(.end(nil))
                    return try await TestClient.response(&parts)
                }
                #expect(response.text == #"{"accepted":500,"duplicates":0,"firstSeq":1,"lastSeq":500}"#)
            }
        }
    }

    @Test(arguments: Wire.cleartext)
    func anExpectedContinueIsSaidFirst(_ wire: Wire) async throws {
        try await TestService.run { service in
            let body = Array(Event.json("a").utf8)
            let headers = [("content-type", Event.structured), ("expect", "100-continue")]
            let response = try await service.client(wire).exchange("POST", "/v1/events", headers, length: body.count) { parts, writer in
                if wire == .http2 {
                    // HTTP/1.1's client codec drops what is only informational.
                    guard case .head(let first) = try await parts.next() else { throw TestClient.Closed() }
                    #expect(first.status.code == 100)
                }
                try await writer.write(.body(.init(bytes: body)))
                try await writer.write(.end(nil))
                return try await TestClient.response(&parts)
            }
            #expect(response.status == 200)
        }
    }

    @Test func theContinueOfHTTP1IsOnTheWire() async throws {
        try await TestService.run { service in
            let head =
                "POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n"
            let received = try await service.client(.http1).raw(head, until: "\r\n\r\n")
            #expect(received == "HTTP/1.1 100 Continue\r\n\r\n")
        }
    }
}
