// How long is the next delay, if each is twice the one before?
//
// It grows up to a longest one and stays there. Without chance: whoever wants jitter adds it (`Backoff`).

extension Duration {
    /// This, doubled so many times; never beyond `longest`.
    package func doubled(_ times: Int, atMost longest: Duration) -> Duration {
        var delay = min(self, longest)
        var left = times
        while left > 0, (delay < longest) && (delay > .zero) {
            delay = min(delay * 2, longest)
            left -= 1
        }
        return delay
    }
}

package struct DoublingDelay: Hashable, Sendable {
    private let first: Duration
    private let longest: Duration
    private var doublings = 0

    package init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
    }

    /// The delay before the next attempt; the one after is twice as long.
    package mutating func next() -> Duration {
        let delay = first.doubled(doublings, atMost: longest)
        if delay < longest { doublings += 1 }
        return delay
    }

    package mutating func reset() { doublings = 0 }
}
