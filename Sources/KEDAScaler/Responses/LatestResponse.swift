import Synchronization

// How does an answer get from the loop to a stream, however slow its reader?
//
// `offer` is called on the loop's scheduler with every answer and returns at once; `answers` yields each that differs from
// the one before. One answer waits at most: what a slow reader missed is replaced by what holds now.

final class LatestResponse<Response: Hashable & Sendable>: Sendable {
    let answers: AsyncStream<Response>
    private let feed: AsyncStream<Response>.Continuation
    private let last = Mutex<Response?>(nil)

    init() { (answers, feed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func offer(_ response: Response) {
        let isNew = last.withLock { last in
            defer { last = response }
            return last != response
        }
        if isNew { feed.yield(response) }
    }

    func finish() { feed.finish() }
}
