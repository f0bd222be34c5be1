public import Domain
import Dispatch
import Synchronization

// On what does the loop run, and what time is it there?
//
// Everything the loop does, it does on one serial scheduler: real in the service, virtual in tests and replay. Work runs
// one piece at a time, in the order it was handed in; delayed work runs when its time has come, in order of time, then of
// handing in. Only schedulers know a clock.

public protocol LoopScheduler: Sendable {
    var now: LogTime { get }
    func perform(_ work: @escaping @Sendable () -> Void)
    /// Runs `work` at `time`, or soon where that has passed.
    func perform(at time: LogTime, _ work: @escaping @Sendable () -> Void) -> ScheduledWork
}

/// Delayed work that may be called off.
public final class ScheduledWork: Sendable {
    private let isCancelled = Atomic<Bool>(false)

    public init() {}

    public func cancel() { isCancelled.store(true, ordering: .relaxed) }
    public var isLive: Bool { !isCancelled.load(ordering: .relaxed) }
}

/// A serial queue and the machine's clock.
public final class RealScheduler: LoopScheduler {
    private let queue = DispatchQueue(label: "greenroom.loop", qos: .userInitiated)
    private let clock: @Sendable () -> LogTime

    public init(clock: @escaping @Sendable () -> LogTime) { self.clock = clock }

    public var now: LogTime { clock() }

    public func perform(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    public func perform(at time: LogTime, _ work: @escaping @Sendable () -> Void) -> ScheduledWork {
        let handle = ScheduledWork()
        let delay = min(max(0, time.microseconds(since: now)), Self.longestDelayMicroseconds)
        queue.asyncAfter(deadline: .now() + .microseconds(Int(delay))) { if handle.isLive { work() } }
        return handle
    }

    /// A deadline further away is looked at again after this long.
    static let longestDelayMicroseconds: Int64 = 86_400_000_000
}

/// Time that stands still until it is told to move; work runs inside the call that moves it.
public final class VirtualScheduler: LoopScheduler {
    private struct Entry: Sendable {
        var time: LogTime
        var order: UInt64
        var work: @Sendable () -> Void
        var handle: ScheduledWork
    }

    private struct State: Sendable {
        var now: LogTime
        var order: UInt64 = 0
        /// Sorted by time, then order.
        var entries: [Entry] = []
    }

    private let state: Mutex<State>

    public init(now: LogTime) { state = Mutex(State(now: now)) }

    public var now: LogTime { state.withLock { $0.now } }

    public func perform(_ work: @escaping @Sendable () -> Void) { _ = perform(at: now, work) }

    public func perform(at time: LogTime, _ work: @escaping @Sendable () -> Void) -> ScheduledWork {
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
    public func runUntilIdle(limit: Int = 100_000) {
        for _ in 0..<limit { guard runNext(upTo: now) else { return } }
        preconditionFailure("work begot work \(limit) times at one moment")
    }

    /// Moves time to `time`, stopping at each piece of delayed work on the way.
    public func advance(to time: LogTime) {
        runUntilIdle()
        while let next = state.withLock({ $0.entries.first?.time }), next <= time {
            state.withLock { $0.now = max($0.now, next) }
            runUntilIdle()
        }
        state.withLock { $0.now = max($0.now, time) }
    }

    public func advance(seconds: Double) { advance(to: now.adding(microseconds: Int64(seconds * 1e6))) }

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
