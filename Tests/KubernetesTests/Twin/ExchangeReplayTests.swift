import Domain
import AsyncHTTPClient
import Foundation
import Kubernetes
import KubernetesTwin
import NIOCore
import NIOHTTP1
import NIOSSL
import Testing

// Does the twin answer as a real API server did? Every recorded exchange, in its order, on one twin that stands where the real
// one stood: resource versions come out equal too. Only uids and times of creation are the twin's own.

@Suite struct ExchangeReplayTests {
    struct Exchange {
        var name: String
        var request: JSONValue
        var status: Int
        var body: JSONValue
    }

    /// The CRD of the recording declared a labelSelectorPath, which agent-substrate's own doesn't.
    private static let pools: TwinResource = {
        var pools = TwinResource.workerPools
        pools.hasSelectorPath = true
        return pools
    }()

    @Test("every recorded exchange gets the recorded status and body")
    func replay() async throws {
        let exchanges = try recorded()
        #expect(exchanges.count == 29)
        var configuration = KubernetesTwin.Configuration()
        // What the real one had forgotten when it was asked for version 1.
        configuration.firstVersion = 251
        configuration.resources = TwinResource.all.map { $0.plural == Self.pools.plural ? Self.pools : $0 }
        let twin = try await KubernetesTwin.start(configuration)
        let client = try http(twin)
        do {
            for exchange in exchanges {
                prepare(twin, for: exchange, all: exchanges)
                let (status, body) = try await send(exchange, to: twin, with: client)
                #expect(status == exchange.status, "\(exchange.name)")
                let (got, wanted) = (normalized(body), normalized(exchange.body))
                #expect(got == wanted, "\(exchange.name)\n got    \(got.text)\n wanted \(wanted.text)")
            }
        } catch { Issue.record(error) }
        try await client.shutdown()
        await twin.stop()
    }

    // MARK: - What happened beside the exchanges

    private func prepare(_ twin: KubernetesTwin, for exchange: Exchange, all: [Exchange]) {
        switch exchange.name {
        case "list workerpools":
            to(486, twin)
            twin.seed(Self.pools, exchange.body["items"].array[0])
            to(516, twin)
        case "watch with bookmarks":
            to(519, twin)
            let first = exchange.body.array[0]["object"]
            twin.edit(Self.pools, "default", "kagent-default") { pool in
                pool["metadata"]["labels"] = first["metadata"]["labels"]
                pool["spec"] = first["spec"]
            }
            var second = exchange.body.array[1]["object"]
            second["metadata"]["uid"] = "affecb6b-4ab3-485c-b51f-7466a73bfc34"
            twin.seed(Self.pools, second)
            twin.delete(Self.pools, "default", "second")
        case "deployment scale": to(524, twin)
        case "deployment scale subresource":
            let pods = all.first { $0.name == "list pods of a pool by label" }?.body["items"].array ?? []
            for (pod, version) in zip(pods, [526, 529]) {
                to(version, twin)
                twin.seed(.pods, pod)
            }
            to(535, twin)
            twin.edit(.deployments, "default", "agents") { $0["status"] = ["replicas": 2] }
        default: break
        }
    }

    private func to(_ version: Int, _ twin: KubernetesTwin) { twin.skipVersions(max(0, version - twin.version)) }

    // MARK: - Sending and comparing

    private func recorded() throws -> [Exchange] {
        let url = try #require(Bundle.module.url(forResource: "api-server-exchanges", withExtension: "json", subdirectory: "Fixtures"))
        return try JSONValue(parsing: Data(contentsOf: url)).array.map {
            Exchange(
                name: $0["case"].string ?? "", request: $0["request"], status: $0["response"]["status"].int ?? 0,
                body: $0["response"]["body"])
        }
    }

    private func http(_ twin: KubernetesTwin) throws -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(twin.certificates.authority))
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: .init(tlsConfiguration: tls))
    }

    private func send(_ exchange: Exchange, to twin: KubernetesTwin, with client: HTTPClient) async throws -> (Int, JSONValue) {
        let recorded = exchange.request
        // A watch ends by itself: sooner here.
        let path = (recorded["path"].string ?? "").replacingOccurrences(of: "timeoutSeconds=4", with: "timeoutSeconds=1")
        var request = HTTPClientRequest(url: twin.server + path)
        request.method = HTTPMethod(rawValue: recorded["method"].string ?? "")
        for (name, value) in recorded["headers"].strings where name != "Authorization" { request.headers.add(name: name, value: value) }
        if !recorded["headers"]["Authorization"].isNull {
            request.headers.add(name: "Authorization", value: "Bearer \(token(exchange.name))")
        }
        if !recorded["body"].isNull { request.body = .bytes(ByteBuffer(bytes: recorded["body"].bytes)) }
        let response = try await client.execute(request, timeout: .seconds(20))
        let bytes = Array(buffer: try await response.body.collect(upTo: 1_048_576))
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        guard path.contains("watch=1"), lines.count > 1 else {
            return (Int(response.status.code), try JSONValue(parsing: lines.first ?? []))
        }
        return (Int(response.status.code), .array(try lines.map { try JSONValue(parsing: $0) }))
    }

    private func token(_ name: String) -> String {
        switch name {
        case "wrong token": "nope"
        case "token without permission": "viewertoken"
        default: "admintoken"
        }
    }

    private func normalized(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): return .array(elements.map(normalized))
        case .object:
            var result = value.members.mapValues(normalized)
            // An object's metadata, not a user's uid.
            if result["name"] != nil, result["uid"] != nil { result["uid"] = "UID" }
            if result["creationTimestamp"] != nil { result["creationTimestamp"] = "TIME" }
            return .object(result)
        default: return value
        }
    }
}
