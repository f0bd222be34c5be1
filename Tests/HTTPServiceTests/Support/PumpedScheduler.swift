import ControlLoop
import Dispatch
import Domain

// Virtual time for code that waits: work runs on a queue of its own as soon as it is handed in, and time moves when a test says so.

final class PumpedScheduler: LoopScheduler {
    private let virtual: VirtualScheduler
    private let queue = DispatchQueue(label: "greenroom.tests.loop")

    init(now: LogTime = LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero) { virtual = VirtualScheduler(now: now) }

    var now: LogTime { virtual.now }

    func perform(_ work: @escaping @Sendable () -> Void) {
        virtual.perform(work)
        queue.async { [virtual] in virtual.runUntilIdle() }
    }

    func perform(at time: LogTime, _ work: @escaping @Sendable () -> Void) -> ScheduledWork {
        let handle = virtual.perform(at: time, work)
        queue.async { [virtual] in virtual.runUntilIdle() }
        return handle
    }

    /// Returns once all that is due by then has run.
    func advance(seconds: Double) { queue.sync { virtual.advance(seconds: seconds) } }
}
