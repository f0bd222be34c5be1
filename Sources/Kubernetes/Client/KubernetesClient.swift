package import Logging
package import Machine
import AsyncHTTPClient
import Domain
import HTTPCalls
import NIOCore
import NIOHTTP1
import NIOSSL

// How is one request put to the API server?
//
// Transport alone: TLS by the access given, the token, one answer within its limits, failures as `KubernetesError`. A 401
// reads the token file again and tries once more; 429 and 5xx with Retry-After are tried again a few times, as client-go does,
// because the server says that it did nothing. Everything else is the caller's to retry. Redirects are not followed: they
// would carry the token elsewhere. HTTP/1.1 throughout, so that a watch and its fate are one connection.

package struct KubernetesClientLimits: Sendable {
    /// An answer that isn't a watch.
    package var responseBytes = 64 * 1_048_576
    /// One line of a watch: one object. etcd holds at most 1.5 MiB an object.
    package var watchLineBytes = 8 * 1_048_576
    package var connectTimeout = Duration.seconds(10)
    /// Without a byte from the server, except on a watch.
    package var readTimeout = Duration.seconds(30)
    /// Attempts that follow a Retry-After.
    package var retryAfterAttempts = 3
    /// The longest Retry-After that is waited for inside a call.
    package var longestRetryAfter = Duration.seconds(30)
    /// What a list asks for at a time.
    package var pageItems = 500
    /// How long a watch is asked to last; the server ends it then, and it is resumed.
    package var watchTimeout = Duration.seconds(240)
    /// How much longer a watch may stay silent than it was asked to last, before its connection is given up.
    package var watchGrace = Duration.seconds(15)
    /// Watches at one time.
    package var watches = 1_024
    /// Connections for everything else.
    package var connections = 16
    package init() {}
}

package final class KubernetesClient: Sendable {
    package let access: ClusterAccess
    package let limits: KubernetesClientLimits
    package let clock: MonotonicClock
    let logger: Logger
    /// Asked before anything but a GET is sent: an instance that leads no more changes nothing.
    private let mayWrite: @Sendable () -> Bool
    private let tokens: TokenSource
    private let requests: HTTPClient
    private let watches: HTTPClient

    package init(
        _ access: ClusterAccess, limits: KubernetesClientLimits = KubernetesClientLimits(), clock: MonotonicClock = .real, logger: Logger,
        mayWrite: @escaping @Sendable () -> Bool = { true }
    ) throws(ClusterAccessFault) {
        self.access = access
        self.mayWrite = mayWrite
        self.limits = limits
        self.clock = clock
        self.logger = logger
        tokens = TokenSource(access.credential, clock: clock)
        let tls = try access.tlsConfiguration()
        requests = Self.makeClient(tls, limits, readTimeout: limits.readTimeout, connections: limits.connections)
        watches = Self.makeClient(tls, limits, readTimeout: limits.watchTimeout + limits.watchGrace, connections: limits.watches)
    }

    /// Ends what is under way and closes every connection. To be called once.
    package func close() async {
        try? await requests.shutdown()
        try? await watches.shutdown()
    }

    private static func makeClient(_ tls: TLSConfiguration, _ limits: KubernetesClientLimits, readTimeout: Duration, connections: Int)
        -> HTTPClient
    {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: TimeAmount(limits.connectTimeout), read: TimeAmount(readTimeout)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        // A server that is away is reported at once; waiting is the caller's, with its own backoff.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    // MARK: - Requests

    struct Request: Sendable {
        var method: HTTPMethod
        /// With its query.
        var path: String
        var body: JSONValue?
        var contentType = "application/json"

        /// As errors name it: without the query, which may be long.
        var operation: String { "\(method.rawValue) \(path.prefix { $0 != "?" })" }
    }

    /// The answer to `request`, or what went wrong.
    func send(_ request: Request) async throws(KubernetesError) -> JSONValue {
        var retries = 0
        while true {
            let (response, token) = try await begin(request, on: requests)
            let body = try await collect(response, request)
            if (200..<300).contains(response.status.code) {
                do throws(JSONFault) { return try JSONValue(parsing: body) } catch {
                    throw KubernetesError(request.operation, .malformed("\(error.problem) at byte \(error.offset)"))
                }
            }
            let failure = failure(response, body, request)
            guard retries < limits.retryAfterAttempts, let pause = pauseBeforeRetry(failure, token: token, isFirst: retries == 0) else {
                throw failure
            }
            retries += 1
            try await wait(pause, request)
        }
    }

    /// Opens a watch: its lines come as the server sends them.
    func stream(_ request: Request) async throws(KubernetesError) -> HTTPClientResponse.Body {
        var mayRetry = true
        while true {
            let (response, _) = try await begin(request, on: watches)
            if response.status == .ok { return response.body }
            let failure = failure(response, try await collect(response, request), request)
            guard mayRetry, failure.status?.code == 401, tokens.refused() else { throw failure }
            mayRetry = false
        }
    }

    private func begin(_ request: Request, on client: HTTPClient) async throws(KubernetesError) -> (HTTPClientResponse, token: String?) {
        var sent = HTTPClientRequest(url: access.server + request.path)
        sent.method = request.method
        sent.headers.add(name: "Accept", value: "application/json")
        sent.headers.add(name: "User-Agent", value: "greenroom")
        let token: String?
        do throws(ClusterAccessFault) { token = try tokens.token() } catch {
            throw KubernetesError(request.operation, .configuration(error.description))
        }
        if let token { sent.headers.add(name: "Authorization", value: "Bearer \(token)") }
        // Last of all, and before each attempt: what was waited for in between may have cost the lead.
        guard request.method == .GET || mayWrite() else {
            throw KubernetesError(request.operation, .unreachable("not sent: this instance no longer leads"))
        }
        if let body = request.body {
            sent.headers.add(name: "Content-Type", value: request.contentType)
            sent.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        do { return (try await client.execute(sent, deadline: .distantFuture), token) } catch { throw unreachable(request, error) }
    }

    private func collect(_ response: HTTPClientResponse, _ request: Request) async throws(KubernetesError) -> [UInt8] {
        do { return Array(buffer: try await response.body.collect(upTo: limits.responseBytes)) } catch is NIOTooManyBytesError {
            throw KubernetesError(request.operation, .tooLarge(what: "the answer", limitBytes: limits.responseBytes))
        } catch { throw unreachable(request, error) }
    }

    private func failure(_ response: HTTPClientResponse, _ body: [UInt8], _ request: Request) -> KubernetesError {
        let status = KubernetesError.Status(
            code: Int(response.status.code), body: body, retryAfter: response.headers.first(name: "Retry-After"))
        return KubernetesError(request.operation, .status(status))
    }

    /// nil where another attempt isn't this call's business.
    private func pauseBeforeRetry(_ failure: KubernetesError, token: String?, isFirst: Bool) -> Duration? {
        guard let status = failure.status else { return nil }
        if status.code == 401 { return isFirst && token != nil && tokens.refused() ? .zero : nil }
        guard status.code == 429 || status.code >= 500, let seconds = status.retryAfterSeconds else { return nil }
        let pause = Duration.seconds(seconds)
        return pause <= limits.longestRetryAfter ? pause : nil
    }

    private func wait(_ pause: Duration, _ request: Request) async throws(KubernetesError) {
        guard pause > .zero else { return }
        do { try await clock.sleep(pause) } catch { throw KubernetesError(request.operation, .unreachable("cancelled")) }
    }

    func unreachable(_ request: Request, _ error: any Error) -> KubernetesError {
        let problem = connectionProblem(
            error, handshake: "check the authority that is trusted, the name in the server's certificate, and whether it wants one of ours"
        ) {
            $0 is CancellationError ? "cancelled" : ($0 as? HTTPClientError)?.shortDescription ?? "\($0)"
        }
        return KubernetesError(request.operation, .unreachable("\(access.server): \(problem)"))
    }
}

extension ClusterAccess {
    func tlsConfiguration() throws(ClusterAccessFault) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        switch trust {
        case .system: break
        case .insecure: tls.certificateVerification = .none
        case .authorities(let pem):
            do { tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(pem)) } catch {
                throw ClusterAccessFault("certificate authority", "is not PEM certificates")
            }
        }
        guard let clientIdentity else { return tls }
        do {
            tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(clientIdentity.certificatePEM).map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(clientIdentity.keyPEM.value.utf8), format: .pem))
        } catch { throw ClusterAccessFault("client certificate", "certificate and key must be PEM, the key without a passphrase") }
        return tls
    }
}
