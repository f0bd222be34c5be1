import Basics

// When does a poller ask again?
//
// Every interval, spread a little so that many pollers don't ask in step. A server that fails is asked at the same pace
// until the policy's fallback has had its failures, then ever more seldom: with 3 failures allowed and 15 s, after
// 15, 15, 15, 30, 60, 60 … s. One good answer ends that.

struct PollPace: Sendable {
    let interval: Duration
    /// Failures in a row at the usual pace.
    let patience: Int
    private(set) var failures = 0

    static let longest = Duration.seconds(60)
    /// Of the delay, at most, in either direction.
    static let spread = 0.1
    private static let doublings = 10

    init(intervalSeconds: Int, patience: Int) {
        interval = .seconds(intervalSeconds)
        self.patience = patience
    }

    mutating func note(failed: Bool) { failures = failed ? min(failures + 1, patience + Self.doublings) : 0 }

    /// `chance` is evenly distributed over 0..<1.
    func delay(chance: Double) -> Duration {
        let doublings = min(max(failures - patience, 0), Self.doublings)
        let plain = interval.doubled(doublings, atMost: max(interval, Self.longest))
        return plain * (1 - Self.spread + 2 * Self.spread * chance)
    }
}
