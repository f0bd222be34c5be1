import Basics
import Domain
import EventLog
import Synchronization
import Testing

@testable import EventLog

/// Both of a machine's clocks, moved by hand.
final class HandClocks: Sendable {
    private let state: Mutex<(wall: LogTime, measured: Int64)>

    init(_ wall: LogTime = noon) { state = Mutex((wall, 5_000_000)) }

    /// Time passes.
    func pass(seconds: Double) {
        state.withLock { state in
            state.wall = state.wall.adding(microseconds: Int64(seconds * 1e6))
            state.measured += Int64(seconds * 1e6)
        }
    }

    /// Somebody sets the wall clock.
    func set(by seconds: Double) { state.withLock { $0.wall = $0.wall.adding(microseconds: Int64(seconds * 1e6)) } }

    var wall: LogTime { state.withLock { $0.wall } }
    var readWall: @Sendable () -> LogTime { { self.state.withLock { $0.wall } } }
    var measure: @Sendable () -> Int64 { { self.state.withLock { $0.measured } } }

    func configuration(_ path: String, writer: EventLog.Configuration.Writer = .inline) -> EventLog.Configuration {
        var configuration = EventLog.Configuration.test(path, writer: writer, clock: readWall)
        configuration.measuringClock = measure
        configuration.limits.tendMicroseconds = 1_000
        return configuration
    }
}

@Suite("The log's clock")
struct LogClockTests {
    let clocks = HandClocks()

    private func clock(head: LogTime = noon) -> LogClock {
        LogClock(wall: clocks.readWall, measure: clocks.measure, head: Head(seq: 1, at: head))
    }

    @Test("after a spike of an hour it goes on from there, a little slower than time passes, until the clock has caught up")
    func spike() {
        let clock = clock()
        #expect(clock.commitTime() == noon)
        clocks.set(by: 3_600)
        clocks.pass(seconds: 0.5)
        let spike = clock.commitTime()
        #expect(spike == noon.adding(microseconds: 3_600_500_000))
        clocks.set(by: -3_600)
        clocks.pass(seconds: 64)
        #expect(clock.now == spike.adding(microseconds: 63_000_000))
        #expect(clock.commitTime() == spike.adding(microseconds: 63_000_000))
        // Commits as often as one likes: the pace is the same.
        for _ in 0..<640 {
            clocks.pass(seconds: 0.1)
            _ = clock.commitTime()
        }
        #expect(abs(clock.now.microseconds(since: spike) - 126_000_000) < 700)
        #expect(abs(clock.aheadMicroseconds - 3_598_000_000) < 700)
        clocks.pass(seconds: 3_599 * 64)
        #expect(clock.commitTime() == clocks.wall)
        #expect(clock.aheadMicroseconds == 0)
        clocks.pass(seconds: 1)
        #expect(clock.commitTime() == clocks.wall)
    }

    @Test("a restart goes on from the log's last time, never back and never frozen")
    func restart() {
        let clock = clock(head: noon.adding(seconds: 7_200))
        let first = clock.commitTime()
        #expect(first == noon.adding(seconds: 7_200))
        clocks.pass(seconds: 64)
        #expect(clock.commitTime() == first.adding(seconds: 63))
    }

    @Test(
        "whatever is done to the clock, time never goes back, and never stands still while time passes",
        arguments: [1, 2, 3, 4] as [UInt64])
    func neverBack(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let clock = clock()
        var last = clock.commitTime()
        for _ in 0..<2_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: clocks.set(by: Double.random(in: -5_000...5_000, using: &random))
            case 1: clocks.set(by: Double.random(in: -0.2...0.2, using: &random))
            default: break
            }
            let passed = Double.random(in: 0...3, using: &random)
            clocks.pass(seconds: passed)
            let peeked = clock.now
            let now = clock.commitTime()
            #expect(now == peeked)
            #expect(now >= last)
            // It is the machine's clock, or it is ahead of it and moves with what passes.
            #expect(now >= clocks.wall)
            if now > clocks.wall { #expect(Double(now.microseconds(since: last)) >= passed * 1e6 * 63 / 64 - 2) }
            last = now
        }
    }

    @Test("a step of the clock is told once, with its size; what passes, and small corrections, aren't steps")
    func steps() {
        let clock = clock()
        #expect(clock.takeStep() == nil)
        clocks.pass(seconds: 500)
        #expect(clock.takeStep() == nil)
        clocks.set(by: 0.4)
        #expect(clock.takeStep() == nil)
        clocks.set(by: 3_600)
        clocks.pass(seconds: 1)
        _ = clock.commitTime()
        #expect(clock.takeStep() == 3_600_000_000)
        #expect(clock.takeStep() == nil)
        clocks.set(by: -60)
        #expect(clock.takeStep() == -60_000_000)
    }

    @Test("a clock that is set by hand alone has no steps, and time stands where it stood")
    func handAlone() {
        let wall = ManualClock(noon)
        let clock = LogClock(wall: wall.read, measure: nil, head: .empty)
        wall.advance(microseconds: 1_000_000_000)
        #expect(clock.commitTime() == noon.adding(seconds: 1_000) && clock.takeStep() == nil)
        wall.set(noon)
        #expect(clock.commitTime() == noon.adding(seconds: 1_000) && clock.takeStep() == nil)
    }

    @Test("commits carry it on, over a restart too, and people are told", .timeLimit(.minutes(1)))
    func inLog() async throws {
        let directory = try TemporaryDirectory()
        let notices = Collector<LogNotice>()
        var configuration = clocks.configuration(directory.file("log.db"))
        configuration.notice = { notices.add($0) }
        var log = try EventLog.open(configuration)
        try log.appendNow(.one("1"))
        clocks.set(by: 3_600)
        try log.appendNow(.one("2"))
        clocks.set(by: -3_600)
        clocks.pass(seconds: 64)
        try log.appendNow(.one("3"))
        #expect(log.secondsAhead == 3_599)
        log.close()
        clocks.pass(seconds: 600)
        log = try EventLog.open(configuration)
        try log.appendNow(.one("4"))
        clocks.pass(seconds: 64)
        try log.appendNow(.one("5"))
        let times = try log.read(after: 0, limitEvents: 10).map { $0.at.microseconds(since: noon) / 1_000_000 }
        #expect(times == [0, 3_600, 3_663, 3_663, 3_726])
        #expect(try log.verify().isSound)
        let texts = notices.all.map(\.text)
        #expect(texts.contains { $0.contains("jumped ahead by 3600.0 s") } && texts.contains { $0.contains("jumped back by 3600.0 s") })
        #expect(texts.filter { $0.contains("runs 3599.0 s ahead of the machine's clock") }.count == 1)
    }

    @Test("a step that a commit saw is told before one back can hide it", .timeLimit(.minutes(1)))
    func betweenLooks() async throws {
        let directory = try TemporaryDirectory()
        var configuration = clocks.configuration(directory.file("log.db"), writer: .thread)
        configuration.limits.tendMicroseconds = 3_600_000_000
        let log = try EventLog.open(configuration)
        let steps = Collector<Int64>()
        log.onClockStep { steps.add($0) }
        _ = try await log.append(.one("1"))
        clocks.set(by: 3_600)
        _ = try await log.append(.one("2"))
        while steps.all.isEmpty { await Task.yield() }
        clocks.set(by: -3_600)
        _ = try await log.append(.one("3"))
        while steps.all.count < 2 { await Task.yield() }
        #expect(steps.all == [3_600_000_000, -3_600_000_000])
        log.close()
    }

    @Test("with nobody appending, a step is told all the same", .timeLimit(.minutes(1)))
    func idle() async throws {
        let directory = try TemporaryDirectory()
        let log = try EventLog.open(clocks.configuration(directory.file("log.db"), writer: .thread))
        let steps = Collector<Int64>()
        log.onClockStep { steps.add($0) }
        clocks.set(by: 60)
        while steps.all.isEmpty { await Task.yield() }
        #expect(steps.all == [60_000_000])
        log.close()
    }
}
