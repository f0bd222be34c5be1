import Foundation
import HTTPTransport
import HTTPTypes
import Logging
import TestSupport
import Testing

@testable import ExternalMetrics

// A server on a free port with certificates of its own, and everybody who may come to it. Torn down after `body`.

struct Stage: Sendable {
    let server: ExternalMetricsServer
    let folder: URL
    let serving: CertificateAuthority
    /// Vouches for `proxy` and `stranger`.
    let requestHeader: CertificateAuthority
    /// May speak for others.
    let proxy: CertificateIdentity
    /// Of the same CA, but its name isn't allowed.
    let stranger: CertificateIdentity
    /// Nobody here vouches for it.
    let foreigner: CertificateIdentity
    let serverIdentity: CertificateIdentity

    static let proxyName = "front-proxy-client"

    /// Does nothing, said loudly, where openssl is missing.
    static func run(
        source: any MetricSource = FixedSource(Sample.snapshot), cluster: TwinCluster? = nil, clock: ManualClock = ManualClock(),
        edit: (inout ExternalMetricsConfiguration) -> Void = { _ in }, _ body: (Stage) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-extmetrics-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        guard let serving = try await CertificateAuthority.make("serving-ca", in: folder),
            let requestHeader = try await CertificateAuthority.make("request-header-ca", in: folder),
            let foreign = try await CertificateAuthority.make("foreign-ca", in: folder)
        else { return }
        let identity = try await serverCertificate("server", serving)
        var configuration = ExternalMetricsConfiguration(
            host: "127.0.0.1", port: 0,
            tls: TLSFiles(certificateFile: identity.certificate, keyFile: identity.key, clientAuthorityFile: requestHeader.certificate),
            frontProxy: FrontProxy(allowedNames: [proxyName]))
        edit(&configuration)
        let server = try await ExternalMetricsServer.start(
            configuration, source: source, access: cluster, log: Logger(label: "test"), uptimeMicroseconds: clock.read)
        let stage = Stage(
            server: server, folder: folder, serving: serving, requestHeader: requestHeader,
            proxy: try await requestHeader.issue("proxy", subject: "/O=kubernetes/CN=\(proxyName)"),
            stranger: try await requestHeader.issue("stranger", subject: "/CN=mallory"),
            foreigner: try await foreign.issue("foreigner", subject: "/CN=\(proxyName)"), serverIdentity: identity)
        do { try await body(stage) } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    static func serverCertificate(_ file: String, _ authority: CertificateAuthority) async throws -> CertificateIdentity {
        try await authority.issue(
            file, subject: "/CN=greenroom.greenroom-system.svc",
            alternativeNames: "DNS:greenroom.greenroom-system.svc,DNS:localhost,IP:127.0.0.1", usage: "serverAuth")
    }

    func open(_ identity: CertificateIdentity? = nil, _ wire: Wire = .http1) async throws -> PeerConnection {
        try await PeerConnection.open(port: server.port, authority: serving.certificate, identity: identity, wire: wire)
    }

    func get(_ path: String, as identity: CertificateIdentity? = nil, _ headers: [(String, String)] = [], over wire: Wire = .http1)
        async throws
        -> PeerResponse
    {
        try await PeerConnection.get(port: server.port, authority: serving.certificate, identity: identity, wire: wire, path, headers)
    }

    /// As the API server forwards it.
    func proxied(_ path: String, _ headers: [(String, String)] = [], over wire: Wire = .http1) async throws -> PeerResponse {
        try await get(path, as: proxy, [("X-Remote-User", "admin"), ("X-Remote-Group", "system:authenticated")] + headers, over: wire)
    }
}

/// JSON as Foundation sees it.
struct Seen {
    let value: Any?

    init(_ text: String) { value = try? JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed) }
    init(value: Any?) { self.value = value }

    subscript(key: String) -> Seen { Seen(value: (value as? [String: Any])?[key]) }
    subscript(index: Int) -> Seen { Seen(value: (value as? [Any]).flatMap { $0.indices.contains(index) ? $0[index] : nil }) }
    var list: [Seen] { (value as? [Any])?.map { Seen(value: $0) } ?? [] }
    var text: String? { value as? String }
    var number: Int? { value as? Int }
    var keys: Set<String> { Set((value as? [String: Any])?.keys.map { $0 } ?? []) }
    var texts: [String: String]? { value as? [String: String] }
}

extension HTTPFields {
    init(_ fields: [(String, String)]) {
        self.init()
        for (name, value) in fields { append(HTTPField(name: HTTPField.Name(name)!, value: value)) }
    }
}

extension HTTPRequest {
    init(method: Method, _ path: String, _ fields: [(String, String)]) {
        self.init(method: method, scheme: "https", authority: "localhost", path: path, headerFields: HTTPFields(fields))
    }
}
