// What waits for the writer, and how much may?
//
//   offer ──▶ waiting (bounded by events and by bytes) ──next──▶ one commit's worth
//
// Many threads offer, one takes. A batch that doesn't fit is refused at once, so memory stays bounded and the caller can
// say so. Taken batches still count until they are answered: what the disk hasn't accepted is waiting too. An empty queue
// accepts any batch, however large.

import Domain
import Synchronization

final class AppendQueue: Sendable {
    enum Work: Sendable {
        case commit([AppendRequest])
        /// Nothing came within the time asked for.
        case idle
        case closed
    }

    private struct State: Sendable {
        var waiting: [AppendRequest] = []
        var pendingEvents = 0
        var pendingBytes = 0
        var writerSleeps = false
        var isClosed = false
        /// There is something to do that no append brings.
        var isNudged = false
    }

    private let state = Mutex(State())
    private let wake = MeasuredSignal()
    private let limits: EventLog.Limits

    init(limits: EventLog.Limits) { self.limits = limits }

    var pendingEvents: Int { state.withLock { $0.pendingEvents } }

    /// Seconds after which a refused caller should come again: the queue holds less than a second of work.
    private static let retryAfterSeconds = 1

    func offer(_ request: AppendRequest) throws(AppendError) {
        let answer: (AppendError?, Bool) = state.withLock { state in
            if state.isClosed { return (.closed, false) }
            let fits =
                state.pendingEvents + request.events <= limits.pendingEvents && state.pendingBytes + request.bytes <= limits.pendingBytes
            guard fits || state.pendingEvents == 0 else { return (.overloaded(retryAfterSeconds: Self.retryAfterSeconds), false) }
            state.waiting.append(request)
            state.pendingEvents += request.events
            state.pendingBytes += request.bytes
            defer { state.writerSleeps = false }
            return (nil, state.writerSleeps)
        }
        if let error = answer.0 { throw error }
        if answer.1 { wake.signal() }
    }

    /// The requests of the next commit, waiting for them at most `microseconds`.
    func next(waitingAtMost microseconds: Int64) -> Work {
        while true {
            let found: Work? = state.withLock { state in
                if !state.waiting.isEmpty { return .commit(takeCommit(&state)) }
                if state.isClosed { return .closed }
                if state.isNudged {
                    state.isNudged = false
                    return .idle
                }
                state.writerSleeps = true
                return nil
            }
            if let found { return found }
            if !wake.wait(atMost: microseconds) {
                // A signal may have come in between: the next wait then returns at once, finds nothing, and waits again.
                state.withLock { $0.writerSleeps = false }
                return .idle
            }
        }
    }

    /// The requests of one more commit, if some wait.
    func takeWaiting() -> [AppendRequest]? { state.withLock { $0.waiting.isEmpty ? nil : takeCommit(&$0) } }

    /// Ends the wait of whoever takes: there is something to do besides.
    func nudge() {
        state.withLock { $0.isNudged = true }
        wake.signal()
    }

    private func takeCommit(_ state: inout State) -> [AppendRequest] {
        var events = 0
        var bytes = 0
        var count = 0
        for request in state.waiting {
            if count > 0, events + request.events > limits.commitEvents || bytes + request.bytes > limits.commitBytes { break }
            events += request.events
            bytes += request.bytes
            count += 1
        }
        if count == state.waiting.count {
            defer { state.waiting = [] }
            return state.waiting
        }
        let taken = Array(state.waiting[..<count])
        state.waiting.removeFirst(count)
        return taken
    }

    /// The requests are answered, well or badly: their room is free.
    func answered(_ requests: [AppendRequest]) {
        let events = requests.reduce(0) { $0 + $1.events }
        let bytes = requests.reduce(0) { $0 + $1.bytes }
        state.withLock { state in
            state.pendingEvents -= events
            state.pendingBytes -= bytes
        }
    }

    /// No more are taken; what waits is still handed out.
    func close() {
        state.withLock { $0.isClosed = true }
        wake.signal()
    }
}
