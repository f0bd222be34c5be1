import HTTPTransport
import HTTPTypes
import Logging
import NIOCore

// Who takes a request for metrics?
//
// Nothing is refused before the request is here as a whole: who asks may have to be asked of the cluster, and that is worth doing
// only for a whole request. Once the handshake is done it is known, for all of the connection's requests, whether a front proxy
// sends them. Bodies are read past: nothing here takes one.

/// What the responders of all event loops have in common.
struct MetricsShared: Sendable {
    let api: MetricsAPI
    /// Requests that wait for a review or for the loop.
    let waitingRequests: SharedLimit
    let metrics: RequestMetrics
    let log: Logger
}

final class MetricsResponder: Responder {
    private let shared: MetricsShared
    private let proxied = FromProxy(true)
    private let direct = FromProxy(false)

    /// What is remembered of a connection.
    private final class FromProxy {
        let isProxy: Bool
        init(_ isProxy: Bool) { self.isProxy = isProxy }
    }

    init(_ shared: MetricsShared) { self.shared = shared }

    func met(certificate: () -> [UInt8]?) -> AnyObject? {
        guard let der = certificate() else { return direct }
        return shared.api.access.trusts(certificate: der) ? proxied : direct
    }

    func admit(_ head: HTTPRequest, _ facts: HeadFacts, _ exchange: Exchange) throws(Response) -> Admission {
        .bodiless(MetricsRequest(head, fromProxy: (exchange.memory as? FromProxy)?.isProxy ?? false, shared))
    }

    func response(to refusal: Refusal) -> Response { StatusResponse(refusal).response }

    func response(to error: any Error, route: Int?) -> Response {
        shared.log.error("a request failed", metadata: ["error": "\(error)"])
        return StatusResponse(.serviceUnavailable, "the request failed here; the server's log says why", retryAfterSeconds: 1).response
    }

    func answered(route: Int?, status: Int, nanoseconds: Int64) { shared.metrics.answered(status: status, nanoseconds: nanoseconds) }
    func dateChanged(_ date: String) {}
    func closed() {}
}

/// One request, answered at once where memory and a fresh snapshot suffice.
private final class MetricsRequest: RequestHandling {
    private let head: HTTPRequest
    private let isProxy: Bool
    private let shared: MetricsShared

    init(_ head: HTTPRequest, fromProxy isProxy: Bool, _ shared: MetricsShared) {
        self.head = head
        self.isProxy = isProxy
        self.shared = shared
    }

    func respond(to exchange: Exchange, body: ByteBuffer?) {
        switch shared.api.respond(to: head, fromProxy: isProxy) {
        case .now(let response): exchange.respond(response)
        case .later(let work):
            guard shared.waitingRequests.enter() else {
                return exchange.reject(
                    StatusResponse(.tooManyRequests, "too many requests wait already: try again", retryAfterSeconds: 1).response)
            }
            exchange.run(under: shared.waitingRequests) { await work() }
        }
    }
}
