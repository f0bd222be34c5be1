// How long is it since?
//
// Time for waiting and for deadlines, injected: real in the service, moved by hand in tests. It never goes back, and it
// counts while the machine sleeps, so that a lease that ran out meanwhile is seen to have run out.

package struct MonotonicClock: Sendable {
    /// Since some moment that stays the same.
    package var now: @Sendable () -> Duration
    package var sleep: @Sendable (Duration) async throws -> Void

    package init(now: @escaping @Sendable () -> Duration, sleep: @escaping @Sendable (Duration) async throws -> Void) {
        self.now = now
        self.sleep = sleep
    }

    package static let real: MonotonicClock = {
        let origin = ContinuousClock.now
        return MonotonicClock(now: { ContinuousClock.now - origin }, sleep: { try await Task.sleep(for: $0, clock: .continuous) })
    }()
}
