import Synchronization

// How does an answer get from the loop to a stream, however slow its reader?
//
// `offer` is called on the loop's scheduler with every answer and returns at once; `answers` yields each that differs from
// the one before. One answer waits at most: what a slow reader missed is replaced by what holds now.

final class LatestAnswer<Answer: Hashable & Sendable>: Sendable {
    let answers: AsyncStream<Answer>
    private let feed: AsyncStream<Answer>.Continuation
    private let last = Mutex<Answer?>(nil)

    init() { (answers, feed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func offer(_ answer: Answer) {
        let isNew = last.withLock { last in
            defer { last = answer }
            return last != answer
        }
        if isNew { feed.yield(answer) }
    }

    func finish() { feed.finish() }
}
