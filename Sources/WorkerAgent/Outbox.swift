import Basics
import Domain
import Logging

// How does every report reach the log, in order and once?
//
// Reports leave in the order they were made, one request under way at a time, those that waited together in one batch. A
// batch is sent again until it is acknowledged; ids make that harmless. What the service refuses for ever is answered so to whoever
// made it, who decides what is said instead; the rest of its batch is sent without it. When one batch has been tried for too long, or
// the worker is not let in, the outbox closes, and every delivery from then on fails with the reason.

struct OutboxFault: Error, Hashable, Sendable {
    var problem: String
}

/// What became of a report.
enum Delivery: Hashable, Sendable {
    case logged(Acknowledgement)
    /// The service refuses it whoever sends it again, and says why. It isn't in the log.
    case refused(String)
}

actor Outbox {
    private struct Entry {
        var events: EventBatch
        var done: CheckedContinuation<Result<Delivery, OutboxFault>, Never>
    }

    private let link: any WorkerLink
    private let limits: WorkerConfiguration.Limits
    private let clock: WorkerClock
    private let logger: Logger
    private var queue: [Entry] = []
    private var isSending = false
    private var closed: OutboxFault?
    /// The last try failed, and there will be another: the service is away, as far as this worker can tell.
    private(set) var isTryingAgain = false

    init(link: any WorkerLink, limits: WorkerConfiguration.Limits, clock: WorkerClock, logger: Logger) {
        self.link = link
        self.limits = limits
        self.clock = clock
        self.logger = logger
    }

    /// Returns once `events` are durable, or were refused for ever.
    func deliver(_ events: EventBatch) async throws(OutboxFault) -> Delivery {
        if let closed { throw closed }
        guard queue.count < limits.queuedReports else { throw OutboxFault(problem: "\(queue.count) reports wait already") }
        let result = await withCheckedContinuation { done in
            queue.append(Entry(events: events, done: done))
            guard !isSending else { return }
            isSending = true
            Task { await sendQueued() }
        }
        return try result.get()
    }

    /// Fails what waits and all that comes.
    func close(_ problem: String) {
        let fault = closed ?? OutboxFault(problem: problem)
        closed = fault
        for entry in queue { entry.done.resume(returning: .failure(fault)) }
        queue = []
    }

    private func sendQueued() async {
        while !queue.isEmpty {
            let entries = Array(queue.prefix(limits.eventsPerSend))
            queue.removeFirst(entries.count)
            await send(entries)
        }
        isSending = false
    }

    private func send(_ entries: [Entry]) async {
        var batch = EventBatch()
        for entry in entries { batch.append(entry.events) }
        switch await sendUntilAnswered(batch) {
        case .success(let acknowledgement):
            for entry in entries { entry.done.resume(returning: .success(.logged(acknowledgement))) }
        case .failure(.refused(let problem)) where entries.count > 1:
            logger.debug("a batch was refused; sending its reports one by one", metadata: ["problem": "\(problem)"])
            for entry in entries { await send([entry]) }
        case .failure(.refused(let problem)):
            for entry in entries { entry.done.resume(returning: .success(.refused(problem))) }
        case .failure(let fault):
            for entry in entries { entry.done.resume(returning: .failure(closed ?? OutboxFault(problem: fault.problem))) }
            close(fault.problem)
        }
    }

    /// Tries until there is an answer that another try wouldn't change, or the tries' delays exceed their limit.
    private func sendUntilAnswered(_ batch: EventBatch) async -> Result<Acknowledgement, WorkerLinkFault> {
        var delay = DoublingDelay(first: limits.retryDelayMin, longest: limits.retryDelayMax)
        var waited = Duration.zero
        while true {
            do throws(WorkerLinkFault) {
                let acknowledgement = try await link.send(batch)
                isTryingAgain = false
                return .success(acknowledgement)
            } catch {
                isTryingAgain = false
                guard case .unavailable(let problem, let retryAfter) = error, closed == nil, waited < limits.reportLimit else {
                    return .failure(error)
                }
                let pause = max(delay.next(), min(.seconds(retryAfter ?? 0), limits.retryDelayMax))
                if waited == .zero { logger.warning("the service doesn't take reports; trying again", metadata: ["problem": "\(problem)"]) }
                isTryingAgain = true
                do { try await clock.sleep(pause) } catch { return .failure(.unavailable(problem)) }
                waited += pause
            }
        }
    }
}
