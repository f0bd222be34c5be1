import Basics
package import Domain
import Dispatch
import State
import Synchronization

// On what does the loop run, and what time is it there?
//
// Everything the loop does, it does on one serial scheduler: real in the service, virtual in tests and replay. Work runs
// one piece at a time, in the order it was handed in; delayed work runs when its time has come, in order of time, then of
// handing in. Only schedulers know a clock.

package protocol LoopScheduler: Sendable {
    var now: LogTime { get }
    func perform(_ work: @escaping @Sendable () -> Void)
    /// Runs `work` at `time`, or soon where that has passed.
    func perform(at time: LogTime, _ work: @escaping @Sendable () -> Void) -> ScheduledWork
    /// The clock was set: what it makes due is run now.
    func clockStepped()
}

extension LoopScheduler {
    /// Virtual time isn't set by anyone.
    package func clockStepped() {}
}

/// Delayed work that may be called off.
package final class ScheduledWork: Sendable {
    private let isCancelled = Atomic<Bool>(false)

    package init() {}

    package func cancel() { isCancelled.store(true, ordering: .relaxed) }
    package var isLive: Bool { !isCancelled.load(ordering: .relaxed) }
}

/// Delayed work: by time, then by the order in which it was handed in.
private struct Entry: Sendable {
    var time: LogTime
    var order: UInt64
    var work: @Sendable () -> Void
    var handle: ScheduledWork
}

/// A serial queue and a clock. Timers measure, and the clock may be set: what is due is judged by the clock alone, when a timer
/// ends and when `clockStepped` says that the clock was set.
package final class RealScheduler: LoopScheduler {
    private struct State: Sendable {
        /// Sorted by time, then order. What was called off leaves when its time comes, or with the next sweep.
        var entries: [Entry] = []
        var order: UInt64 = 0
        /// Entries at the last sweep.
        var swept = 0
        /// When the timer rings; nil where it isn't set. What is called off doesn't unset it, and what comes before it sets it anew.
        var rings: LogTime?
    }

    private let queue = DispatchQueue(label: "greenroom.loop", qos: .userInitiated)
    private let clock: @Sendable () -> LogTime
    private let state = Mutex(State())
    private let timer: Timer

    /// Dispatch's own objects may be used from any thread.
    private struct Timer: @unchecked Sendable { let source: any DispatchSourceTimer }

    package init(clock: @escaping @Sendable () -> LogTime) {
        self.clock = clock
        timer = Timer(source: DispatchSource.makeTimerSource(queue: queue))
        timer.source.setEventHandler { [weak self] in self?.ring() }
        timer.source.resume()
    }

    deinit { timer.source.cancel() }

    package var now: LogTime { clock() }

    package func perform(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    package func perform(at time: LogTime, _ work: @escaping @Sendable () -> Void) -> ScheduledWork {
        let handle = ScheduledWork()
        state.withLock { state in
            state.order += 1
            sweep(&state)
            let index = Self.firstIndex(after: time, state.entries)
            state.entries.insert(Entry(time: time, order: state.order, work: work, handle: handle), at: index)
            if state.rings.map({ time < $0 }) ?? true { setTimer(&state) }
        }
        return handle
    }

    /// The clock was set: what is due by now is run, and timers are set anew.
    package func clockStepped() { queue.async { [weak self] in self?.ring() } }

    /// On the queue: runs what is due.
    private func ring() {
        let now = now
        let due = state.withLock { state in
            let end = Self.firstIndex(after: now, state.entries)
            defer {
                state.entries.removeFirst(end)
                setTimer(&state)
            }
            return Array(state.entries[..<end])
        }
        for entry in due where entry.handle.isLive { entry.work() }
    }

    private func setTimer(_ state: inout State) {
        let next = state.entries.first { $0.handle.isLive }?.time
        state.rings = next
        guard let next else { return timer.source.schedule(deadline: .distantFuture) }
        let delay = min(max(0, next.microseconds(since: now)), Self.longestDelayMicroseconds)
        timer.source.schedule(deadline: .now() + .microseconds(Int(delay)), leeway: .nanoseconds(0))
    }

    private static func firstIndex(after time: LogTime, _ entries: [Entry]) -> Int {
        entries.firstPlace { $0.time <= time }
    }

    /// Alarms are set and called off with nearly every commit: what was called off goes whenever their number has doubled.
    private func sweep(_ state: inout State) {
        guard state.entries.count > 2 * state.swept + 64 else { return }
        state.entries.removeAll { !$0.handle.isLive }
        state.swept = state.entries.count
    }

    /// A deadline further away is looked at again after this long.
    static let longestDelayMicroseconds: Int64 = 86_400_000_000
}

/// Time that moves only by a call; work runs inside that call.
package final class VirtualScheduler: LoopScheduler {
    private struct State: Sendable {
        var now: LogTime
        var order: UInt64 = 0
        /// Sorted by time, then order.
        var entries: [Entry] = []
    }

    private let state: Mutex<State>

    package init(now: LogTime) { state = Mutex(State(now: now)) }

    package var now: LogTime { state.withLock { $0.now } }

    package func perform(_ work: @escaping @Sendable () -> Void) { _ = perform(at: now, work) }

    package func perform(at time: LogTime, _ work: @escaping @Sendable () -> Void) -> ScheduledWork {
        let handle = ScheduledWork()
        state.withLock { state in
            state.order += 1
            let entry = Entry(time: max(time, state.now), order: state.order, work: work, handle: handle)
            let index = state.entries.firstIndex { $0.time > entry.time } ?? state.entries.endIndex
            state.entries.insert(entry, at: index)
        }
        return handle
    }

    /// Runs all that is due now; at most `limit` pieces, so that work which begets work ends.
    package func runUntilIdle(limit: Int = 100_000) {
        for _ in 0..<limit { guard runNext(upTo: now) else { return } }
        preconditionFailure("work begot work \(limit) times at one moment")
    }

    /// Moves time to `time`, stopping at each piece of delayed work on the way.
    package func advance(to time: LogTime) {
        runUntilIdle()
        while let next = state.withLock({ $0.entries.first?.time }), next <= time {
            state.withLock { $0.now = max($0.now, next) }
            runUntilIdle()
        }
        state.withLock { $0.now = max($0.now, time) }
    }

    package func advance(seconds: Double) { advance(to: now.adding(microseconds: Int64(seconds * 1e6))) }

    private func runNext(upTo time: LogTime) -> Bool {
        let entry = state.withLock { state -> Entry? in
            guard let first = state.entries.first, first.time <= time else { return nil }
            return state.entries.removeFirst()
        }
        guard let entry else { return false }
        if entry.handle.isLive { entry.work() }
        return true
    }
}
