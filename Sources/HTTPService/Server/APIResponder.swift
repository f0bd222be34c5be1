import HTTPTransport
import HTTPTypes

// Who takes a request to the API, and what is refused before its body is there?
//
// One for each event loop. In this order: does the route exist, is it allowed on a reserve connection, does the request come from
// an allowed origin, may the token do that, does this instance lead, can the body be read.

final class APIResponder: Responder {
    private let shared: ServiceShared
    /// This loop's share.
    private let limits: ServerLimits
    private let intake: EventIntake
    private let event: EventIngest
    private let batch: EventIngest
    /// By the route's place in the table: those that answer at once.
    private let immediate: [ImmediateHandler?]

    /// What is remembered of one connection.
    private final class ConnectionMemory {
        var authorization = Authorizer.Memory()
        /// The authority that was last found to be one of ours.
        var trustedAuthority: String?
    }

    init(_ shared: ServiceShared, _ loop: TransportLoop) {
        self.shared = shared
        limits = shared.limits.share(ofLoops: loop.loopCount)
        intake = EventIntake(log: shared.parts.log, limits: limits, loop: loop)
        event = EventIngest(.event, intake: intake)
        batch = EventIngest(.batch, intake: intake)
        immediate = shared.router.routes.map { route in
            guard case .now(let response) = route.work else { return nil }
            return ImmediateHandler(response)
        }
    }

    func met(certificate: () -> [UInt8]?) -> AnyObject? { ConnectionMemory() }
    func dateChanged(_ date: String) { intake.dateChanged(date) }
    func closed() { intake.close() }

    // MARK: - Admission

    func admit(_ head: HTTPRequest, _ facts: HeadFacts, _ exchange: Exchange) throws(Response) -> Admission {
        do throws(Problem) { return try admitted(head, facts, exchange) } catch { throw error.response }
    }

    private func admitted(_ head: HTTPRequest, _ facts: HeadFacts, _ exchange: Exchange) throws(Problem) -> Admission {
        let route = try shared.router.route(head.method, head.path ?? "/")
        exchange.route = route.index
        if exchange.isReserve, !route.isHealth {
            throw Problem(
                .overloaded, "all \(limits.transport.connections) connections are taken: come again",
                retryAfterSeconds: limits.retryAfterSeconds)
        }
        let principal = try principal(facts, route, exchange)
        if let standingBy = shared.parts.standingBy, !route.isOperational {
            throw Problem(.unavailable, standingBy(), retryAfterSeconds: limits.retryAfterSeconds)
        }
        if let encoding = facts.contentEncoding, encoding != "identity" {
            throw Problem(
                .unsupportedMediaType, "content-encoding \(String(encoding.prefix(64))) is not taken: send the body as it is",
                field: "content-encoding")
        }
        switch route.work {
        case .ingest:
            let sender = principal.map { EventSender(name: $0.name, isWorker: !$0.roles.contains(.ingest)) }
            return try admitEvents(head, facts, sender)
        case .respond(let work):
            return .whole(RoutedRequestHandler(shared: shared, route: route, head: head, principal: principal, work: work))
        case .now(let response): return .whole(immediate[route.index] ?? ImmediateHandler(response))
        }
    }

    /// Who asks; nil where nobody has a name, or none is needed.
    private func principal(_ facts: HeadFacts, _ route: Route, _ exchange: Exchange) throws(Problem) -> Principal? {
        guard let memory = exchange.memory as? ConnectionMemory else { preconditionFailure("a connection this responder never met") }
        if let trust = shared.localTrust, route.role != nil { try trust.admit(facts, to: route, known: &memory.trustedAuthority) }
        if route.isMetrics, shared.openMetrics { return nil }
        return try shared.authorizer.admit(
            facts.authorization, for: route.role, workersToo: route.allowsWorkers, memory: &memory.authorization)
    }

    private func admitEvents(_ head: HTTPRequest, _ facts: HeadFacts, _ sender: EventSender?) throws(Problem) -> Admission {
        switch try IngestMode(contentType: facts.contentType, hasBinaryHeaders: BinaryAttributes.areIn(head.headerFields)) {
        case .event: return .whole(sender == nil ? event : EventIngest(.event, intake: intake, sender: sender))
        case .batch: return .whole(sender == nil ? batch : EventIngest(.batch, intake: intake, sender: sender))
        case .binary:
            let attributes = try BinaryAttributes.from(head.headerFields)
            return .whole(EventIngest(.binary, attributes: attributes, intake: intake, sender: sender))
        case .lines:
            let acknowledgesChunks = MediaType.accepts(facts.accept, "application/x-ndjson")
            return .parts(LineReceiver(limits: limits, acknowledgesChunks: acknowledgesChunks, intake: intake, sender: sender))
        }
    }

    // MARK: - What is refused, and what fails

    func response(to refusal: Refusal) -> Response { Problem(refusal).response }

    func response(to error: any Error, route: Int?) -> Response {
        if let problem = error as? Problem { return problem.response }
        let template = route.map { shared.router.routes[$0].template } ?? "none"
        shared.log.error("a request failed", metadata: ["route": "\(template)", "error": "\(error)"])
        return Problem(.internalError, "the request failed here; the server's log says why").response
    }

    func answered(route: Int?, status: Int, nanoseconds: Int64) { shared.metrics.answered(route, status: status, nanoseconds: nanoseconds) }
}
