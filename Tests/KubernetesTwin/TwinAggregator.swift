package import Domain
import AsyncHTTPClient
import Foundation
import Kubernetes
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

// How does an API server pass requests on to an extension of it?
//
// An APIService names a service and the authority of its certificate. It is available once its group's discovery answers 200
// under the service's name; from then on requests for the group are authenticated and authorized here and forwarded under the
// front proxy's certificate, with the user in `X-Remote-*` headers that replace what the client sent. Headers are those a real
// aggregator was recorded to send.

package final class TwinAggregator: Sendable {
    package static let group = "external.metrics.k8s.io"
    package static let versionPath = "/apis/external.metrics.k8s.io/v1beta1"
    private static let answerBytes = 4 << 20

    /// What was sent to the extension.
    package struct Sent: Sendable {
        package var path: String
        package var headers: [(name: String, value: String)]
    }

    private struct State {
        var isAvailable = false
        var sent: [Sent] = []
    }

    private let http: HTTPClient
    private let host: String
    private let port: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - apiService: its `spec` names service, namespace and `caBundle`.
    ///   - endpointPort: where the service's pod listens on loopback.
    package init(apiService: JSONValue, endpointPort: Int, certificates: AggregatorCertificates) throws {
        let service = apiService["spec"]["service"]
        host = "\(service["name"].string ?? "").\(service["namespace"].string ?? "").svc"
        port = endpointPort
        let bundle = Data(base64Encoded: apiService["spec"]["caBundle"].string ?? "") ?? Data()
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(bundle)))
        tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificates.proxy).map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: certificates.proxyKey, format: .pem))
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, timeout: .init(connect: .seconds(5), read: .seconds(15)))
        configuration.httpVersion = .http1Only
        configuration.dnsOverride = [host: "127.0.0.1"]
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    package func close() async { try? await http.shutdown() }

    package var isAvailable: Bool { state.withLock { $0.isAvailable } }
    /// Oldest first.
    package var sent: [Sent] { state.withLock { $0.sent } }

    /// Looks whether the extension answers its group's discovery.
    package func checkAvailability() async -> Bool {
        let answer = await send(
            Self.versionPath,
            [("User-Agent", "Go-http-client/1.1"), ("X-Remote-Group", "system:masters"), ("X-Remote-User", "system:kube-aggregator")])
        state.withLock { $0.isAvailable = answer.status == 200 }
        return answer.status == 200
    }

    /// A request of the aggregator's own: discovery and OpenAPI, asked again and again.
    package func query(_ path: String, _ headers: [(String, String)]) async -> (status: Int, body: [UInt8]) { await send(path, headers) }

    // MARK: - Forwarding

    func serves(_ path: String) -> Bool { path == Self.versionPath || path.hasPrefix(Self.versionPath + "/") }

    func forward(_ request: TwinRequest, user: TwinUser) async -> (status: Int, body: [UInt8]) {
        guard isAvailable else { return (503, Array("service unavailable\n".utf8)) }
        var headers = request.headers.filter {
            !["authorization", "host", "connection", "content-length", "accept-encoding"].contains($0.key) && !$0.key.hasPrefix("x-remote-")
        }
        .map { ($0.key, $0.value) }
        headers += [
            ("Audit-Id", UUID().uuidString.lowercased()), ("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", host),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Uri", request.path), ("X-Remote-User", user.name), ("X-Remote-Uid", user.name),
        ]
        headers += (user.groups + ["system:authenticated"]).map { ("X-Remote-Group", $0) }
        return await send(request.uri, headers)
    }

    private func send(_ uri: String, _ headers: [(String, String)]) async -> (status: Int, body: [UInt8]) {
        var request = HTTPClientRequest(url: "https://\(host):\(port)\(uri)")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.headers.add(name: "Accept-Encoding", value: "gzip")
        let all = [(name: "Host", value: "\(host):\(port)")] + request.headers.map { (name: $0.name, value: $0.value) }
        state.withLock { $0.sent.append(Sent(path: uri, headers: all)) }
        do {
            let response = try await http.execute(request, timeout: .seconds(15))
            return (Int(response.status.code), Array(buffer: try await response.body.collect(upTo: Self.answerBytes)))
        } catch {
            return (503, Array("error trying to reach service: \(error)".utf8))
        }
    }
}

extension TwinAPI {
    /// Who may pass to the extension with this request: metrics are read as a `list` of a resource of their name.
    func admit(_ request: TwinRequest) throws(TwinStatus) -> TwinUser {
        let user = try authenticate(request)
        guard let metric = request.path.dropFirst(TwinAggregator.versionPath.count).split(separator: "/").dropFirst(2).first else {
            return user
        }
        let resource = TwinResource(TwinAggregator.group, "v1beta1", metric.removingPercent, "ExternalMetricValueList")
        guard user.mayDo("list", resource.plural, resource.group) else {
            throw .forbidden(resource, user: user.name, verb: "list", subresource: nil, namespace: nil, name: nil)
        }
        return user
    }
}
