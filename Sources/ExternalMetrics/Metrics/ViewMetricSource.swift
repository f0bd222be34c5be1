package import Views
package import Domain
import Machine
import Synchronization

// How does the loop's state reach a request without the request waiting for the loop?
//
//     age ≤ refreshAfter   answered from the snapshot
//     age ≤ staleAfter     answered from the snapshot, and a newer one is asked for beside it
//     older, or none       the request waits for a newer one
//
// So a busy server reads from the loop four times a second, however many requests come. An idle one reads nothing. An HPA that
// comes every fifteen seconds gets the current state. At most one question to the loop is open at a time; who comes meanwhile waits
// for its answer.

package final class ViewMetricSource: MetricSource {
    package struct Freshness: Hashable, Sendable {
        package var refreshAfterMilliseconds: Int64 = 250
        package var staleAfterMilliseconds: Int64 = 1_000
        /// An outside metric that was observed longer ago has no value: HPA then holds instead of following a dead number.
        package var observedStaleAfterSeconds = 300

        package init() {}
    }

    private struct State {
        var snapshot: MetricSnapshot?
        var takenAtMicroseconds: Int64 = 0
        var refreshing: Task<MetricSnapshot, Never>?
    }

    private let readings: @Sendable () async -> MetricReadings
    private let freshness: Freshness
    private let now: @Sendable () -> LogTime
    private let uptimeMicroseconds: @Sendable () -> Int64
    private let state = Mutex(State())

    /// - Parameters:
    ///   - readings: asks the loop.
    ///   - now: the time that values are stamped with.
    ///   - uptimeMicroseconds: a clock that never goes back, by which snapshots age.
    package init(
        _ readings: @escaping @Sendable () async -> MetricReadings, freshness: Freshness = Freshness(),
        now: @escaping @Sendable () -> LogTime,
        uptimeMicroseconds: @escaping @Sendable () -> Int64 = MeasuringClock.microseconds
    ) {
        self.readings = readings
        self.freshness = freshness
        self.now = now
        self.uptimeMicroseconds = uptimeMicroseconds
    }

    package func latest() -> MetricSnapshot? { state.withLock { $0.snapshot } }

    package func ready() -> MetricSnapshot? {
        let time = uptimeMicroseconds()
        return state.withLock { state in
            guard let snapshot = state.snapshot else { return nil }
            let age = (time - state.takenAtMicroseconds) / 1_000
            if age <= freshness.refreshAfterMilliseconds { return snapshot }
            guard age <= freshness.staleAfterMilliseconds else { return nil }
            _ = refresh(&state)
            return snapshot
        }
    }

    package func fresh() async -> MetricSnapshot {
        if let snapshot = ready() { return snapshot }
        return await state.withLock { refresh(&$0) }.value
    }

    private func refresh(_ state: inout State) -> Task<MetricSnapshot, Never> {
        if let refreshing = state.refreshing { return refreshing }
        let task = Task { await self.take() }
        state.refreshing = task
        return task
    }

    private func take() async -> MetricSnapshot {
        // Before the question: its answer may be as old as that.
        let askedAt = uptimeMicroseconds()
        let readings = await readings()
        let snapshot = PoolMetrics.snapshot(readings, at: now(), staleAfterSeconds: freshness.observedStaleAfterSeconds)
        // The one before goes when the lock is free again: letting go of a thousand pools' series takes longer than a request may wait.
        let before = state.withLock { state in
            let before = state.snapshot
            state = State(snapshot: snapshot, takenAtMicroseconds: askedAt, refreshing: nil)
            return before
        }
        withExtendedLifetime(before) {}
        return snapshot
    }
}
