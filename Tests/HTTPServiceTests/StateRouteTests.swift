import Views
import Domain
import Foundation
import HTTPTestSupport
import Testing

@testable import HTTPService

@Suite("State is answered from the control plane")
struct StateRouteTests {
    private func plane() -> TwinPlane {
        TwinPlane { script in
            script.pools = ["b", "a", "c"].map(TwinPlane.pool)
            script.workers = (1...5).map { TwinPlane.worker("w-\($0)") } + [TwinPlane.worker("w-9", pool: "other")]
            script.actors = (1...5).map { TwinPlane.actor("actor-\($0)") } + [TwinPlane.actor("ns/actor 9", status: "STATUS_WAITING")]
            script.policies = [TwinPlane.policy("agents")]
        }
    }

    private struct Page: Decodable {
        struct Item: Decodable {
            var name: String?
            var id: String?
        }
        var items: [Item]
        var next: String?
        var names: [String] { items.map { $0.name ?? $0.id ?? "" } }
    }

    struct Row: Sendable {
        var path: String
        var names: [String]
        var next: String?
        init(_ path: String, _ names: [String], next: String? = nil) {
            self.path = path
            self.names = names
            self.next = next
        }
    }

    @Test(arguments: [
        Row("/v1/pools", ["a", "b", "c"]),
        Row("/v1/pools?limit=2", ["a", "b"], next: "default/b"),
        Row("/v1/pools?limit=2&after=default/b", ["c"]),
        Row("/v1/workers?limit=3", ["w-1", "w-2", "w-3"], next: "w-3"),
        Row("/v1/workers?limit=3&after=w-3", ["w-4", "w-5", "w-9"]),
        Row("/v1/workers?pool=default/other", ["w-9"]),
        Row("/v1/actors?limit=5", ["actor-1", "actor-2", "actor-3", "actor-4", "actor-5"], next: "actor-5"),
        Row("/v1/actors?after=actor-5", ["ns/actor 9"]),
        Row("/v1/actors?status=waiting", ["ns/actor 9"]),
        Row("/v1/actors?status=STATUS_WAITING", ["ns/actor 9"]),
        Row("/v1/policies", ["agents"]),
    ])
    func listingsComeInPages(_ row: Row) async throws {
        try await TestService.run(plane: plane()) { service in
            let response = try await service.client().get(row.path)
            #expect(response.status == 200, "\(response.text)")
            let page = try JSONDecoder().decode(Page.self, from: Data(response.body))
            #expect(page.names == row.names)
            #expect(page.next == row.next)
            #expect(response.text.contains("\"next\":"))
        }
    }

    @Test(arguments: [
        ("/v1/pools/default/a", 200), ("/v1/pools/default/zzz", 404), ("/v1/pools/default", 404), ("/v1/workers/w-1", 200),
        ("/v1/workers/w-77", 404),
        ("/v1/actors/actor-1", 200), ("/v1/actors/ns%2Factor%209", 200), ("/v1/actors/nobody", 404), ("/v1/actors/nobody/history", 404),
        ("/v1/policies/default/agents", 200), ("/v1/policies/default/zzz", 404), ("/v1/decisions/99", 404), ("/v1/decisions/x", 400),
        ("/v1/actors?status=flying", 400), ("/v1/pools?limit=10001", 400), ("/", 200), ("/openapi.json", 200),
    ])
    func oneThingIsThereOrNot(_ path: String, _ status: Int) async throws {
        try await TestService.run(plane: plane()) { service in
            for wire in Wire.cleartext {
                #expect(try await service.client(wire).get(path).status == status)
                let head = try await service.client(wire).send("HEAD", path)
                #expect(head.status == status)
                #expect(head.body.isEmpty)
            }
        }
    }

    @Test func anEarlierMomentIsAskedOfHistory() async throws {
        let past = TwinPlane { $0.pools = [TwinPlane.pool("old")] }
        try await TestService.run(
            plane: plane(),
            parts: { parts in
                parts.stateAt = { (moment: Moment) throws(ControlFault) in
                    guard moment == .position(7) || moment == .time(LogTime(rfc3339: "2026-11-21T07:32:00+02:00")!) else {
                        throw .notFound(what: "moment", name: "\(moment)")
                    }
                    return past
                }
            }
        ) { service in
            let old = try await service.client().get("/v1/pools?at=7")
            #expect(old.text.contains(#""name":"old""#))
            #expect(try await service.client().get("/v1/pools?at=2026-11-21T07:32:00+02:00").text.contains(#""name":"old""#))
            #expect(try await service.client().get("/v1/pools/default/old?at=7").status == 200)
            #expect(try await service.client().get("/v1/pools?at=8").status == 404)
            #expect(try await service.client().get("/v1/pools?at=tomorrow").status == 400)
        }
    }

    @Test func aHistoryHasTheSecondsOfEachStep() async throws {
        try await TestService.run(plane: plane()) { service in
            for (id, kind, data) in [
                ("1", "actor.created", #"{"pool":"default/agents","template":"chat"}"#),
                ("2", "actor.requested", #"{"pool":"default/agents"}"#),
                ("3", "actor.running", #"{"worker":"w-1","restoreMillis":80}"#),
            ] {
                _ = try await service.client().post(Event.structured, Event.json(id, kind: kind, data: data))
            }
            _ = try await service.client().post(
                Event.structured, Event.json("4", actor: "actor-1", kind: "worker.draining", data: #"{"reason":"r"}"#))
            struct History: Decodable {
                struct Item: Decodable {
                    var seq: Int
                    var kind: String
                    var seconds: Double?
                    var worker: String?
                }
                var items: [Item]
                var next: Int?
            }
            let all = try JSONDecoder().decode(History.self, from: Data(try await service.client().get("/v1/actors/actor-1/history").body))
            #expect(all.items.map(\.kind) == ["actor.created", "actor.requested", "actor.running"])
            #expect(all.items.map(\.seconds) == [nil, 1, 1])
            #expect(all.items.last?.worker == "w-1")
            #expect(all.next == nil)
            let first = try JSONDecoder().decode(
                History.self, from: Data(try await service.client().get("/v1/actors/actor-1/history?limit=2").body))
            #expect(first.items.map(\.seq) == [1, 2])
            #expect(first.next == 2)
        }
    }

    @Test func decisionsAreReadFromTheLog() async throws {
        try await TestService.run { service in
            await service.log.write(Batches.decision("1"))
            await service.log.write(Batches.decision("2", pool: "default/other"))
            await service.log.write(Batches.decision("3"))
            struct Decisions: Decodable {
                var items: [DecisionView]
                var next: Int?
            }
            let all = try JSONDecoder().decode(
                Decisions.self, from: Data(try await service.client().get("/v1/decisions?pool=default/agents").body))
            #expect(all.items.map(\.seq) == [1, 3])
            #expect(all.items.first?.reason == "5 actors wait; at most 5")
            #expect(all.items.first?.to == 5)
            let one = try JSONDecoder().decode(DecisionView.self, from: Data(try await service.client().get("/v1/decisions/2").body))
            #expect(one.pool == "default/other")
            #expect(one.json.contains(#""digest":"d""#))
            let page = try JSONDecoder().decode(Decisions.self, from: Data(try await service.client().get("/v1/decisions?limit=2").body))
            #expect(page.items.count == 2)
            #expect(page.next == 2)
        }
    }
}
