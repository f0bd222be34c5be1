import Autoscaling
import Views
import Domain
import Foundation
import Testing

@testable import HTTPService

@Suite("Commands reach the control plane")
struct CommandRouteTests {
    @Test func aPlacementIsAnsweredWithItsWorker() async throws {
        let plane = TwinPlane {
            $0.placement = .success(
                .placed(worker: "w-1", node: "n-1", ip: nil, tier: .warm, restoreFrom: "s3://x", waitedSeconds: 0.25, seq: 9))
        }
        try await TestService.run(plane: plane) { service in
            let body = #"{"actor":"a","pool":"default/agents","selector":{"zone":"z1","arch":"arm"},"waitSeconds":2.5}"#
            let response = try await service.client().send(
                "POST", "/v1/placements", [("content-type", "application/json")], body: Array(body.utf8))
            #expect(response.status == 200)
            #expect(
                response.text
                    == #"{"worker":"w-1","node":"n-1","ip":null,"tier":"warm","restoreFrom":"s3://x","waitedSeconds":0.25,"waited":0.25,"seq":9}"#
            )
            #expect(plane.calls == [#"place a in default/agents wait=2.5 selector=["arch=arm", "zone=z1"]"#])
        }
    }

    @Test func aPlacementThatWaitsSaysWhy() async throws {
        try await TestService.run { service in
            let response = try await service.client().send(
                "POST", "/v1/placements", [("content-type", "application/json")],
                body: Array(#"{"actor":"a","pool":"default/agents"}"#.utf8))
            #expect(response.status == 202)
            #expect(response.text == #"{"position":1,"reason":"pool_exhausted","detail":"all 3 workers are busy"}"#)
        }
    }

    struct Bad: Sendable {
        var method = "POST"
        var path = "/v1/placements"
        var body: String
        var field: String?
    }

    @Test(arguments: [
        Bad(body: "", field: nil), Bad(body: "[]", field: nil), Bad(body: #"{"pool":"p"}"#, field: "actor"),
        Bad(body: #"{"actor":"a"}"#, field: "pool"),
        Bad(body: #"{"actor":"a","pool":"p","wait":-1}"#, field: "wait"), Bad(body: #"{"actor":"a","pool":"p","wait":601}"#, field: "wait"),
        Bad(body: #"{"actor":"a","pool":"p","waitSeconds":601}"#, field: "waitSeconds"),
        Bad(body: #"{"actor":"a","pool":"p","wait":"long"}"#, field: "wait"), Bad(body: #"{"actor":7,"pool":"p"}"#, field: "actor"),
        Bad(body: #"{"actor":"a","pool":"p","colour":"red"}"#, field: "colour"),
        Bad(body: #"{"actor":"a","actor":"b","pool":"p"}"#, field: "actor"),
        Bad(body: #"{"actor":"a","pool":"p","selector":{"a":1}}"#, field: "selector"),
        Bad(body: #"{"actor":"a","pool":"p"} x"#, field: nil),
        Bad(method: "PUT", path: "/v1/pools/default/agents/pause", body: #"{"in":"yes"}"#, field: "in"),
        Bad(method: "PUT", path: "/v1/pools/default/agents/pause", body: #"{"hold":-1}"#, field: "hold"),
    ])
    func aBadBodyNamesTheMember(_ bad: Bad) async throws {
        try await TestService.run { service in
            let response = try await service.client().send(
                bad.method, bad.path, [("content-type", "application/json")], body: Array(bad.body.utf8))
            #expect(response.status == 400)
            #expect(try Problems.read(response).field == bad.field)
            #expect(service.plane.calls.isEmpty)
        }
    }

    @Test func policiesAreAppliedPreviewedAndRemoved() async throws {
        try await TestService.run { service in
            let client = service.client()
            let path = "/v1/policies/default/agents"
            let applied = try await client.send("PUT", path, body: Array("spec: {}".utf8))
            #expect(applied.text.contains(#""direction":"up""#))
            #expect(try await client.send("PUT", "\(path)?dryRun=true", body: Array("spec: {}".utf8)).status == 200)
            #expect(
                try await client.send("PUT", "/v1/pools/default/agents/pause", body: Array(#"{"in":true,"hold":4}"#.utf8)).status == 200)
            #expect(try await client.send("DELETE", path).status == 204)
            #expect(try await client.send("DELETE", path).status == 404)
            #expect(
                try await client.send(
                    "POST", "/v1/placements", [("content-type", "application/json")],
                    body: Array(#"{"actor":"ns/a","pool":"default/agents"}"#.utf8)
                ).status == 202)
            #expect(try await client.send("DELETE", "/v1/placements/ns%2Fa").status == 204)
            #expect(
                service.plane.calls == [
                    "apply default/agents", "preview default/agents", "pause default/agents in=true out=false hold=4",
                    "policy default/agents",
                    "remove default/agents", "remove default/agents", "place ns/a in default/agents wait=0.0 selector=[]", "withdraw ns/a",
                ])
        }
    }

    @Test func aBadPolicySaysWhere() async throws {
        try await TestService.run { service in
            let response = try await service.client().send("PUT", "/v1/policies/default/agents", body: Array("broken".utf8))
            #expect(response.status == 400)
            #expect(
                response.text.contains(#""problems":[{"document":1,"line":2,"column":3,"path":"spec.broken","message":"unknown field"}]"#))
            #expect(try Problems.read(response).detail == "line 2, spec.broken: unknown field")
            let misnamed = try await service.client().send("PUT", "/v1/policies/default/other", body: Array("spec: {}".utf8))
            #expect(misnamed.status == 400)
            #expect(try Problems.read(misnamed).field == "metadata.name")
        }
    }

    @Test(arguments: [
        (ControlFault.notFound(what: "policy", name: "x"), 404), (.conflict("it is held"), 409), (.invalid(field: "f", problem: "p"), 400),
        (.overloaded(retryAfterSeconds: 2), 429), (.unavailable("the disk is full"), 503),
    ])
    func whatTheLoopRefusesIsPassedOn(_ fault: ControlFault, _ status: Int) async throws {
        try await TestService.run(plane: TwinPlane { $0.removal = fault }) { service in
            let response = try await service.client().send("DELETE", "/v1/policies/default/x")
            #expect(response.status == status)
            #expect((response.field("retry-after") != nil) == (status == 429 || status == 503))
        }
    }

    @Test func healthIsToldAndReadinessListsItsChecks() async throws {
        let isWell = Counter()
        try await TestService.run(
            parts: { parts in
                parts.readiness = [
                    ReadinessCheck("log writable") { isWell.value == 0 ? .ok : .failing("the disk is full: make room") },
                    ReadinessCheck("target reachable") { .ok },
                ]
                parts.metricsText = { openMetrics in Array((openMetrics ? "# EOF\n" : "up 1\n").utf8) }
            }
        ) { service in
            let client = service.client()
            for path in ["/healthz", "/livez"] { #expect(try await client.get(path).text.hasPrefix(#"{"status":"ok","uptimeSeconds":"#)) }
            let ready = try await client.get("/readyz")
            #expect(ready.status == 200)
            #expect(ready.text.contains(#""checks":[{"name":"log writable","status":"ok"},{"name":"target reachable","status":"ok"}]"#))
            isWell.add(1)
            let failing = try await client.get("/readyz")
            #expect(failing.status == 503)
            #expect(failing.text.contains(#"{"name":"log writable","status":"failing","detail":"the disk is full: make room"}"#))
            #expect(try await client.get("/metrics").text == "up 1\n")
            let open = try await client.get("/metrics", [("accept", "application/openmetrics-text; version=1.0.0")])
            #expect(open.text == "# EOF\n")
            #expect(open.field("content-type")?.hasPrefix("application/openmetrics-text") == true)
        }
    }
}
