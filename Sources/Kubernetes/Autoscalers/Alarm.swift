import Synchronization
import Machine

// When is there something to do?
//
// Wakes one sleeper: at once, or at a time. Rings that nobody waited for are one ring; of two times the last one counts.

final class Alarm: Sendable {
    private let clock: MonotonicClock
    private let stream = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let timer = Mutex<Task<Void, Never>?>(nil)

    init(_ clock: MonotonicClock) { self.clock = clock }

    /// For one sleeper; ends when its task is cancelled.
    var rings: AsyncStream<Void> { stream.stream }

    func ring() { stream.continuation.yield() }

    func ring(at time: Duration) {
        let (clock, continuation) = (clock, stream.continuation)
        let pause = max(.zero, time - clock.now())
        set(
            Task {
                do { try await clock.sleep(pause) } catch { return }
                continuation.yield()
            })
    }

    /// Forgets the time.
    func cancel() { set(nil) }

    private func set(_ task: Task<Void, Never>?) {
        timer.withLock { timer in
            timer?.cancel()
            timer = task
        }
    }
}
