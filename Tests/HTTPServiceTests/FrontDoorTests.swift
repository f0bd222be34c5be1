import Domain
import Foundation
import HTTPTestSupport
import Testing
import TestSupport

@testable import HTTPService

// Who is alive, and who said so: by way of the routes, over a real log and a real loop, with tokens.

@Suite struct FrontDoorTests {
    private static let tokens = """
        worker-token-0123456789 worker fleet
        ingest-token-0123456789 ingest agent
        read-token-0123456789 read eyes
        admin-token-0123456789 admin ops
        """

    private struct Door: Sendable {
        var port: Int
        func client(_ role: String) -> TestClient { TestClient(wire: .http2, port: port, token: "\(role)-token-0123456789") }

        @discardableResult
        func send(_ role: String, _ kind: String, _ subject: String, _ data: String = "{}", id: String = UUID().uuidString) async throws
            -> (status: Int, text: String)
        {
            let response = try await client(role).post("application/cloudevents+json", Self.event(kind, subject, data, id: id))
            return (response.status, response.text)
        }

        static func event(_ kind: String, _ subject: String, _ data: String, id: String) -> String {
            #"{"specversion":"1.0","type":"dev.greenroom.\#(kind)","source":"/t","id":"\#(id)","subject":"\#(subject)","data":\#(data)}"#
        }

        func place(_ body: String, _ fields: [(String, String)] = []) async throws -> (status: Int, text: String) {
            let response = try await client("ingest").send(
                "POST", "/v1/placements", [("content-type", "application/json")] + fields, body: Array(body.utf8))
            return (response.status, response.text)
        }

        /// Once the loop has read what is in the log.
        func worker(_ name: String) async throws {
            try await eventually("\(name) is there") { try await client("read").get("/v1/workers/\(name)").status == 200 }
        }
    }

    private func run(_ body: (Door) async throws -> Void) async throws {
        try await LoopService.run(tokens: Self.tokens) { try await body(Door(port: $0.port)) }
    }

    // MARK: - Traces

    @Test(
        "a placement's request is in the log with the trace it came with; what is none of W3C's is left out",
        arguments: [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true), ("00-short-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\"", false), (String(repeating: "a", count: 300), false),
        ])
    func placementTrace(_ header: String, _ isKept: Bool) async throws {
        try await run { door in
            #expect(try await door.place(#"{"actor":"a","pool":"team/p"}"#, [("traceparent", header)]).status == 202)
            let events = try await door.client("read").get("/v1/events?kind=actor.requested&limit=10").text
            #expect(events.contains(#""traceparent":"\#(header)""#) == isKept, "\(events)")
            #expect(events.contains("traceparent") == isKept)
        }
    }

    // MARK: - The role of workers

    @Test func `a worker's token does what a worker needs, and nothing else`() async throws {
        try await run { door in
            let ready = #"{"pool":"team/p","node":"n","ttlSeconds":60,"uid":"u1"}"#
            #expect(try await door.send("worker", "worker.ready", "team/w", ready).status == 200)
            try await door.worker("team/w")
            #expect(try await door.place(#"{"actor":"a","pool":"team/p","waitSeconds":20}"#).status == 200)
            for (kind, subject, data) in [
                ("actor.running", "team/a", #"{"worker":"team/w"}"#), ("actor.suspended", "team/a", #"{"worker":"team/w"}"#),
                ("snapshot.cached", "n", #"{"node":"n","snapshot":"s"}"#),
            ] { #expect(try await door.send("worker", kind, subject, data).status == 200, "\(kind)") }
            let worker = door.client("worker")
            for path in [
                "/v1/events?worker=team/w&kind=actor.placed,worker.gone", "/v1/events?worker=team/w&kind=actor.placed&subject=team/a",
                "/v1/workers/team/w", "/v1/actors/team/a",
            ] { #expect(try await worker.get(path).status == 200, "\(path)") }
            #expect(try await worker.send("PUT", "/v1/workers/team/w/heartbeat?uid=u1").text == #"{"ttlSeconds":60}"#)

            for (kind, subject, data) in [
                ("actor.requested", "team/b", #"{"pool":"team/p"}"#), ("actor.created", "team/b", #"{"pool":"team/p","template":"t"}"#),
                ("actor.deleted", "team/a", "{}"), ("queue.observed", "team/p", #"{"pool":"team/p","metric":"m","value":1}"#),
            ] {
                let response = try await door.send("worker", kind, subject, data)
                #expect(response.status == 403 && response.text.contains(kind) && response.text.contains("needs ingest"), "\(response)")
            }
            for path in [
                "/v1/events", "/v1/events?worker=team/w", "/v1/events?kind=actor.placed", "/v1/events?worker=team/w&kind=scale.decided",
                "/v1/pools", "/v1/workers", "/v1/actors", "/metrics", "/v1/actors/team/a/history",
            ] { #expect(try await worker.get(path).status == 403, "\(path)") }
            let json = [("content-type", "application/json")]
            #expect(
                try await worker.send("POST", "/v1/placements", json, body: Array(#"{"actor":"x","pool":"team/p"}"#.utf8)).status == 403)
            #expect(try await worker.send("DELETE", "/v1/pools/team/p").status == 403)
        }
    }

    @Test func `of a worker's batch, and of its lines, nothing beyond what it may send gets in`() async throws {
        try await run { door in
            let good = Door.event("actor.idle", "team/a", "{}", id: "1"), bad = Door.event("actor.deleted", "team/a", "{}", id: "2")
            let batch = try await door.client("worker").post(Event.batched, "[\(good),\(bad)]")
            #expect(batch.status == 403 && batch.text.contains(#""index":1"#))
            let lines = try await door.client("worker").post("application/x-ndjson", "\(good)\n\(bad)\n")
            #expect(lines.status == 403)
            #expect(try await door.client("read").get("/v1/events").text.isEmpty)
            #expect(try await door.client("worker").post("application/x-ndjson", "\(good)\n").status == 200)
        }
    }

    // MARK: - Leases

    @Test func `an open stream shows as seen now, and a heartbeat says who isn't known`() async throws {
        try await run { door in
            try await door.send("worker", "worker.ready", "team/w", #"{"pool":"team/p","node":"n","ttlSeconds":60,"uid":"u1"}"#)
            try await door.worker("team/w")
            let reader = door.client("read")
            let following = Task {
                try await door.client("worker").get("/v1/events?worker=team/w&kind=actor.placed&follow=true&after=latest&limit=1")
            }
            try await eventually("the stream counts") {
                try await reader.get("/v1/workers/team/w").text.contains(#""lastSeenSeconds":0,"#)
            }
            #expect(try await door.place(#"{"actor":"a","pool":"team/p","waitSeconds":20}"#).status == 200)
            #expect(try await following.value.text.contains("actor.placed"))
            try await eventually("the stream has ended") {
                try await !reader.get("/v1/workers/team/w").text.contains(#""lastSeenSeconds":0,"#)
            }
            let worker = door.client("worker")
            #expect(try await worker.send("PUT", "/v1/workers/team/w/heartbeat?uid=other").status == 409)
            #expect(try await worker.send("PUT", "/v1/workers/team/nobody/heartbeat").status == 404)
            #expect(try await door.client("read").send("PUT", "/v1/workers/team/w/heartbeat").status == 403)
        }
    }

    // MARK: - Repeats

    @Test func `a repeat that says something else is named, and refused where all are`() async throws {
        try await run { door in
            let ingest = door.client("ingest")
            func event(_ id: String, _ priority: Int) -> String {
                Door.event("actor.requested", "team/a\(id)", #"{"pool":"team/p","priority":\#(priority)}"#, id: id)
            }
            #expect(try await ingest.post(Event.batched, "[\(event("1", 1)),\(event("2", 1))]").status == 200)
            let same = try await ingest.post(Event.batched, "[\(event("1", 1)),\(event("2", 1))]")
            #expect(same.status == 200 && !same.text.contains("conflicts"))
            let some = try await ingest.post(Event.batched, "[\(event("1", 1)),\(event("2", 7)),\(event("3", 1))]")
            #expect(some.status == 200 && some.text.contains(#""conflicts":[{"index":1,"seq":2}]"#), "\(some.text)")
            let all = try await ingest.post(Event.batched, "[\(event("2", 8)),\(event("1", 8))]")
            #expect(all.status == 409 && all.text.contains(#""conflicts":[{"index":0,"seq":2},{"index":1,"seq":1}]"#), "\(all.text)")
            let lines = try await ingest.post("application/x-ndjson", "\(event("1", 1))\n\(event("3", 9))\n")
            #expect(lines.status == 200 && lines.text.contains(#""conflicts":[{"index":1,"seq":3}]"#), "\(lines.text)")
            #expect(try await ingest.post("application/x-ndjson", "\(event("3", 9))\n").status == 409)
            let one = try await ingest.post("application/cloudevents+json", event("1", 5))
            #expect(one.status == 409 && one.text.contains("position 1"), "\(one.text)")
        }
    }

    // MARK: - Requests with nobody behind them

    @Test func `an id said again begins no second turn, and is answered with what came of the first`() async throws {
        try await run { door in
            try await door.send("worker", "worker.ready", "team/w", #"{"pool":"team/p","node":"n"}"#)
            try await door.worker("team/w")
            let request = #"{"actor":"a","pool":"team/p","waitSeconds":20,"id":"turn-1"}"#
            let first = try await door.place(request)
            #expect(first.status == 200 && first.text.contains(#""node":"n""#))
            #expect(try await door.place(request).text == first.text, "it runs still")
            try await door.send("worker", "actor.running", "team/a", #"{"worker":"team/w"}"#)
            try await door.send("worker", "actor.suspended", "team/a", #"{"worker":"team/w"}"#)
            try await eventually("the turn is over") {
                try await door.client("read").get("/v1/actors/team/a").text.contains("STATUS_SUSPENDED")
            }
            let again = try await door.place(request)
            #expect(again.status == 200 && again.text.contains(#""ended":true"#) && again.text.contains(#""worker":"w""#), "\(again)")
            #expect(try await door.client("read").get("/v1/events?kind=actor.requested").text.split(separator: "\n").count == 1)
            #expect(try await door.place(request.replacing("turn-1", with: "turn-2")).text.contains(#""node":"n""#))
        }
    }

    @Test func `a caller who goes away takes its request along`() async throws {
        try await run { door in
            let asking = Task { try await door.place(#"{"actor":"a","pool":"team/p","waitSeconds":600}"#) }
            let reader = door.client("read")
            try await eventually("it waits") { try await reader.get("/v1/actors/team/a").text.contains("STATUS_WAITING") }
            asking.cancel()
            _ = await asking.result
            try await eventually("it is withdrawn") { try await reader.get("/v1/actors/team/a").text.contains("STATUS_SUSPENDED") }
            #expect(try await reader.get("/v1/events?kind=actor.withdrawn").text.contains("went away"))
        }
    }

    /// As curl does when its time is up.
    @Test func `so does one over HTTP/1.1 that closes its connection, or its side of it`() async throws {
        try await run { door in
            let body = #"{"actor":"a","pool":"team/p","waitSeconds":600}"#
            let request =
                "POST /v1/placements HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ingest-token-0123456789\r\n"
                + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
            let text = try await TestClient(wire: .http1, port: door.port, token: nil).finishing(request)
            #expect(text.isEmpty || text.hasPrefix("HTTP/1.1 202 "), "\(text)")
            let reader = door.client("read")
            try await eventually("it is withdrawn") { try await reader.get("/v1/actors/team/a").text.contains("STATUS_SUSPENDED") }
            #expect(try await reader.get("/v1/events?kind=actor.withdrawn").text.contains("went away"))
        }
    }

    @Test func `an id said again after its caller went away asks anew, as no turn began`() async throws {
        try await run { door in
            let reader = door.client("read")
            let request = #"{"actor":"a","pool":"team/p","waitSeconds":600,"id":"turn-1"}"#
            for round in 1...2 {
                let asking = Task { try await door.place(request) }
                try await eventually("it waits") { try await reader.get("/v1/actors/team/a").text.contains("STATUS_WAITING") }
                asking.cancel()
                _ = await asking.result
                try await eventually("it is withdrawn") {
                    try await reader.get("/v1/events?kind=actor.withdrawn").text.split(separator: "\n").count == round
                }
            }
            try await door.send("worker", "worker.ready", "team/w", #"{"pool":"team/p","node":"n"}"#)
            try await door.worker("team/w")
            let placed = try await door.place(request)
            #expect(placed.status == 200 && placed.text.contains(#""worker":"w""#), "\(placed)")
            #expect(try await door.place(request).text == placed.text)
            // Withdrawn by somebody who knew what they did, it stays so.
            #expect(try await door.client("ingest").send("DELETE", "/v1/placements/team/a").status == 204)
            let again = try await door.place(request)
            #expect(again.status == 200 && again.text.contains(#""ended":true"#), "\(again)")
        }
    }

    // MARK: - Who did it

    /// Each with what ends something for others, and what the sender says itself, which isn't believed.
    @Test func `what ends something for others carries the token's name, whatever the sender says`() async throws {
        try await run { door in
            try await door.send("ingest", "worker.ready", "team/w", #"{"pool":"team/p","node":"n"}"#)
            let sent: [(role: String, kind: String, subject: String, data: String)] = [
                ("ingest", "actor.requested", "team/a", #"{"pool":"team/p"}"#),
                ("ingest", "actor.withdrawn", "team/a", #"{"reason":"r","by":"somebody else","n":1}"#),
                ("worker", "actor.crashed", "team/a", #"{"worker":"team/w","by":"ops"}"#), ("ingest", "actor.deleted", "team/a", "{}"),
                ("worker", "worker.draining", "team/w", #"{"reason":"r"}"#), ("ingest", "worker.gone", "team/w", #"{"reason":"r"}"#),
            ]
            for event in sent {
                let response = try await door.send(event.role, event.kind, event.subject, event.data, id: event.kind)
                #expect(response.status == 200, "\(event.kind): \(response)")
            }
            let lines = try await door.client("read").get("/v1/events").text.split(separator: "\n")
            func line(_ kind: String) -> Substring { lines.first { $0.contains(kind) } ?? "" }
            #expect(line("actor.withdrawn").contains(#""data":{"reason":"r","n":1,"by":"agent"}"#), "\(line("actor.withdrawn"))")
            #expect(line("actor.crashed").contains(#""by":"fleet""#) && !line("actor.crashed").contains("ops"))
            #expect(line("actor.deleted").contains(#""data":{"by":"agent"}"#))
            #expect(line("worker.draining").contains(#""by":"fleet""#) && line("worker.gone").contains(#""by":"agent""#))
            #expect(!line("actor.requested").contains(#""by""#) && !line("worker.ready").contains(#""by""#))

            // The same again, with another token, is a repeat and no conflict; what says something else is one.
            for event in sent.dropFirst() where event.kind != "worker.ready" {
                let role = event.role == "worker" || event.kind.hasPrefix("worker") ? "worker" : "ingest"
                let other = event.role == "worker" ? "ingest" : role
                let again = try await door.send(other, event.kind, event.subject, event.data, id: event.kind)
                #expect(again.status == 200 && again.text.contains(#""duplicates":1"#), "\(event.kind): \(again)")
            }
            #expect(try await door.send("ingest", "actor.deleted", "team/a", #"{"n":1}"#, id: "actor.deleted").status == 409)
        }
    }

    @Test func `lines and batches are signed too, and a worker may not correct what the log has`() async throws {
        try await run { door in
            let withdrawn = Door.event("actor.withdrawn", "team/a", "{}", id: "1"),
                deleted = Door.event("actor.deleted", "team/b", "{}", id: "2")
            #expect(try await door.client("ingest").post("application/x-ndjson", "\(withdrawn)\n").status == 200)
            #expect(try await door.client("ingest").post(Event.batched, "[\(deleted)]").status == 200)
            let lines = try await door.client("read").get("/v1/events").text.split(separator: "\n")
            #expect(lines.count == 2 && lines.allSatisfy { $0.contains(#""by":"agent""#) }, "\(lines)")

            let correction = #"{"worker":"team/w","corrects":1}"#
            let refused = try await door.send("worker", "actor.suspended", "team/a", correction)
            #expect(refused.status == 403 && refused.text.contains("data.corrects") && refused.text.contains("ingest"), "\(refused)")
            let escaped = try await door.send(
                "worker", "actor.suspended", "team/a", correction.replacing("corrects", with: #"c\u006frrects"#))
            #expect(escaped.status == 403)
            #expect(try await door.send("ingest", "actor.suspended", "team/a", correction).status == 200)
            for text in [#""1""#, "1.5", "-1", "true"] {
                let response = try await door.send("ingest", "actor.suspended", "team/a", #"{"worker":"team/w","corrects":\#(text)}"#)
                #expect(response.status == 400 && response.text.contains("data.corrects"), "\(text): \(response)")
            }
            let bound = try await door.send("ingest", "actor.paused", "team/a", #"{"worker":"team/w","bound":"yes"}"#)
            #expect(bound.status == 400 && bound.text.contains("data.bound"), "\(bound)")
        }
    }

    @Test func `a misspelt pool is accepted with a warning, and deleted by somebody with a name`() async throws {
        try await run { door in
            let response = try await door.place(#"{"actor":"a","pool":"typo"}"#)
            #expect(
                response.status == 202 && response.text.contains(#""warnings":["#) && response.text.contains("default/typo"), "\(response)")
            let admin = door.client("admin"), reader = door.client("read")
            #expect(try await admin.send("DELETE", "/v1/pools/default/typo").status == 409)
            #expect(try await door.client("ingest").send("DELETE", "/v1/placements/default/a").status == 204)
            #expect(try await admin.send("DELETE", "/v1/pools/default/typo").status == 204)
            #expect(try await reader.get("/v1/pools/default/typo").status == 404)
            #expect(try await admin.send("DELETE", "/v1/pools/default/typo").status == 404)
            #expect(try await reader.get("/v1/events?kind=pool.deleted").text.contains(#""by":"ops""#))
            #expect(try await reader.get("/v1/events?kind=actor.withdrawn").text.contains(#""by":"agent""#))
        }
    }

    @Test func `a policy's change carries the token's name`() async throws {
        try await run { door in
            let policy = """
                apiVersion: greenroom.dev/v1
                kind: WorkerPoolAutoscaler
                metadata: {name: p, namespace: team}
                spec:
                  mode: recommend
                  scaleTargetRef: {kind: Process, name: p}
                  maxReplicaCount: 3
                  triggers: [{type: demand, threshold: 1}]
                """
            let admin = door.client("admin")
            let applied = try await admin.send("PUT", "/v1/policies/team/p", body: Array(policy.utf8))
            #expect(applied.status == 200, "\(applied.text)")
            #expect(try await admin.send("DELETE", "/v1/policies/team/p").status == 204)
            let events = try await door.client("read").get("/v1/events?kind=policy.applied").text.split(separator: "\n")
            #expect(events.count == 2 && events.allSatisfy { $0.contains(#""by":"ops""#) })
        }
    }
}
