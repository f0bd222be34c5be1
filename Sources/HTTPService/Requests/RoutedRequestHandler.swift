import HTTPTransport
import HTTPTypes
import NIOCore

// How is a request handled that is not on the hot path?
//
// By a task of its own, because it may wait for the control loop, the disk, or a free worker. Each kind of request has a limit of such
// tasks. A request over the limit is refused at once.

final class RoutedRequestHandler: RequestHandling {
    private let shared: ServiceShared
    private let route: Route
    private let head: HTTPRequest
    /// Whose token it came with.
    private let principal: Principal?
    private let work: @Sendable (RoutedRequest) async throws -> Response

    init(
        shared: ServiceShared, route: Route, head: HTTPRequest, principal: Principal?,
        work: @escaping @Sendable (RoutedRequest) async throws -> Response
    ) {
        self.shared = shared
        self.route = route
        self.head = head
        self.principal = principal
        self.work = work
    }

    func respond(to exchange: Exchange, body: ByteBuffer?) {
        do throws(Problem) { try start(exchange, body) } catch { exchange.reject(error.response) }
    }

    private func start(_ exchange: Exchange, _ body: ByteBuffer?) throws(Problem) {
        let target = RequestTarget(head.path ?? "/")
        let query = route.leavesQuery ? Query() : try Query(target.query, known: route.parameters)
        let path = try route.pathParameters(of: target)
        let limit = try enterLimit(query, exchange)
        let bytes = body.map { Array($0.readableBytesView) } ?? []
        let isOfWorker = principal.map { principal in route.role.map { !principal.roles.contains($0) } ?? false } ?? false
        let request = RoutedRequest(
            shared: shared, head: head, path: path, query: query, body: bytes, principal: principal?.name, isOfWorker: isOfWorker,
            mayBeWorkers: principal.map { $0.roles.contains(.worker) || $0.roles.contains(.ingest) } ?? true)
        let work = work
        let position = try FoldedPosition.wanted(by: head, query, route)
        exchange.run(under: limit, waits: limit.waits(in: shared), priority: route.isHealth ? .high : nil) {
            if let position { try await FoldedPosition.wait(for: position, request.parts.plane) }
            return try await work(request)
        }
    }

    private func enterLimit(_ query: Query, _ exchange: Exchange) throws(Problem) -> SharedLimit {
        let (limit, what): (SharedLimit, String) =
            switch route.limit {
            case .health: (shared.healthRequests, "health requests")
            case .requests: (shared.requests, "requests")
            case .placements: (shared.waitingPlacements, "waiting placements")
            case .watches: (shared.watches, "watches")
            case .events: try query.flag("follow") ? (shared.followStreams, "open event streams") : (shared.requests, "requests")
            }
        let retryAfterSeconds = shared.limits.retryAfterSeconds
        if exchange.loop.isDraining, limit.waits(in: shared) {
            throw Problem(.unavailable, "the server is stopping", retryAfterSeconds: retryAfterSeconds)
        }
        guard limit.enter() else {
            throw Problem(
                .overloaded, "\(limit.limit) \(what) are in flight, the limit: retry after \(retryAfterSeconds) s",
                retryAfterSeconds: retryAfterSeconds)
        }
        return limit
    }
}

extension SharedLimit {
    /// Whether who came in by it waits for something that may never come.
    fileprivate func waits(in shared: ServiceShared) -> Bool {
        self === shared.waitingPlacements || self === shared.followStreams || self === shared.watches
    }
}

/// Answered on the event loop, before any queue and behind no limit.
final class ImmediateHandler: RequestHandling {
    private let response: @Sendable () -> Response
    init(_ response: @escaping @Sendable () -> Response) { self.response = response }
    func respond(to exchange: Exchange, body: ByteBuffer?) { exchange.respond(response()) }
}
