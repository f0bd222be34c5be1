import AsyncHTTPClient
import Autoscaling
import Domain
import Foundation
import HTTPAsking
import NIOCore
import NIOSSL

// What does the other server answer to one GET?
//
// Bounded in time and in size, without redirects (a token must not travel on), with the token and the certificates that the
// files hold at this moment.

struct PollClient: Sendable {
    private let client: HTTPClient
    private let secrets: SecretFolder

    static let answerLimitBytes = 4 << 20
    static let connectSeconds: Int64 = 5
    static let idleConnectionSeconds: Int64 = 90

    init(secrets: SecretFolder) {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(Self.connectSeconds)
        configuration.connectionPool.idleTimeout = .seconds(Self.idleConnectionSeconds)
        // A server that refuses is a failed look; the pace of looks is the poller's business.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.decompression = .disabled
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.secrets = secrets
    }

    func shutdown() async { try? await client.shutdown() }

    /// Status and body. `query` is written into the URL, each value escaped.
    func get(_ poll: Poll, path: String, query: [(name: String, value: String)]) async throws -> (status: Int, body: [UInt8]) {
        var base = poll.source.address[...]
        // Policies of older logs may name a port that none is; the client of HTTP doesn't outlive one.
        if let port = URLComponents(string: String(base))?.port, !PolicyLimits.ports.contains(port) {
            throw PollFault("\(base) has no port from \(PolicyLimits.ports.lowerBound) to \(PolicyLimits.ports.upperBound): correct the address in the policy")
        }
        while base.hasSuffix("/") { base.removeLast() }
        let parameters = query.map { "\($0.name)=\(PercentCoding.encode($0.value))" }.joined(separator: "&")
        var request = HTTPClientRequest(url: "\(base)\(path)?\(parameters)")
        request.headers.add(name: "accept", value: "application/json")
        request.headers.add(name: "user-agent", value: "greenroom")
        if let file = poll.bearerTokenFile { request.headers.add(name: "authorization", value: "Bearer \(try secrets.token(file))") }
        if let tls = poll.tls { request.tlsConfiguration = try configuration(tls) }
        return try await withDeadline(seconds: poll.timeoutSeconds, orThrow: { PollFault($0) }) { [request] in
            let response = try await client.execute(request, timeout: .seconds(Int64(poll.timeoutSeconds)))
            let body = try await response.body.collect(upTo: Self.answerLimitBytes)
            return (Int(response.status.code), Array(body.readableBytesView))
        }
    }

    private func configuration(_ tls: Poll.TLS) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let file = tls.caFile { configuration.trustRoots = .certificates(try certificates(file)) }
        if let file = tls.certFile { configuration.certificateChain = try certificates(file).map { .certificate($0) } }
        if let file = tls.keyFile {
            let bytes = try secrets.read(file)
            guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else { throw PollFault("\(file) holds no private key in PEM") }
            configuration.privateKey = .privateKey(key)
        }
        return configuration
    }

    private func certificates(_ file: String) throws(PollFault) -> [NIOSSLCertificate] {
        let bytes = try secrets.read(file)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else { throw PollFault("\(file) holds no certificate in PEM") }
        return certificates
    }
}
