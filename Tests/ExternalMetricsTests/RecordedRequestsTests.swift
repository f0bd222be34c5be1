import Foundation
import Testing

@testable import ExternalMetrics

// What an aggregator and an HPA of a real Kubernetes 1.36 sent, answered as they need it.

@Suite struct RecordedRequestsTests {
    private struct Recorded: Decodable {
        var method: String
        var path: String
        var headers: [String: String]
    }

    private func recorded() throws -> [Recorded] {
        let url = try #require(Bundle.module.url(forResource: "external-metrics-requests", withExtension: "json", subdirectory: "Fixtures"))
        return try JSONDecoder().decode([Recorded].self, from: Data(contentsOf: url))
    }

    @Test("each is answered 200 to the API server, over both protocols, and to nobody else", arguments: Wire.allCases)
    func answered(_ wire: Wire) async throws {
        let recorded = try recorded()
        #expect(recorded.count == 6)
        try await Stage.run { (stage) async throws in
            let proxy = try await stage.open(stage.proxy, wire)
            let nobody = try await stage.open(nil, wire)
            for request in recorded {
                let headers = request.headers.filter { $0.key != "Host" }.map { ($0.key, $0.value) }
                let response = try await proxy.send(.GET, request.path, headers)
                #expect(response.status == 200, "\(request.path): \(response.body)")
                try check(request.path, response)
                let refusal = try await nobody.send(.GET, request.path, headers)
                #expect(refusal.status == 401)
                #expect(Seen(refusal.body)["reason"].text == "Unauthorized")
            }
            await proxy.close()
            await nobody.close()
        }
    }

    private func check(_ path: String, _ response: PeerResponse) throws {
        let seen = Seen(response.body)
        let type = try #require(response.headers.first(name: "content-type"))
        switch path {
        case "/apis":
            #expect(type == "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
            #expect(seen["apiVersion"].text == "apidiscovery.k8s.io/v2")
            #expect(seen["items"][0]["metadata"]["name"].text == "external.metrics.k8s.io")
            #expect(seen["items"][0]["versions"][0]["version"].text == "v1beta1")
        case "/apis/external.metrics.k8s.io/v1beta1":
            #expect(type == "application/json")
            #expect(seen["kind"].text == "APIResourceList")
            #expect(seen["groupVersion"].text == "external.metrics.k8s.io/v1beta1")
        case "/openapi/v2": #expect(seen["swagger"].text == "2.0")
        case "/openapi/v3": #expect(seen["paths"].keys == ["apis/external.metrics.k8s.io/v1beta1"])
        default:
            // The HPA's own: 21 wait, which is what it adds up.
            #expect(type == "application/json")
            #expect(seen["kind"].text == "ExternalMetricValueList")
            #expect(seen["apiVersion"].text == "external.metrics.k8s.io/v1beta1")
            #expect(seen["items"].list.map { $0["value"].text.flatMap { Int($0) } ?? -1 }.reduce(0, +) == 21)
            let first = seen["items"][0]
            #expect(first["metricName"].text == "greenroom_queue_depth")
            #expect(first["metricLabels"].texts == ["pool": "kagent-default", "state": "blocked", "reason": "pool_exhausted"])
            #expect(first["timestamp"].text == "2026-09-21T14:13:20Z")
        }
    }
}
