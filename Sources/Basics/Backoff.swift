// How long to wait before the next attempt?
//
// The delay doubles from `first` to `longest`. The wait is random between the delay and twice the delay, as in client-go's
// reflectors. So a thousand clients of a server that came back don't return at once. The generator is seeded: tests see the same.

package struct Backoff: Sendable {
    private var delay: DoublingDelay
    private var random: SplitMix64

    package init(first: Duration, longest: Duration, seed: UInt64) {
        delay = DoublingDelay(first: first, longest: longest)
        random = SplitMix64(seed: seed)
    }

    /// - Parameter atLeast: what the server asked for (Retry-After); jitter is added to it too.
    package mutating func next(atLeast: Duration = .zero) -> Duration {
        let base = max(delay.next(), atLeast)
        return base + base * (Double(random.next() >> 11) * 0x1p-53)
    }

    package mutating func reset() { delay.reset() }
}
