import AsyncHTTPClient
import Autoscaling
import Basics
import Domain
import Foundation
import HTTPCalls
import NIOCore
import NIOSSL

// What does the other server answer to one GET?
//
// Bounded in time and in size, without redirects (a token must not travel on), with the token and the certificates that the
// files hold at this moment. Where a rule says which addresses may be asked, the name is resolved here and its addresses are
// checked. The connection goes to one that passed: a name that leads elsewhere a moment later changes nothing.

struct PollClient: Sendable {
    private let client: HTTPClient
    private let secrets: SecretFolder

    static let answerLimitBytes = 4 << 20
    static let connectSeconds: Int64 = 5
    static let idleConnectionSeconds: Int64 = 90

    init(secrets: SecretFolder) {
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.clientConfiguration)
        self.secrets = secrets
    }

    static var clientConfiguration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(Self.connectSeconds)
        configuration.connectionPool.idleTimeout = .seconds(Self.idleConnectionSeconds)
        // A server that refuses is a failed look; the pace of looks is the poller's business.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.decompression = .disabled
        return configuration
    }

    func shutdown() async { try? await client.shutdown() }

    typealias Response = (status: Int, body: [UInt8])

    /// Status and body. `query` is written into the URL, each value escaped.
    func get(_ poll: Poll, path: String, query: [(name: String, value: String)], rule: AddressRule?) async throws -> Response {
        guard let rule else {
            let request = try request(poll, base: poll.source.address, path, query)
            return try await deadline(poll) { try await Self.fetch(client, request, poll) }
        }
        return try await fetch(poll, path, query, rule: rule) { $0 }
    }

    /// What `read` makes of the answer of one of the servers behind the name: of the first that isn't `PollFault.isOfOneServer`.
    func getFromAny<Value: Sendable>(
        _ poll: Poll, path: String, query: [(name: String, value: String)], rule: AddressRule?,
        read: @escaping @Sendable (Response) throws -> Value
    ) async throws -> Value {
        try await fetch(poll, path, query, rule: rule, read: read)
    }

    /// Times that a single address is asked on new connections: a Service leads to another server each time.
    private static let queriesOfOneAddress = 3

    private func fetch<Value: Sendable>(
        _ poll: Poll, _ path: String, _ query: [(name: String, value: String)], rule: AddressRule?,
        read: @escaping @Sendable (Response) throws -> Value
    ) async throws -> Value {
        guard let url = PollURL(poll.source.address) else {
            throw PollFault(
                "\(poll.source.address) names no host that can be asked, or has no port from \(PolicyLimits.ports.lowerBound) to \(PolicyLimits.ports.upperBound): correct the address in the policy"
            )
        }
        let request = try request(poll, base: url.text, path, query)
        return try await deadline(poll) {
            let addresses = try Self.permitted(try await HostAddresses.resolve(url.host), by: rule, url)
            let asked = addresses.count == 1 ? Array(repeating: addresses[0], count: Self.queriesOfOneAddress) : addresses
            for (index, address) in asked.enumerated() {
                do { return try read(try await Self.fetch(at: address, of: url, request, poll)) } catch {
                    let isLast = index == asked.count - 1
                    let mayDiffer = (error as? PollFault).map(\.isOfOneServer) ?? (addresses.count > 1)
                    guard mayDiffer, !isLast, !(error is CancellationError) else { throw error }
                }
            }
            throw PollFault("\(url.text) has no address")
        }
    }

    private static func permitted(_ addresses: [IPAddress], by rule: AddressRule?, _ url: PollURL) throws(PollFault) -> [IPAddress] {
        guard let rule else { return addresses }
        let permitted = addresses.filter { rule.refusal(of: $0) == nil }
        if permitted.isEmpty, let first = addresses.first {
            throw PollFault(
                "\(url.text) leads to \(first), \(rule.refusal(of: first) ?? ""), which a policy object may not poll; allow it under kubernetes.policyAddresses"
            )
        }
        return permitted
    }

    /// On a connection of its own to exactly this address; name and certificate stay those of the URL.
    private static func fetch(at address: IPAddress, of url: PollURL, _ request: HTTPClientRequest, _ poll: Poll) async throws -> Response {
        var configuration = clientConfiguration
        configuration.dnsOverride = [url.host: address.description]
        return try await once(configuration) { client in try await fetch(client, request, poll) }
    }

    /// On connections of its own, closed behind it.
    static func once<Value: Sendable>(
        _ configuration: HTTPClient.Configuration, _ body: (HTTPClient) async throws -> Value
    ) async throws -> Value {
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let response = try await body(client)
            try? await client.shutdown()
            return response
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private static func fetch(_ client: HTTPClient, _ request: HTTPClientRequest, _ poll: Poll) async throws -> Response {
        let response = try await client.execute(request, timeout: .seconds(Int64(poll.timeoutSeconds)))
        let body = try await response.body.collect(upTo: answerLimitBytes)
        return (Int(response.status.code), Array(body.readableBytesView))
    }

    private func deadline<Value: Sendable>(_ poll: Poll, _ fetch: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withDeadline(seconds: poll.timeoutSeconds, orThrow: { PollFault($0) }, fetch)
    }

    private func request(_ poll: Poll, base: String, _ path: String, _ query: [(name: String, value: String)]) throws -> HTTPClientRequest {
        var base = base[...]
        // Policies of older logs may name a port that none is; the client of HTTP doesn't outlive one.
        if let port = URLComponents(string: String(base))?.port, !PolicyLimits.ports.contains(port) {
            throw PollFault(
                "\(base) has no port from \(PolicyLimits.ports.lowerBound) to \(PolicyLimits.ports.upperBound): correct the address in the policy"
            )
        }
        while base.hasSuffix("/") { base.removeLast() }
        let parameters = query.map { "\($0.name)=\(PercentCoding.encode($0.value))" }.joined(separator: "&")
        var request = HTTPClientRequest(url: "\(base)\(path)?\(parameters)")
        request.headers.add(name: "accept", value: "application/json")
        request.headers.add(name: "user-agent", value: "greenroom")
        if let file = poll.bearerTokenFile { request.headers.add(name: "authorization", value: "Bearer \(try secrets.token(file))") }
        if let tls = poll.tls { request.tlsConfiguration = try configuration(tls) }
        return request
    }

    private func configuration(_ tls: Poll.TLS) throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let file = tls.caFile { configuration.trustRoots = .certificates(try certificates(file)) }
        if let file = tls.certFile { configuration.certificateChain = try certificates(file).map { .certificate($0) } }
        if let file = tls.keyFile {
            let bytes = try secrets.read(file)
            guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
                throw PollFault("\(file) holds no private key in PEM")
            }
            configuration.privateKey = .privateKey(key)
        }
        return configuration
    }

    private func certificates(_ file: String) throws(PollFault) -> [NIOSSLCertificate] {
        let bytes = try secrets.read(file)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw PollFault("\(file) holds no certificate in PEM")
        }
        return certificates
    }
}
