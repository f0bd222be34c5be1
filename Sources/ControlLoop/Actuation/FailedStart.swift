package import Domain

// How does whoever runs workers tell that one ended before it was ready, or doesn't become it?
//
// As an event of its pool, for the worker itself was never known: `scale.failed` with the worker's name under `start`. It counts until a worker of
// the pool becomes ready.

extension EventBatch {
    /// Of such a problem, at most.
    private static let problemCharacters = 1_000

    /// - Parameters:
    ///   - problem: how it ended, for instance `exited with status 2: no such file`, or why it isn't ready.
    ///   - hasEnded: whether it is gone already.
    ///   - attempt: starts in a row that came to nothing, with this one.
    package static func failedStart(
        of worker: String, in pool: String, problem: String, attempt: Int, hasEnded: Bool = true, source: String, id: String, time: LogTime?
    ) -> EventBatch {
        var batch = EventBatch()
        batch.appendFailedStart(
            of: worker, in: pool, problem: problem, attempt: attempt, hasEnded: hasEnded, source: source, id: id, time: time)
        return batch
    }

    /// The same, beside other events.
    package mutating func appendFailedStart(
        of worker: String, in pool: String, problem: String, attempt: Int, hasEnded: Bool = true, source: String, id: String,
        time: LogTime? = nil
    ) {
        var body = JSONWriter()
        body.openObject()
        body.member(
            "error", "worker \(worker) \(hasEnded ? "ended before it was ready" : "isn't ready"): \(problem.prefix(Self.problemCharacters))"
        )
        body.member("attempt", attempt)
        body.member("start", worker)
        body.closeObject()
        append(.scaleFailed, source: source, id: id, subject: pool, pool: pool, time: time, body: body.bytes)
    }
}
