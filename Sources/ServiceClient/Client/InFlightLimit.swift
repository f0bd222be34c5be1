import Synchronization

// May another request begin?
//
// First come, first served. When the line is full, the next one is refused at once. Who entered must leave.

final class InFlightLimit: Sendable {
    private enum Outcome { case entered, cancelled, full }

    private struct State {
        var running = 0
        var nextTicket = 0
        var line: [(ticket: Int, continuation: CheckedContinuation<Outcome, Never>)] = []
    }

    private let limit: Int
    private let waiting: Int
    private let state = Mutex(State())

    init(limit: Int, waiting: Int) {
        self.limit = limit
        self.waiting = waiting
    }

    /// How many stand in line now.
    var lineLength: Int { state.withLock { $0.line.count } }

    func enter() async throws(ClientError) {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { stand(ticket, $0) }
        } onCancel: {
            cancel(ticket)
        }
        switch outcome {
        case .entered: return
        case .cancelled: throw .cancelled
        case .full: throw .busy(limit: limit + waiting)
        }
    }

    private func stand(_ ticket: Int, _ continuation: CheckedContinuation<Outcome, Never>) {
        let outcome = state.withLock { state -> Outcome? in
            if Task.isCancelled { return .cancelled }
            if state.running < limit {
                state.running += 1
                return .entered
            }
            guard state.line.count < waiting else { return .full }
            state.line.append((ticket, continuation))
            return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
    }

    private func cancel(_ ticket: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
            guard let index = state.line.firstIndex(where: { $0.ticket == ticket }) else { return nil }
            return state.line.remove(at: index).continuation
        }
        waiter?.resume(returning: .cancelled)
    }

    func leave() {
        let next = state.withLock { state -> CheckedContinuation<Outcome, Never>? in
            guard !state.line.isEmpty else {
                state.running -= 1
                return nil
            }
            return state.line.removeFirst().continuation
        }
        next?.resume(returning: .entered)
    }
}
