// What time is it in the log, whatever the machine's clock does?
//
// Two clocks are read together: the wall clock, which people and other machines set, and one that only measures. Log time is the
// wall clock's. Where that stands before the log's last commit, log time goes on from there by the measuring clock, a little slower
// than it, until the wall clock has caught up: never back, never frozen. A wall clock that moved by more than the other did has
// stepped. That is reported once.

package import Domain
import Synchronization
import Machine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

final class LogClock: Sendable {
    /// A wall clock that gains or loses this much on the measuring clock, between two readings, was set.
    static let stepMicroseconds: Int64 = 500_000
    /// Log time that runs ahead loses one part in so many: an hour is made up in less than three days, and a cooldown of 300 s
    /// takes 305.
    static let slowdown: Int64 = 64
    /// Two readings further apart than this aren't of one moment.
    private static let readingMicroseconds: Int64 = 50_000

    private struct Reading {
        var wall: LogTime
        var measured: Int64
        /// The thread was held up in between: no step follows from it.
        var isLoose = false
    }

    private struct State: Sendable {
        /// The last commit's time, and when it was, measured.
        var last: LogTime
        var lastMeasured: Int64
        var isAhead = false
        /// The last reading that was looked at for a step.
        var seenWall: LogTime
        var seenMeasured: Int64
        var step: Int64?
    }

    private let wall: @Sendable () -> LogTime
    private let measure: (@Sendable () -> Int64)?
    private let state: Mutex<State>

    /// - Parameter measure: nil where time is made up by whoever set the clock: then nothing runs but that clock, and log time
    ///   stands where it stood until it has caught up.
    init(wall: @escaping @Sendable () -> LogTime, measure: (@Sendable () -> Int64)?, head: Head) {
        self.wall = wall
        self.measure = measure
        let measured = measure?() ?? 0
        state = Mutex(State(last: head.at, lastMeasured: measured, seenWall: wall(), seenMeasured: measured))
    }

    /// The time of a commit that is made now.
    func commitTime() -> LogTime {
        let reading = read()
        return state.withLock { state in
            watch(reading, &state)
            let time = time(reading, state)
            state.isAhead = time > reading.wall
            state.last = time
            state.lastMeasured = reading.measured
            return time
        }
    }

    /// Another instance has committed at `time`: this one's commits aren't earlier.
    func follow(_ time: LogTime) {
        let reading = read()
        state.withLock { state in
            guard time > state.last else { return }
            state.isAhead = time > reading.wall
            (state.last, state.lastMeasured) = (time, reading.measured)
        }
    }

    /// What a commit would be given now.
    var now: LogTime {
        let reading = read()
        return state.withLock { time(reading, $0) }
    }

    /// How far log time runs ahead of the wall clock; 0 where it doesn't.
    var aheadMicroseconds: Int64 {
        let reading = read()
        return max(0, state.withLock { time(reading, $0) }.microseconds(since: reading.wall))
    }

    /// Looks at both clocks, and answers by how much the wall clock has stepped since this was asked last; nil where it hasn't.
    func takeStep() -> Int64? {
        let reading = read()
        return state.withLock { state in
            watch(reading, &state)
            defer { state.step = nil }
            return state.step
        }
    }

    /// A step was seen that `takeStep` hasn't answered yet.
    var hasStep: Bool { state.withLock { $0.step != nil } }

    // MARK: - Parts

    private func time(_ reading: Reading, _ state: State) -> LogTime {
        guard measure != nil else { return max(reading.wall, state.last) }
        if !state.isAhead, reading.wall >= state.last { return reading.wall }
        let passed = max(0, reading.measured - state.lastMeasured)
        return max(reading.wall, state.last.adding(microseconds: passed - passed / Self.slowdown))
    }

    private func watch(_ reading: Reading, _ state: inout State) {
        guard measure != nil, !reading.isLoose else { return }
        let difference = reading.wall.microseconds(since: state.seenWall) &- (reading.measured - state.seenMeasured)
        state.seenWall = reading.wall
        state.seenMeasured = reading.measured
        guard difference.magnitude >= UInt64(Self.stepMicroseconds) else { return }
        state.step = (state.step ?? 0) &+ difference
    }

    private func read() -> Reading {
        guard let measure else { return Reading(wall: wall(), measured: 0) }
        var reading = Reading(wall: .zero, measured: 0)
        for _ in 0..<3 {
            let before = measure()
            let wall = wall()
            let after = measure()
            reading = Reading(wall: wall, measured: after, isLoose: after - before > Self.readingMicroseconds)
            if !reading.isLoose { break }
        }
        return reading
    }
}

extension EventLog {
    /// The machine's wall clock.
    package static let systemClock: @Sendable () -> LogTime = { LogTime(microseconds: WallClock.microseconds()) }

    /// The machine's clock that nobody sets; it stands still while the machine sleeps. In microseconds from no matter when.
    package static let measuringClock: @Sendable () -> Int64 = { MeasuringClock.microseconds() }

    /// What time it is in the log: what a commit would be given now. Deadlines that come out of the log are held against it.
    package var now: LogTime { clock.now }

    /// Seconds by which log time runs ahead of the machine's clock, because that was set back; 0 where it doesn't.
    package var secondsAhead: Double { Double(clock.aheadMicroseconds) / 1e6 }
}
