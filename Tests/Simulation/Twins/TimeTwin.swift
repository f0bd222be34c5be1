import State
package import ControlLoop
package import Domain
import Synchronization

// What time is it in a simulated machine, and what happens next?
//
// Two clocks, as a machine has them: one that measures, which only moves when it is told to, and the wall clock, which
// anybody may set. The service's deadlines are judged by log time, those of the twins around it by the measuring clock.
// Always: work runs one piece at a time, on the caller's thread, in an order that follows from the calls alone.

package final class TimeTwin: LoopScheduler {
    private struct Entry: Sendable {
        /// Microseconds: of the measuring clock for a twin's work, of log time for the service's.
        var time: Int64
        var order: UInt64
        var work: @Sendable () -> Void
        var handle: ScheduledWork
    }

    private struct State: Sendable {
        var passed: Int64 = 0
        var offset: Int64 = 0
        var order: UInt64 = 0
        var ready: [@Sendable () -> Void] = []
        /// Steps of the process's tasks: they come before its other work.
        var jobs: [@Sendable () -> Void] = []
        /// Both sorted by time, then order.
        var service: [Entry] = []
        var twins: [Entry] = []
        var logTime: (@Sendable () -> LogTime)?
        /// The process stands still: its work waits.
        var isHalted = false
    }

    private let state = Mutex(State())
    private let start: LogTime
    /// Pieces of work at one moment: more is a service that keeps itself busy.
    private static let piecesAtOnce = 50_000

    package init(start: LogTime) { self.start = start }

    // MARK: - Clocks

    /// Microseconds since the machine was switched on.
    package var passed: Int64 { state.withLock { $0.passed } }
    package var wall: LogTime { state.withLock { start.adding(microseconds: $0.passed &+ $0.offset) } }
    /// The wall clock is set.
    package func set(byMicroseconds step: Int64) { state.withLock { $0.offset += step } }

    /// The service's time, once there is a log.
    package func follow(_ logTime: @escaping @Sendable () -> LogTime) { state.withLock { $0.logTime = logTime } }

    package var now: LogTime {
        let logTime = state.withLock { $0.logTime }
        return logTime?() ?? wall
    }

    // MARK: - Work

    package func perform(_ work: @escaping @Sendable () -> Void) { state.withLock { $0.ready.append(work) } }

    package func performJob(_ work: @escaping @Sendable () -> Void) { state.withLock { $0.jobs.append(work) } }

    /// Runs tasks to their ends, and what they ask for, of a process that is gone.
    /// - Parameter between: before each round.
    package func finishJobs(_ between: () -> Void) {
        for _ in 0..<Self.piecesAtOnce {
            between()
            let next = state.withLock { state -> (@Sendable () -> Void)? in
                if !state.jobs.isEmpty { return state.jobs.removeFirst() }
                return state.ready.isEmpty ? nil : state.ready.removeFirst()
            }
            guard let next else { return }
            next()
        }
    }

    package func perform(at time: LogTime, _ work: @escaping @Sendable () -> Void) -> ScheduledWork {
        let handle = ScheduledWork()
        state.withLock { state in
            state.order += 1
            Self.insert(Entry(time: time.microseconds, order: state.order, work: work, handle: handle), into: &state.service)
        }
        return handle
    }

    /// Work of the world around the service.
    package func after(microseconds delay: Int64, _ work: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.order += 1
            Self.insert(
                Entry(time: state.passed + max(0, delay), order: state.order, work: work, handle: ScheduledWork()), into: &state.twins)
        }
    }

    private static func insert(_ entry: Entry, into entries: inout [Entry]) {
        let index = entries.lastIndex { $0.time <= entry.time }.map { $0 + 1 } ?? 0
        entries.insert(entry, at: index)
    }

    /// The service's process stands still, or goes on: what came due meanwhile is done at once.
    package func halt(_ isHalted: Bool) { state.withLock { $0.isHalted = isHalted } }
    package var isHalted: Bool { state.withLock { $0.isHalted } }

    /// The process is gone, and all that it had in mind.
    package func dropServiceWork() {
        state.withLock { state in
            state.isHalted = false
            state.ready = []
            state.service = []
        }
    }

    /// Nothing happens any more.
    package func end() {
        state.withLock { state in
            state.ready = []
            state.jobs = []
            state.service = []
            state.twins = []
            state.logTime = nil
        }
    }

    /// Work of the service that waits for its time.
    package var serviceWork: Int { state.withLock { state in state.service.count { $0.handle.isLive } } }

    // MARK: - Passing

    /// Runs what is due now. False where work begets work without end.
    package func settle() -> Bool {
        var pieces = 0
        while let work = nextDue() {
            work()
            pieces += 1
            if pieces >= Self.piecesAtOnce { return false }
        }
        return true
    }

    /// Lets time pass, stopping wherever something is due.
    package func pass(to target: Int64) -> Bool {
        while true {
            guard settle() else { return false }
            let now = now.microseconds
            let isThere = state.withLock { state -> Bool in
                state.service.removeAll { !$0.handle.isLive }
                var next = state.twins.first?.time ?? .max
                // Log time may run a little slower than the measuring clock: then it is looked at once more.
                if !state.isHalted, let deadline = state.service.first?.time { next = min(next, state.passed + max(1, deadline &- now)) }
                guard next <= target else {
                    state.passed = max(state.passed, target)
                    return true
                }
                state.passed = max(state.passed, next)
                return false
            }
            if isThere { return settle() }
        }
    }

    private func nextDue() -> (@Sendable () -> Void)? {
        let now = now.microseconds
        return state.withLock { state in
            if !state.isHalted, !state.jobs.isEmpty { return state.jobs.removeFirst() }
            if !state.isHalted, !state.ready.isEmpty { return state.ready.removeFirst() }
            if let first = state.twins.first, first.time <= state.passed { return state.twins.removeFirst().work }
            while !state.isHalted, let first = state.service.first, first.time <= now {
                state.service.removeFirst()
                if first.handle.isLive { return first.work }
            }
            return nil
        }
    }
}
