import HTTPTransport
import HTTPTypes
import NIOCore

// How is a question answered that is not on the hot path?
//
// By a task of its own: it may wait for the control loop, the disk, or a free worker. How many such tasks there are is
// limited by the gate of the question's kind; who finds it closed is answered at once.

final class QuestionHandler: RequestHandling {
    private let shared: ServiceShared
    private let route: Route
    private let head: HTTPRequest
    /// The name of the token it came with.
    private let principal: String?
    private let work: @Sendable (Question) async throws -> Answer

    init(
        shared: ServiceShared, route: Route, head: HTTPRequest, principal: String?,
        work: @escaping @Sendable (Question) async throws -> Answer
    ) {
        self.shared = shared
        self.route = route
        self.head = head
        self.principal = principal
        self.work = work
    }

    func respond(to exchange: Exchange, body: ByteBuffer?) {
        do throws(Problem) { try start(exchange, body) } catch { exchange.reject(error.answer) }
    }

    private func start(_ exchange: Exchange, _ body: ByteBuffer?) throws(Problem) {
        let target = RequestTarget(head.path ?? "/")
        let query = try Query(target.query, known: route.parameters)
        let path = try route.pathParameters(of: target)
        let gate = try enterGate(query, exchange)
        let bytes = body.map { Array($0.readableBytesView) } ?? []
        let question = Question(shared: shared, head: head, path: path, query: query, body: bytes, principal: principal)
        let work = work
        exchange.run(behind: gate, waits: gate.waits(in: shared), priority: route.isHealth ? .high : nil) { try await work(question) }
    }

    private func enterGate(_ query: Query, _ exchange: Exchange) throws(Problem) -> Gate {
        let (gate, what): (Gate, String) =
            switch route.room {
            case .health: (shared.healthQuestions, "health requests")
            case .questions: (shared.questions, "requests")
            case .placements: (shared.waitingPlacements, "waiting placements")
            case .events: try query.flag("follow") ? (shared.followStreams, "open event streams") : (shared.questions, "requests")
            }
        let retryAfterSeconds = shared.limits.retryAfterSeconds
        if exchange.loop.isDraining, gate.waits(in: shared) {
            throw Problem(.unavailable, "the server is stopping", retryAfterSeconds: retryAfterSeconds)
        }
        guard gate.enter() else {
            throw Problem(
                .overloaded, "\(gate.limit) \(what) are in flight, the limit: retry after \(retryAfterSeconds) s",
                retryAfterSeconds: retryAfterSeconds)
        }
        return gate
    }
}

extension Gate {
    /// Whether who came in by it waits for something that may never come.
    fileprivate func waits(in shared: ServiceShared) -> Bool { self === shared.waitingPlacements || self === shared.followStreams }
}

/// Answered on the event loop, before any queue and behind no limit.
final class ImmediateHandler: RequestHandling {
    private let answer: @Sendable () -> Answer
    init(_ answer: @escaping @Sendable () -> Answer) { self.answer = answer }
    func respond(to exchange: Exchange, body: ByteBuffer?) { exchange.answer(answer()) }
}
