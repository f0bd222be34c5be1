// How long is it since?
//
// Time for waiting and for deadlines, injected: real in the service, moved by hand in tests. It never goes back, and it
// counts while the machine sleeps, so that a lease that ran out meanwhile is seen to have run out.

public struct MonotonicClock: Sendable {
    /// Since some moment that stays the same.
    public var now: @Sendable () -> Duration
    public var sleep: @Sendable (Duration) async throws -> Void

    public init(now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }

    public static let real: MonotonicClock = {
        let origin = ContinuousClock.now
        return MonotonicClock(now: { ContinuousClock.now - origin }, sleep: { try await Task.sleep(for: $0, clock: .continuous) })
    }()
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }
}
