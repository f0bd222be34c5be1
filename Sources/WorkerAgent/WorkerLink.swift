package import Domain

// What does a worker need of the service?
//
// Two things: events taken durably, and the placements made for it. `ServiceWorkerLink` is this over HTTP/2; tests bring a
// twin in memory. A link tries once and bounds each try in time; trying again is the worker's business.

package protocol WorkerLink: Sendable {
    /// Returns once all of `events` are durable; repeats are answered like the first time.
    func send(_ events: EventBatch) async throws(WorkerLinkFault) -> Acknowledgement
    /// Hands `take` the log's `actor.placed` and `worker.gone` lines for this worker after a position, as JSON, in order; what it has not
    /// taken is not read. The worker is named with its namespace. With `follow` it goes on with new ones; without, it ends with the log.
    /// Returns when `take` answers false or the service ends the answer. An empty line is a sign of life.
    /// - Parameters:
    ///   - after: nil is where the log ends now.
    ///   - opened: called once the service answers, before the first line.
    func readPlacements(
        of worker: String, after: Position?, follow: Bool, opened: @escaping @Sendable () async -> Void,
        _ take: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(WorkerLinkFault)
}

package struct Acknowledgement: Hashable, Sendable {
    /// Positions of the first and the last event of the batch.
    package var firstSeq: Position
    package var lastSeq: Position
    package init(firstSeq: Position, lastSeq: Position) { self.firstSeq = firstSeq; self.lastSeq = lastSeq }
}

package enum WorkerLinkFault: Error, Hashable, Sendable {
    /// No answer, or one that says to come again: worth another try.
    case unavailable(String, retryAfterSeconds: Int? = nil)
    /// The service refuses this request whoever sends it again; what it said.
    case refused(String)
    /// The service doesn't let this worker in: no token, or one without the right.
    case denied(String)

    package var problem: String {
        switch self {
        case .unavailable(let problem, _), .refused(let problem), .denied(let problem): problem
        }
    }
}
