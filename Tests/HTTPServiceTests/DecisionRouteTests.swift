import Domain
import Foundation
import HTTPTestSupport
import Testing

@testable import HTTPService

@Suite("Decisions and events are read by time, and the newest first")
struct DecisionRouteTests {
    private static func decision(_ id: Int, from: Int, to: Int, shadow: String? = nil, pool: String = "default/agents") -> EventBatch {
        var batch = EventBatch()
        let shadow = shadow.map { #""shadow":"\#($0)","# } ?? ""
        let body =
            #"{\#(shadow)"from":\#(from),"to":\#(to),"direction":"up","why":[{"step":"signal","code":"Demand","numbers":{"total":9,"resident":5,"blocked":4},"text":"old words"},{"step":"bounds","code":"TooManyReplicas","numbers":{"wanted":9,"maxReplicaCount":\#(to)},"text":"old words"}],"next":"2026-09-21T14:05:00.000000Z","inputs":{"asOf":3,"policy":"d"},"digest":"x"}"#
        batch.append(.scaleDecided, source: "/greenroom", id: "\(id)", subject: pool, pool: pool, body: Array(body.utf8))
        return batch
    }

    /// Positions 1…10: changes, one that changes nothing at 4, a shadow's at 6, another pool's at 8.
    private func fill(_ service: TestService) async {
        for id in 1...10 {
            await service.log.write(
                Self.decision(
                    id, from: id == 4 ? 5 : id, to: id == 4 ? 5 : id + 1, shadow: id == 6 ? "calm" : nil,
                    pool: id == 8 ? "default/other" : "default/agents"))
        }
    }

    private func seqs(_ service: TestService, _ path: String) async throws -> (seqs: [Int64], next: Int64?) {
        let response = try await service.client().get(path)
        #expect(response.status == 200, "\(response.text)")
        let value = try JSONValue(parsing: response.body)
        return (value["items"].array.compactMap { $0["seq"].integer }, value["next"].integer)
    }

    @Test(
        arguments: [
            ("/v1/pools/default/agents/decisions", [10, 9, 7, 5, 4, 3, 2, 1], nil),
            ("/v1/pools/default/agents/decisions?limit=3", [10, 9, 7], 7),
            ("/v1/pools/default/agents/decisions?limit=3&before=7", [5, 4, 3], 3),
            ("/v1/pools/default/agents/decisions?limit=8", [10, 9, 7, 5, 4, 3, 2, 1], nil),
            ("/v1/pools/default/agents/decisions?changes=true&limit=4", [10, 9, 7, 5], 5),
            ("/v1/pools/default/agents/decisions?changes=true&limit=4&before=5", [3, 2, 1], nil),
            ("/v1/pools/default/agents/decisions?shadow=calm", [6], nil),
            ("/v1/pools/default/agents/decisions?order=asc&limit=2", [1, 2], 2),
            ("/v1/pools/default/agents/decisions?order=asc&limit=2&after=2", [3, 4], 4),
            ("/v1/pools/default/agents/decisions?from=3&to=7", [7, 5, 4, 3], nil), ("/v1/pools/default/none/decisions", [], nil),
            ("/v1/decisions?order=desc&limit=3", [10, 9, 8], 8), ("/v1/decisions?limit=2", [1, 2], 2),
            ("/v1/decisions?after=8", [9, 10], nil),
            ("/v1/decisions?pool=default/other&order=desc", [8], nil), ("/v1/decisions?shadow=calm", [6], nil),
        ] as [(String, [Int64], Int64?)])
    func pagesLeadFromOneToTheNext(_ path: String, _ expected: [Int64], _ next: Int64?) async throws {
        try await TestService.run { service in
            await fill(service)
            let found = try await seqs(service, path)
            #expect(found.seqs == expected && found.next == next, "\(found)")
        }
    }

    @Test func aDecisionIsStructure() async throws {
        try await TestService.run { service in
            await fill(service)
            let value = try JSONValue(parsing: try await service.client().get("/v1/decisions/3").body)
            #expect(value["from"].integer == 3 && value["to"].integer == 4 && value["reason"].string == "old words; old words")
            #expect(value["why"].array.map { $0["code"].string } == ["Demand", "TooManyReplicas"])
            #expect(value["why"].array[0]["policy"].isNull && value["why"].array[0]["numbers"]["resident"].integer == 5)
            // Words of today, whatever were logged.
            #expect(value["why"].array[1]["text"].string == "maxReplicaCount 4 → 4")
            #expect(
                value["why"].array[1]["policy"]
                    == .object([
                        .init(key: "path", value: .string("spec.maxReplicaCount")), .init(key: "text", value: .string("4")),
                    ]))
            #expect(value["limits"].string == "maxReplicaCount 4 → 4" && value["limitingCode"].string == "TooManyReplicas")
            #expect(value["changedBy"].string?.hasPrefix("maxReplicaCount above 4 (9 are wanted)") == true)
            #expect(value["next"].string == "2026-09-21T14:05:00.000000Z" && value["inputs"]["asOf"].integer == 3)
            // The older member says the same.
            #expect(try JSONValue(parsing: value["json"].string ?? "")["to"].integer == 4)
        }
    }

    private func events(_ service: TestService, _ query: String) async throws -> [Int64] {
        let response = try await service.client().get("/v1/events?\(query)")
        #expect(response.status == 200, "\(response.text)")
        return try response.text.split(separator: "\n").compactMap { try JSONValue(parsing: String($0))["seq"].integer }
    }

    @Test(
        arguments: [
            ("order=desc", Array((1...10).reversed())), ("order=desc&limit=3", [10, 9, 8]), ("order=desc&limit=3&before=4", [3, 2, 1]),
            ("from=3&to=5", [3, 4, 5]), ("from=3&to=5&order=desc", [5, 4, 3]), ("before=3", [1, 2]), ("pool=default/other&order=desc", [8]),
            ("kinds=actor.idle&order=desc", []), ("kinds=scale.decided&limit=1&order=desc", [10]), ("to=2026-01-01T00:00:00Z", []),
            ("from=2026-01-01T00:00:00Z&limit=2", [1, 2]), ("order=desc&after=8", [10, 9]),
        ] as [(String, [Int64])])
    func eventsAreReadByTimeAndBackwards(_ query: String, _ expected: [Int64]) async throws {
        try await TestService.run { service in
            await fill(service)
            let found = try await events(service, query)
            #expect(found == expected)
        }
    }

    @Test(arguments: [("order=desc&follow=true", "order"), ("follow=true&to=5", "follow"), ("order=up", "order"), ("from=soon", "from")])
    func whatContradictsItselfIsRefused(_ query: String, _ field: String) async throws {
        try await TestService.run { service in
            let response = try await service.client().get("/v1/events?\(query)")
            #expect(response.status == 400 && response.text.contains(#""field":"\#(field)""#), "\(response.text)")
        }
    }
}
