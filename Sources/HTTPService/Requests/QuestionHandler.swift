import HTTPServing
import HTTPTypes
import NIOCore

// How is a question answered that is not on the hot path?
//
// By a task of its own: it may wait for the control loop, the disk, or a free worker. How many such tasks there are is
// limited by the gate of the question's kind; who finds it closed is answered at once. A place behind the gate belongs to the work
// and not to the client: where the client goes away the work is cancelled, and the place is free when the work has ended.

extension RequestHandler {
    func ask() {
        do throws(Problem) {
            try startAnswer()
        } catch {
            refuse(error)
        }
    }

    private func startAnswer() throws(Problem) {
        guard let route, let head, case .answer(let work) = route.work else { return }
        let target = RequestTarget(head.path ?? "/")
        let query = try Query(target.query, known: route.parameters)
        let path = try route.pathParameters(of: target)
        let gate = try enterGate(for: route, query)
        let question = Question(shared: state.shared, head: head, path: path, query: query, body: takeBody(), principal: principal?.name)
        let running = RunningAnswer(request: self, gate: gate, waits: gate === state.shared.waitingPlacements || gate === state.shared.followStreams)
        answer = running
        let writer = AnswerWriter(running, eventLoop: state.eventLoop, log: state.shared.log)
        running.task = Task(priority: route.isHealth ? .high : nil) { await writer.run(route) { try await work(question) } }
    }

    /// An answer that is there at once.
    func send(_ answer: Answer) {
        var bytes: ByteBuffer?
        if case .bytes(let body) = answer.body { bytes = ByteBuffer(bytes: body) }
        writeWhole(answer.status, answer.fields, bytes)
    }

    private func enterGate(for route: Route, _ query: Query) throws(Problem) -> Gate {
        let shared = state.shared
        let (gate, what): (Gate, String) =
            switch route.room {
            case .health: (shared.healthQuestions, "health requests")
            case .questions: (shared.questions, "requests")
            case .placements: (shared.waitingPlacements, "waiting placements")
            case .events: try query.flag("follow") ? (shared.followStreams, "open event streams") : (shared.questions, "requests")
            }
        if state.isDraining, gate === shared.followStreams || gate === shared.waitingPlacements { throw Problem(.unavailable, "the server is stopping", retryAfterSeconds: limits.retryAfterSeconds) }
        guard gate.enter() else {
            throw Problem(.overloaded, "\(gate.limit) \(what) are in flight, the limit: retry after \(limits.retryAfterSeconds) s", retryAfterSeconds: limits.retryAfterSeconds)
        }
        return gate
    }

    private func takeBody() -> [UInt8] {
        let bytes = body.map { Array($0.readableBytesView) } ?? []
        releaseBody()
        return bytes
    }

    func checkStream(_ now: NIODeadline) { answer?.check(now) }
}
