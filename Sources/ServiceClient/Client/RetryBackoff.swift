import Basics

// How long to wait before the next try?
//
// Doubling, and half of it random, so that a thousand workers that lost the same server don't come back in the same instant.

struct RetryBackoff {
    private let firstSeconds: Double
    private let lastSeconds: Double
    private(set) var tries = 0

    init(_ limits: ClientLimits) {
        firstSeconds = limits.backoffFirstSeconds
        lastSeconds = limits.backoffLastSeconds
    }

    /// - Parameter atLeast: what the server asked for; taken up to a minute.
    mutating func nextSeconds(atLeast seconds: Int? = nil, random: Double = .random(in: 0...1)) -> Double {
        let doubled = Duration.seconds(firstSeconds).doubled(tries, atMost: .seconds(lastSeconds)).inSeconds
        tries += 1
        let wait = doubled * (0.5 + random / 2)
        return max(wait, min(Double(seconds ?? 0), 60))
    }

    mutating func reset() { tries = 0 }
}
