import Autoscaling
import Domain
import Foundation
import HTTPTestSupport
import TestSupport
import Testing

@testable import HTTPService

/// A real loop over a real log behind the routes.
@Suite("Shadow policies over HTTP")
struct ShadowRouteTests {
    private func policy(_ name: String, max: Int, shadowOf pool: String? = nil) -> [UInt8] {
        let shadow = pool.map { "\n  mode: recommend\n  shadowOf: \($0)" } ?? ""
        return Array(
            """
            apiVersion: greenroom.dev/v1
            kind: WorkerPoolAutoscaler
            metadata: {name: \(name), namespace: ns}
            spec:\(shadow)
              scaleTargetRef: {kind: Deployment, name: chat}
              maxReplicaCount: \(max)
            """.utf8)
    }

    private struct Decision: Decodable {
        var pool: String
        var shadow: String?
        var to: Int
    }

    private struct Page<Item: Decodable>: Decodable { var items: [Item] }

    private func run(_ body: (TestClient) async throws -> Void) async throws {
        try await LoopService.run { try await body($0.client()) }
    }

    @Test func `a shadow is put, listed, read, compared and taken away by its own name`() async throws {
        try await run { client in
            #expect(try await client.send("PUT", "/v1/policies/ns/chat", body: policy("chat", max: 9)).status == 200)
            let preview = try await client.send("PUT", "/v1/policies/ns/calm?dryRun=true", body: policy("calm", max: 2, shadowOf: "chat"))
            #expect(preview.status == 200 && preview.text.contains(#""shadow":"calm""#), "\(preview.text)")
            #expect(try await client.send("GET", "/v1/policies/ns/calm").status == 404)
            #expect(try await client.send("PUT", "/v1/policies/ns/calm", body: policy("calm", max: 2, shadowOf: "chat")).status == 200)
            let one = try await client.send("GET", "/v1/policies/ns/calm")
            #expect(
                one.text.contains(#""shadowOf":"chat""#) && one.text.contains(#""mode":"recommend""#)
                    && one.text.contains(#""name":"calm""#), "\(one.text)")
            #expect(try await !client.send("GET", "/v1/policies/ns/chat").text.contains("shadowOf\""))

            for k in 0..<5 {
                let event =
                    #"{"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/t","id":"\#(k)","subject":"a\#(k)","data":{"pool":"ns/chat"}}"#
                let response = try await client.send(
                    "POST", "/v1/events", [("content-type", "application/cloudevents+json")], body: Array(event.utf8))
                #expect(response.status == 200 || response.status == 202, "\(response.text)")
            }
            var decisions: [Decision] = []
            try await eventually("both have decided") {
                let text = try await client.send("GET", "/v1/decisions?pool=ns/chat").text
                decisions = try JSONDecoder().decode(Page<Decision>.self, from: Data(text.utf8)).items
                return decisions.last { $0.shadow == nil }?.to == 5 && decisions.last { $0.shadow == "calm" }?.to == 2
            }
            #expect(try await client.send("GET", "/v1/pools/ns/chat").text.contains(#""desired":5"#))

            #expect(try await client.send("DELETE", "/v1/policies/ns/chat").status == 204)
            #expect(try await client.send("GET", "/v1/policies/ns/chat").status == 404)
            #expect(try await client.send("GET", "/v1/policies/ns/calm").status == 200)
            #expect(try await client.send("DELETE", "/v1/policies/ns/calm").status == 204)
            #expect(try await client.send("GET", "/v1/policies/ns/calm").status == 404)
            #expect(try await client.send("DELETE", "/v1/policies/ns/calm").status == 404)
        }
    }

    @Test func `clashing names, the wrong path and a fifth shadow are refused with what to do`() async throws {
        try await run { client in
            #expect(try await client.send("PUT", "/v1/policies/ns/chat", body: policy("chat", max: 9)).status == 200)
            for name in ["a", "b", "c", "d"] {
                #expect(try await client.send("PUT", "/v1/policies/ns/\(name)", body: policy(name, max: 2, shadowOf: "chat")).status == 200)
            }
            let fifth = try await client.send("PUT", "/v1/policies/ns/e", body: policy("e", max: 2, shadowOf: "chat"))
            #expect(fifth.status == 409 && fifth.text.contains("delete one of them first"), "\(fifth.text)")
            #expect(
                try await client.send("PUT", "/v1/policies/ns/e?dryRun=true", body: policy("e", max: 2, shadowOf: "chat")).status == 409)
            #expect(try await client.send("PUT", "/v1/policies/ns/a", body: policy("a", max: 2)).status == 409)
            let misnamed = try await client.send("PUT", "/v1/policies/ns/chat", body: policy("a", max: 2, shadowOf: "chat"))
            #expect(misnamed.status >= 400 && misnamed.text.contains("the policy is ns/a and the path names ns/chat"), "\(misnamed.text)")
            #expect(try await client.send("PUT", "/v1/pools/ns/a/pause", body: Array(#"{"in":true}"#.utf8)).status == 404)
        }
    }
}
