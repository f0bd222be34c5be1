import HTTPTestSupport
import Testing

@testable import HTTPService

@Suite("Without tokens, this machine alone is answered")
struct LocalTrustTests {
    struct Row: Sendable, CustomStringConvertible {
        var host: String
        var origin: String? = nil
        var isFine: Bool
        var description: String { "\(host) \(origin ?? "-")" }
    }

    static let rows = [
        Row(host: "localhost", isFine: true), Row(host: "localhost:8080", isFine: true), Row(host: "LOCALHOST", isFine: true),
        Row(host: "app.localhost", isFine: true),
        Row(host: "127.0.0.1:8080", isFine: true), Row(host: "127.9.9.9", isFine: true), Row(host: "[::1]:8080", isFine: true),
        Row(host: "dash.example", isFine: true),
        Row(host: "evil.example", isFine: false), Row(host: "localhost.evil.example", isFine: false),
        Row(host: "127.0.0.1.evil.example", isFine: false),
        Row(host: "evillocalhost", isFine: false), Row(host: "10.0.0.1", isFine: false), Row(host: "[::ffff:7f00:1]", isFine: false),
        Row(host: "0.0.0.0", isFine: false),
        Row(host: "localhost:8080", origin: "http://localhost:8080", isFine: true),
        Row(host: "localhost", origin: "http://localhost", isFine: true),
        Row(host: "localhost", origin: "http://localhost:80", isFine: true),
        Row(host: "dash.example", origin: "https://dash.example", isFine: true),
        Row(host: "localhost:8080", origin: "http://localhost:8081", isFine: false),
        Row(host: "localhost:8080", origin: "http://evil.example", isFine: false),
        Row(host: "localhost:8080", origin: "http://evil.example:8080", isFine: false),
        Row(host: "localhost:8080", origin: "null", isFine: false),
        Row(host: "localhost:8080", origin: "http://127.0.0.1:8080", isFine: false),
        Row(host: "localhost:8080", origin: "file://localhost:8080", isFine: false),
        Row(host: "localhost:8080", origin: "", isFine: false),
    ]

    @Test(arguments: rows)
    func hostAndOriginAreAskedFor(_ row: Row) async throws {
        let plane = TwinPlane()
        try await TestService.run(plane: plane) {
            $0.allowedHosts = ["dash.example"]
        } _: { service in
            let origin = row.origin.map { "origin: \($0)\r\n" } ?? ""
            let requests = [
                "GET /v1/pools HTTP/1.1\r\nhost: \(row.host)\r\n\(origin)\r\n",
                "PUT /v1/policies/default/agents HTTP/1.1\r\nhost: \(row.host)\r\n\(origin)content-type: application/yaml\r\ncontent-length: 2\r\n\r\n{}",
                "DELETE /v1/placements/a HTTP/1.1\r\nhost: \(row.host)\r\n\(origin)\r\n",
                "POST /v1/events HTTP/1.1\r\nhost: \(row.host)\r\n\(origin)content-type: application/cloudevents-batch+json\r\ncontent-length: 2\r\n\r\n[]",
            ]
            for request in requests {
                let received = try await service.client(.http1).finishing(request)
                let status = received.dropFirst("HTTP/1.1 ".count).prefix(3)
                #expect((status == "403") == !row.isFine, "\(request): \(received)")
                #expect(row.isFine == ["200", "204", "404"].contains(status), "\(request): \(received)")
            }
            #expect(plane.calls.isEmpty == !row.isFine)
            // A probe names the service as it likes.
            #expect(
                try await service.client(.http1).finishing("GET /livez HTTP/1.1\r\nhost: \(row.host)\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func whatAPageMaySendUnaskedChangesNothing() async throws {
        let plane = TwinPlane()
        try await TestService.run(plane: plane) { service in
            let placement = Array(#"{"actor":"a","pool":"default/agents"}"#.utf8)
            for wire in Wire.cleartext {
                let client = service.client(wire)
                for type in [
                    nil, "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                ] {
                    let headers = type.map { [("content-type", $0)] } ?? []
                    #expect(try await client.send("POST", "/v1/placements", headers, body: placement).status == 415, "\(type ?? "-")")
                    #expect(
                        try await client.send("POST", "/v1/events", headers, body: Array(Event.json("a").utf8)).status == 415,
                        "\(type ?? "-")")
                }
                for type in ["text/plain", "multipart/form-data; boundary=x"] {
                    #expect(
                        try await client.send("PUT", "/v1/policies/default/agents", [("content-type", type)], body: Array("{}".utf8)).status
                            == 415, "\(type)")
                    #expect(
                        try await client.send("PUT", "/v1/pools/default/agents/pause", [("content-type", type)], body: Array("{}".utf8))
                            .status == 415, "\(type)")
                }
            }
            #expect(plane.calls.isEmpty && service.log.eventCount == 0)
            // What curl sends unless told otherwise; every browser asks before a PUT.
            let curl = try await service.client().send(
                "PUT", "/v1/policies/default/agents", [("content-type", "application/x-www-form-urlencoded")], body: Array("{}".utf8))
            #expect(curl.status == 200)
        }
    }
}
