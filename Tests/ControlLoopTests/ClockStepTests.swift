import Autoscaling
import ControlLoop
@testable import Views
import Domain
import EventLog
import Foundation
import Synchronization
import TestSupport
import Testing

/// Both of a machine's clocks, moved by hand.
private final class HandClocks: Sendable {
    private let state = Mutex<(wall: LogTime, measured: Int64)>((LogTime(rfc3339: "2026-11-21T07:30:00Z")!, 0))

    func pass(seconds: Int) {
        state.withLock { state in
            state.wall = state.wall.adding(seconds: seconds)
            state.measured += Int64(seconds) * 1_000_000
        }
    }

    func set(by seconds: Int) { state.withLock { $0.wall = $0.wall.adding(seconds: seconds) } }
    var wall: @Sendable () -> LogTime { { self.state.withLock { $0.wall } } }
    var measure: @Sendable () -> Int64 { { self.state.withLock { $0.measured } } }
}

@Suite("When the machine's clock is set", .timeLimit(.minutes(1)))
struct ClockStepTests {
    private let clocks = HandClocks()

    @Test("the scheduler judges by its clock: nothing early, and at once what a step makes due")
    func scheduler() async throws {
        let scheduler = RealScheduler(clock: clocks.wall)
        let ran = Mutex<[String]>([])
        let start = scheduler.now
        @Sendable func note(_ name: String) { ran.withLock { $0.append(name) } }
        _ = scheduler.perform(at: start.adding(seconds: 3_000)) { note("later") }
        _ = scheduler.perform(at: start.adding(seconds: 1_800)) { note("due") }
        scheduler.perform(at: start.adding(seconds: 1_700)) { note("called off") }.cancel()
        // Its timer ends in real time, while the clock stands.
        _ = scheduler.perform(at: start.adding(microseconds: 2_000)) { note("soon") }
        clocks.set(by: 1_801)
        scheduler.clockStepped()
        try await eventually("what is due has run") { ran.withLock { $0.count } == 2 }
        #expect(ran.withLock { $0 } == ["soon", "due"])
    }

    @Test("an alarm rings though the one before it was called off")
    func calledOff() async throws {
        let scheduler = RealScheduler(clock: clocks.wall)
        let ran = Mutex<[String]>([])
        let start = scheduler.now
        @Sendable func note(_ name: String) { ran.withLock { $0.append(name) } }
        scheduler.perform(at: start.adding(microseconds: 1_002_000)) { note("called off") }.cancel()
        _ = scheduler.perform(at: start.adding(microseconds: 1_000)) { note("first") }
        clocks.set(by: 1)
        try await eventually("the first has run") { ran.withLock { $0 } == ["first"] }
        // No live one is left: the timer is unset, and the one that was called off is still kept, before this one.
        _ = scheduler.perform(at: start.adding(microseconds: 1_003_000)) { note("second") }
        clocks.set(by: 1)
        try await eventually("the second has run", within: .seconds(10)) { ran.withLock { $0 } == ["first", "second"] }
    }

    private func decisions(_ log: EventLog) throws -> [String] {
        try log.read(after: 0, limitEvents: 1_000).flatMap { batch in
            batch.events.compactMap { event -> String? in
                switch event.kind {
                case .scaleDecided: String(decoding: batch.bytes[event.body.lower..<event.body.upper], as: UTF8.self)
                case .clockStepped: "stepped"
                default: nil
                }
            }
        }
    }

    /// What was decided last; nil where nothing was.
    private func lastCount(_ log: EventLog) throws -> Int? {
        try decisions(log).last { $0 != "stepped" }.flatMap { $0.contains(#""to":1,"#) ? 1 : $0.contains(#""to":0,"#) ? 0 : nil }
    }

    private func withLoop(_ body: (ControlLoop, EventLog) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-clock-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path)
        configuration.clock = clocks.wall
        configuration.measuringClock = clocks.measure
        configuration.limits.tendMicroseconds = 1_000
        let log = try EventLog.open(configuration)
        defer { log.close() }
        let loop = ControlLoop(
            log: log, scheduler: RealScheduler(clock: { log.now }),
            configuration: ControlLoop.Configuration(fence: Fence(1), actuators: [:]))
        await loop.start()
        do { try await body(loop, log) } catch {
            await loop.stop()
            throw error
        }
        await loop.stop()
    }

    private func policy() -> Policy {
        var policy = Policy(pool: "ns/p", target: ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "p"))
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        return policy
    }

    private func send(_ kind: EventKind, _ id: String, to log: EventLog) async throws {
        var batch = EventBatch()
        batch.append(kind, source: "/test", id: id, subject: "a", pool: "ns/p", body: Array(#"{"pool":"ns/p"}"#.utf8))
        _ = try await log.append(batch)
    }

    @Test("a cooldown that a step ends is over at once, and the log says why its time jumps")
    func cooldown() async throws {
        try await withLoop { loop, log in
            _ = try await loop.apply(policy())
            try await send(.actorRequested, "1", to: log)
            try await eventually("it scales up") { (try? lastCount(log)) == 1 }
            try await send(.actorWithdrawn, "2", to: log)
            clocks.pass(seconds: 10)
            #expect(try lastCount(log) == 1)
            clocks.set(by: 3_600)
            try await eventually("it scales down") { (try? lastCount(log)) == 0 }
            #expect(try decisions(log).filter { $0 == "stepped" }.count == 1)
        }
    }

    @Test("after an hour's spike deadlines are met by the time that passes")
    func spike() async throws {
        try await withLoop { loop, log in
            _ = try await loop.apply(policy())
            clocks.set(by: 3_600)
            try await send(.actorRequested, "1", to: log)
            try await eventually("the step is logged") { (try? decisions(log).contains("stepped")) ?? false }
            clocks.set(by: -3_600)
            try await send(.actorWithdrawn, "2", to: log)
            try await eventually("both steps are logged") { (try? decisions(log).filter { $0 == "stepped" }.count == 2) ?? false }
            // The cooldown is 300 s; by the machine's clock alone it would end in an hour and five minutes.
            clocks.pass(seconds: 330)
            // A small step makes the scheduler look, whose own timers run in real time.
            clocks.set(by: 1)
            try await eventually("it scales down") { (try? lastCount(log)) == 0 }
        }
    }
}
