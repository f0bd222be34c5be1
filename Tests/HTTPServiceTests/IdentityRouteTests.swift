import Domain
import Foundation
import HTTPTestSupport
import Testing
import TestSupport

@testable import HTTPService

// One name in two namespaces, by way of the routes, over a real log and a real loop.

@Suite struct IdentityRouteTests {
    private func run(_ body: (TestClient) async throws -> Void) async throws {
        try await LoopService.run { try await body($0.client()) }
    }

    @discardableResult
    private func send(_ kind: String, _ subject: String, _ data: String = "{}", _ more: String = "", to client: TestClient) async throws
        -> (status: Int, text: String)
    {
        let event =
            #"{"specversion":"1.0","type":"dev.greenroom.\#(kind)","source":"/t","id":"\#(UUID().uuidString)","subject":"\#(subject)","data":\#(data)\#(more)}"#
        let response = try await client.send(
            "POST", "/v1/events", [("content-type", "application/cloudevents+json")], body: Array(event.utf8))
        return (response.status, response.text)
    }

    private func twoWorkers(_ client: TestClient) async throws {
        try await send("worker.ready", "box-0", #"{"pool":"a/x","node":"n1","uid":"u1"}"#, to: client)
        try await send("worker.ready", "b/box-0", #"{"pool":"b/y","node":"n2","uid":"u2"}"#, to: client)
        try await eventually("both are there") {
            let text = try await client.send("GET", "/v1/workers").text
            return text.contains(#""uid":"u1""#) && text.contains(#""uid":"u2""#)
        }
    }

    private func place(_ actor: String, in pool: String, _ client: TestClient) async throws -> (status: Int, text: String) {
        let body = #"{"actor":"\#(actor)","pool":"\#(pool)","wait":5}"#
        let response = try await client.send("POST", "/v1/placements", [("content-type", "application/json")], body: Array(body.utf8))
        return (response.status, response.text)
    }

    @Test func `a request is answered with a worker of its own pool's namespace`() async throws {
        try await run { client in
            try await twoWorkers(client)
            let first = try await place("session-1", in: "a/x", client)
            let second = try await place("session-1", in: "b/y", client)
            #expect(first.status == 200 && first.text.contains(#""node":"n1""#) && first.text.contains(#""worker":"box-0""#), "\(first)")
            #expect(second.status == 200 && second.text.contains(#""node":"n2""#), "\(second)")
            // Asked again, it is the same one, however it is named.
            #expect(try await place("b/session-1", in: "b/y", client).text.contains(#""node":"n2""#))
            let foreign = try await place("b/session-1", in: "a/x", client)
            #expect(foreign.status == 400 && foreign.text.contains("b/session-1") && foreign.text.contains("a/x"), "\(foreign)")
            let elsewhere = try await place("session-1", in: "a/other", client)
            #expect(elsewhere.status == 409 && elsewhere.text.contains("a/x"), "\(elsewhere)")
        }
    }

    @Test func `each is read by its namespace, and a bare name that two have is answered with both`() async throws {
        try await run { client in
            try await twoWorkers(client)
            _ = try await place("session-1", in: "a/x", client)
            _ = try await place("session-1", in: "b/y", client)
            for path in [
                "/v1/actors/b/session-1", "/v1/actors/b%2Fsession-1", "/v1/actors/session-1?namespace=b", "/v1/actors/session-1?pool=b/y",
            ] {
                let response = try await client.send("GET", path)
                #expect(response.status == 200 && response.text.contains(#""id":"session-1","namespace":"b""#), "\(path): \(response.text)")
            }
            for path in ["/v1/actors/session-1", "/v1/actors/session-1/history", "/v1/actors/session-1/placement", "/v1/workers/box-0"] {
                let response = try await client.send("GET", path)
                #expect(response.status == 409 && response.text.contains("a/") && response.text.contains("b/"), "\(path): \(response.text)")
            }
            #expect(try await client.send("GET", "/v1/workers/b/box-0").text.contains(#""uid":"u2""#))
            #expect(try await client.send("GET", "/v1/actors/b/nobody").status == 404)
            let history = try await client.send("GET", "/v1/actors/b/session-1/history")
            #expect(history.status == 200 && history.text.contains("b/y") && !history.text.contains("a/x"), "\(history.text)")
            let workers = try await client.send("GET", "/v1/workers").text
            #expect(workers.contains(#""uid":"u1""#) && workers.contains(#""uid":"u2""#))
            let page = try await client.send("GET", "/v1/workers?limit=1").text
            #expect(page.contains(#""next":"a/box-0""#), "\(page)")
            #expect(try await client.send("GET", "/v1/workers?limit=1&after=a/box-0").text.contains(#""namespace":"b""#))
            let actors = try await client.send("GET", "/v1/actors?limit=1").text
            #expect(actors.contains(#""next":"a/session-1""#), "\(actors)")
            #expect(try await client.send("GET", "/v1/actors?limit=1&after=a/session-1").text.contains(#""namespace":"b""#))
        }
    }

    @Test func `one of two is withdrawn`() async throws {
        try await run { client in
            try await send("actor.requested", "session-1", #"{"pool":"a/x"}"#, to: client)
            try await send("actor.requested", "session-1", #"{"pool":"b/y"}"#, to: client)
            try await eventually("both wait") {
                try await client.send("GET", "/v1/actors?status=waiting").text.components(separatedBy: "STATUS_WAITING").count == 3
            }
            let both = try await client.send("DELETE", "/v1/placements/session-1")
            #expect(both.status == 409 && both.text.contains("a/session-1, b/session-1"), "\(both.text)")
            #expect(try await client.send("DELETE", "/v1/placements/b/session-1").status == 204)
            #expect(try await client.send("GET", "/v1/actors/a/session-1").text.contains("STATUS_WAITING"))
            #expect(try await client.send("GET", "/v1/actors/b/session-1").text.contains("STATUS_SUSPENDED"))
            #expect(try await client.send("DELETE", "/v1/placements/session-1?namespace=a").status == 204)
        }
    }

    @Test func `lines say the namespace and the name, filters take both, and a line may be sent again`() async throws {
        try await run { client in
            try await twoWorkers(client)
            try await send("actor.requested", "session-1", #"{"pool":"a/x"}"#, to: client)
            try await send("actor.requested", "session-1", #"{"pool":"b/y"}"#, to: client)
            try await eventually("both are placed") {
                try await client.send("GET", "/v1/events?kind=actor.placed").text.split(separator: "\n").count == 2
            }
            let all = try await client.send("GET", "/v1/events?subject=session-1&kind=actor.requested").text.split(separator: "\n")
            #expect(all.count == 2 && all.allSatisfy { $0.contains(#""subject":"session-1""#) })
            #expect(all[0].contains(#""namespace":"a""#) && all[1].contains(#""namespace":"b""#))
            for (namespace, node) in [("a", "n1"), ("b", "n2")] {
                let placed = try await client.send("GET", "/v1/events?kind=actor.placed&worker=\(namespace)/box-0").text.split(
                    separator: "\n")
                #expect(
                    placed.count == 1 && placed[0].contains(#""namespace":"\#(namespace)""#) && placed[0].contains(#""worker":"box-0""#),
                    "\(node): \(placed)")
                #expect(
                    try await client.send("GET", "/v1/events?kind=actor.requested&subject=\(namespace)/session-1").text.split(
                        separator: "\n"
                    ).count == 1)
            }
            #expect(try await client.send("GET", "/v1/events?kind=actor.placed&worker=box-0").text.split(separator: "\n").count == 2)
            #expect(try await send("actor.running", "session-1", #"{"worker":"box-0"}"#, #","namespace":"b""#, to: client).status == 200)
            try await eventually("it runs") { try await client.send("GET", "/v1/actors/b/session-1").text.contains("STATUS_RUNNING") }
            #expect(try await client.send("GET", "/v1/actors/a/session-1").text.contains("STATUS_RESUMING"))
        }
    }

    @Test func `a name that may be several is taken with a warning, one of another namespace than its pool's is refused`() async throws {
        try await run { client in
            try await twoWorkers(client)
            let unclear = try await send("worker.draining", "box-0", #"{"reason":"r"}"#, to: client)
            #expect(
                unclear.status == 200 && unclear.text.contains(#""warnings":[{"index":0,"#) && unclear.text.contains("NAMESPACE/NAME"),
                "\(unclear)")
            #expect(try await client.send("GET", "/v1/workers/a/box-0").text.contains("FREE"))
            let foreign = try await send("actor.requested", "b/session-1", #"{"pool":"a/x"}"#, to: client)
            #expect(foreign.status == 400 && foreign.text.contains("b/session-1") && foreign.text.contains(#""index":0"#), "\(foreign)")
            for name in ["ambiguous", "workernamespace"] {
                #expect(try await send("actor.requested", "session-1", #"{"pool":"a/x"}"#, #","\#(name)":"a""#, to: client).status == 400)
            }
            let clear = try await send("worker.draining", "b/box-0", #"{"reason":"r"}"#, to: client)
            #expect(clear.status == 200 && !clear.text.contains("warnings"))
            try await eventually("it drains") { try await client.send("GET", "/v1/workers/b/box-0").text.contains("DRAINING") }
        }
    }
}
