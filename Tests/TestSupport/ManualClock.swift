import Synchronization

/// Time that moves only when a test says so. Sleepers wake in order of their moment.
package final class ManualClock: Sendable {
    private struct State {
        var now = Duration.zero
        var sleepers: [Int: (until: Duration, wake: CheckedContinuation<Void, any Error>)] = [:]
        var nextID = 0
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    package init() {}

    /// Time since it was made.
    package var now: Duration { state.withLock { $0.now } }
    /// How long those who wait still wait, shortest first.
    package var waits: [Duration] { state.withLock { state in state.sleepers.values.map { $0.until - state.now }.sorted() } }

    package func advance(_ duration: Duration) {
        let due = state.withLock { state in
            state.now += duration
            let due = state.sleepers.filter { $0.value.until <= state.now }.sorted { ($0.value.until, $0.key) < ($1.value.until, $1.key) }
            for sleeper in due { state.sleepers[sleeper.key] = nil }
            return due.map(\.value.wake)
        }
        for wake in due { wake.resume() }
    }

    package func sleep(_ duration: Duration) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    if state.cancelled.contains(id) { return true }
                    state.sleepers[id] = (state.now + duration, continuation)
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let wake = state.withLock { state in
                state.cancelled.insert(id)
                return state.sleepers.removeValue(forKey: id)?.wake
            }
            wake?.resume(throwing: CancellationError())
        }
    }
}
