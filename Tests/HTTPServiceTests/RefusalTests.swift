import Domain
import EventLog
import Foundation
import HTTPTestSupport
import HTTPTypes
import NIOCore
import Testing

@testable import HTTPService

@Suite("What is wrong is refused with its place and its reason")
struct RefusalTests {
    struct Row: Sendable, CustomStringConvertible {
        var name: String
        var method = "POST"
        var path = "/v1/events"
        var headers: [(String, String)] = [("content-type", "application/cloudevents+json")]
        var body = ""
        var status: Int
        var kind: String
        var index: Int? = nil
        var field: String? = nil
        /// A piece of the sentence.
        var says = ""
        var description: String { name }
    }

    static let batch = [("content-type", "application/cloudevents-batch+json")]
    static let lines = [("content-type", "application/x-ndjson")]
    static let rows = [
        Row(name: "malformed JSON", body: "{\"specversion\":", status: 400, kind: "invalid-event", index: 0, says: "not JSON at byte"),
        Row(name: "no body", status: 400, kind: "invalid-event", index: 0),
        Row(name: "an array where an event should be", body: "[]", status: 400, kind: "invalid-event", index: 0),
        Row(
            name: "an event where an array should be", headers: batch, body: Event.json("a"), status: 400, kind: "invalid-event", index: 0,
            says: "array"),
        Row(
            name: "a wrong type", body: Event.json("a", data: #"{"pool":7}"#), status: 400, kind: "invalid-event", index: 0,
            field: "data.pool",
            says: "must be a string"),
        Row(
            name: "a missing field", body: Event.json("a", data: "{}"), status: 400, kind: "invalid-event", index: 0, field: "data.pool",
            says: "missing"),
        Row(
            name: "a missing attribute", body: #"{"specversion":"1.0","type":"dev.greenroom.actor.idle","source":"s"}"#, status: 400,
            kind: "invalid-event",
            index: 0, field: "id", says: "missing"),
        Row(
            name: "an unknown kind", body: Event.json("a", kind: "actor.flew"), status: 400, kind: "invalid-event", index: 0, field: "type",
            says: "actor.flew"),
        Row(
            name: "a kind of Greenroom's own", body: Event.json("a", kind: "timer.fired"), status: 400, kind: "invalid-event", index: 0,
            field: "type",
            says: "Greenroom alone"),
        Row(
            name: "the second of a batch", headers: batch, body: "[\(Event.json("a")),\(Event.json("b", data: "{}"))]", status: 400,
            kind: "invalid-event",
            index: 1, field: "data.pool"),
        Row(
            name: "a time that is none", body: Event.json("a", time: "yesterday"), status: 400, kind: "invalid-event", index: 0,
            field: "time",
            says: "RFC 3339"),
        Row(
            name: "an event too large", body: Event.json(String(repeating: "x", count: 70_000)), status: 400, kind: "invalid-event",
            index: 0),
        Row(
            name: "too many in one batch", headers: batch, body: Event.batch((0...10_000).map(String.init)), status: 400,
            kind: "invalid-event",
            index: 10_000, says: "send them in several"),
        Row(
            name: "the third line", headers: lines, body: Event.ndjson(["a", "b"]) + "{}\n" + Event.ndjson(["c"]), status: 400,
            kind: "invalid-event",
            index: 2, says: "line 3"),
        Row(
            name: "a line too long", headers: lines, body: Event.json("a") + "\n" + String(repeating: "x", count: 70_000), status: 413,
            kind: "too-large",
            index: 1, says: "line 2"),
        Row(
            name: "a wrong content type", headers: [("content-type", "text/plain")], body: "x", status: 415, kind: "unsupported-media-type",
            field: "content-type"),
        Row(name: "no content type", headers: [], body: "x", status: 415, kind: "unsupported-media-type", field: "content-type"),
        Row(
            name: "plain JSON without attributes", headers: [("content-type", "application/json")], body: "{}", status: 415,
            kind: "unsupported-media-type", says: "ce-"),
        Row(
            name: "another charset", headers: [("content-type", "application/cloudevents+json; charset=latin1")], body: "{}", status: 415,
            kind: "unsupported-media-type"),
        Row(
            name: "a compressed body", headers: [("content-type", "application/cloudevents+json"), ("content-encoding", "gzip")], body: "x",
            status: 415,
            kind: "unsupported-media-type", field: "content-encoding"),
        Row(
            name: "an attribute that is not UTF-8",
            headers: [
                ("content-type", "application/json"), ("ce-specversion", "1.0"), ("ce-id", "%FF"), ("ce-type", "dev.greenroom.actor.idle"),
            ], body: "{}",
            status: 400, kind: "invalid-event", index: 0, field: "id"),
        Row(
            name: "a strange expectation", headers: [("content-type", "application/cloudevents+json"), ("expect", "tea")], body: "{}",
            status: 417,
            kind: "expectation-failed"),
        Row(name: "no such path", method: "GET", path: "/v2/events", headers: [], status: 404, kind: "not-found", says: "/openapi.json"),
        Row(
            name: "no such method", method: "PATCH", path: "/v1/events", headers: [], status: 405, kind: "method-not-allowed",
            says: "POST, GET, HEAD"),
        Row(
            name: "an unknown parameter", method: "GET", path: "/v1/events?subjct=a", headers: [], status: 400, kind: "invalid-request",
            field: "subjct",
            says: "subject"),
        Row(
            name: "a parameter twice", method: "GET", path: "/v1/events?after=1&after=2", headers: [], status: 400, kind: "invalid-request",
            field: "after"),
        Row(
            name: "a bad number", method: "GET", path: "/v1/events?limit=0", headers: [], status: 400, kind: "invalid-request",
            field: "limit"),
        Row(
            name: "a bad kind", method: "GET", path: "/v1/events?kind=actor.flew", headers: [], status: 400, kind: "invalid-request",
            field: "kind"),
        Row(
            name: "no history here", method: "GET", path: "/v1/pools?at=7", headers: [], status: 400, kind: "invalid-request", field: "at",
            says: "no access to history"),
    ]

    @Test(arguments: Wire.allCases)
    func everyRefusalSaysWhatWasWrong(_ wire: Wire) async throws {
        try await TestService.run(tls: wire.isSecure) { service in
            for row in Self.rows {
                let response = try await service.client(wire).send(row.method, row.path, row.headers, body: Array(row.body.utf8))
                let problem = try Problems.read(response)
                #expect(response.status == row.status, "\(row): \(response.text)")
                #expect(response.field("content-type") == "application/problem+json", "\(row)")
                #expect(problem.type == "https://greenroom.dev/problems/\(row.kind)", "\(row)")
                #expect(problem.status == row.status, "\(row)")
                #expect(problem.index == row.index, "\(row): \(response.text)")
                if let field = row.field { #expect(problem.field == field, "\(row): \(response.text)") }
                #expect(row.says.isEmpty || problem.detail.contains(row.says), "\(row): \(problem.detail)")
            }
        }
    }

    @Test(arguments: Wire.cleartext)
    func nothingOfARefusedRequestIsAppended(_ wire: Wire) async throws {
        try await TestService.run { service in
            let body = "[\(Event.json("a")),\(Event.json("b", kind: "actor.flew"))]"
            let response = try await service.client(wire).post(Event.batched, body)
            #expect(response.status == 400)
            #expect(service.log.appendCount == 0)
        }
    }

    @Test func methodsThatWouldDoAreNamed() async throws {
        try await TestService.run { service in
            let response = try await service.client(.http1).send("DELETE", "/v1/pools")
            #expect(response.status == 405)
            #expect(response.field("allow") == "GET, HEAD")
        }
    }

    @Test(arguments: Wire.cleartext)
    func aBodyBeyondTheLimitIsRefusedWhileItComes(_ wire: Wire) async throws {
        try await TestService.run {
            $0.limits.bodyBytes = 10_000
        } _: { service in
            for length in [nil, 20_000] {
                let response = try await service.client(wire).exchange(
                    "POST", "/v1/events", [("content-type", Event.batched)], length: length
                ) { parts, writer in
                    try await writer.write(.body(.init(bytes: Array(repeating: 0x20, count: 20_000))))
                    return try await TestClient.response(&parts)
                }
                #expect(response.status == 413)
                #expect(try Problems.read(response).detail.contains("10000 bytes"))
            }
        }
    }

    @Test(arguments: Wire.allCases, [101, 10_000])
    func tooManyHeaderFieldsAreRefusedCleanly(_ wire: Wire, _ count: Int) async throws {
        // NIO's client can't send a header block of more than one frame; `RawHTTP2` below can.
        if wire.isHTTP2, count > 1_000 { return }
        try await TestService.run(tls: wire.isSecure) { service in
            let headers = (0..<count).map { ("x-field-\($0)", "v") }
            let response = try await service.client(wire).get("/healthz", headers)
            #expect(response.status == 431)
            #expect(try Problems.read(response).type.hasSuffix("header-too-large"))
            // The server is as well as before.
            #expect(try await service.client(wire).get("/healthz").status == 200)
        }
    }

    @Test func tenThousandFieldsOverHTTP2AreRefusedFromTheFirstRequestOn() async throws {
        try await TestService.run { service in
            let fields = (0..<10_000).map { ("x-field-\($0)", "some value") }
            let status = try await RawHTTP2.firstStatus(port: service.client().port, fields: fields)
            #expect(status == 431)
            #expect(try await RawHTTP2.firstStatus(port: service.client().port, fields: []) == 200)
        }
    }

    @Test func aHeaderBlockBeyondAllMeasureEndsTheConnection() async throws {
        try await TestService.run { service in
            let fields = (0..<30_000).map { ("x-field-\($0)", String(repeating: "v", count: 40)) }
            let status = try await RawHTTP2.firstStatus(port: service.client().port, fields: fields)
            #expect(status == nil)
            let response = try await service.client().get("/healthz")
            #expect(response.status == 200)
        }
    }

    @Test(arguments: Wire.cleartext)
    func oneHeaderFieldTooLongIsRefusedCleanly(_ wire: Wire) async throws {
        try await TestService.run { service in
            let response = try await service.client(wire).get("/healthz", [("x-long", String(repeating: "v", count: 17_000))])
            #expect(response.status == 431)
        }
    }

    @Test func whatIsNoHTTPIsRefused() async throws {
        try await TestService.run { service in
            let received = try await service.client(.http1).raw("hello there\r\n\r\n")
            #expect(received.hasPrefix("HTTP/1.1 400 "))
            #expect(received.contains("connection: close") || received.contains("Connection: close"))
        }
    }

    struct LogRow: Sendable {
        var refusal: AppendError
        var status: Int
        var retryAfter: String?
    }

    @Test(arguments: [
        LogRow(refusal: .overloaded(retryAfterSeconds: 3), status: 429, retryAfter: "3"),
        LogRow(refusal: .notWritable(reason: "the disk is full", hint: "make room"), status: 503, retryAfter: "1"),
        LogRow(refusal: .invalid(index: 0, problem: "its id has 2000 bytes; at most 1024 are taken"), status: 400),
        LogRow(
            refusal: .tooLarge(problem: "as one message it has 2000000 bytes, and the stream's server takes at most 1048576"), status: 413),
    ])
    func aLogThatTakesNothingIsSaidSo(_ row: LogRow) async throws {
        try await TestService.run { service in
            service.log.refuse(row.refusal)
            for type in [Event.structured, Event.lines] {
                let response = try await service.client().post(type, Event.json("a"))
                #expect(response.status == row.status)
                #expect(response.field("retry-after") == row.retryAfter)
            }
            service.log.refuse(nil)
            #expect(try await service.client().post(Event.structured, Event.json("a")).status == 200)
        }
    }

    @Test(arguments: Wire.cleartext)
    func whoStandsByAnswersOfItselfAloneAndNamesTheLeader(_ wire: Wire) async throws {
        try await TestService.run(parts: { parts in
            parts.standingBy = { "this instance stands by; the leader is b" }
            parts.readiness = [ReadinessCheck("leader") { .failing("the leader is b") }]
            parts.metricsText = { _ in Array("up 1\n".utf8) }
        }) { service in
            let client = service.client(wire)
            for path in ["/livez", "/healthz", "/metrics", "/openapi.json", "/", "/pools/a/b", "/page/app.js"] {
                #expect(try await client.get(path).status == 200, "\(path)")
            }
            for path in ["/readyz", "/v1/pools", "/v1/events", "/v1/events?follow=true"] {
                #expect(try await client.get(path).status == 503, "\(path)")
            }
            let refused = try await client.post(Event.structured, Event.json("a"))
            #expect(refused.status == 503 && refused.text.contains("the leader is b"))
            #expect(service.log.events.isEmpty)
        }
    }
}

struct Problems: Decodable {
    var type: String
    var title: String
    var status: Int
    var detail: String
    var index: Int?
    var field: String?
    var accepted: Int?
    var duplicates: Int?

    static func read(_ response: TestResponse) throws -> Problems { try JSONDecoder().decode(Problems.self, from: Data(response.body)) }
}
