import Autoscaling
import Domain
import EventLog
import Foundation
import Placement
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// What is reserved ends with its event, whatever came in between.

@Suite struct ReservationsTests {
    @Test("an actor that withdraws and asks again while its placement is on its way leaves no slot behind")
    func askedAgain() throws {
        let stage = try SlowAppends()
        try stage.commit { batch in
            for worker in ["w1", "w2"] {
                batch.append(
                    .workerReady, source: "/pods", id: worker, subject: worker, pool: "ns/p", body: Array(#"{"node":"n1","slots":1}"#.utf8))
            }
            batch.append(.actorRequested, source: "/agent", id: "1", subject: "a", pool: "ns/p")
        }
        #expect(!stage.core.reservations.isEmpty)
        try stage.commit { batch in
            batch.append(.actorWithdrawn, source: "/agent", id: "2", subject: "a")
            batch.append(.actorRequested, source: "/agent", id: "3", subject: "a", pool: "ns/p")
        }
        #expect(stage.waiting == 2, "both placements are on their way")
        try stage.land()
        #expect(
            !stage.core.reservations.isEmpty
                && stage.core.state.actor(named: "a", stage.log.names).map { stage.core.state.actors[$0].state } == .waiting)
        try stage.land()
        try stage.expectQuiet()
        #expect(stage.core.state.actor(named: "a", stage.log.names).map { stage.core.state.actors[$0].state } == .placed)
    }

    @Test("a worker that drains and is back before a placement on it arrives has all its slots")
    func anotherLife() throws {
        let stage = try SlowAppends()
        try stage.commit { batch in
            batch.append(.workerReady, source: "/pods", id: "1", subject: "w", pool: "ns/p", body: Array(#"{"node":"n1","slots":1}"#.utf8))
            batch.append(.actorRequested, source: "/agent", id: "1", subject: "a", pool: "ns/p")
        }
        try stage.commit { batch in
            batch.append(.workerDraining, source: "/pods", id: "2", subject: "w")
            batch.append(.workerReady, source: "/pods", id: "3", subject: "w", pool: "ns/p", body: Array(#"{"node":"n1","slots":1}"#.utf8))
        }
        #expect(stage.waiting == 1)
        try stage.land()
        // It was meant for the life before: it changes nothing, and the actor is placed anew.
        #expect(stage.waiting == 1)
        try stage.land()
        try stage.expectQuiet()
        #expect(stage.core.state.actor(named: "a", stage.log.names).map { stage.core.state.actors[$0].state } == .placed)
    }

    @Test("what couldn't be appended is rolled back: nothing stays reserved")
    func rolledBack() throws {
        let stage = try SlowAppends()
        try stage.commit { batch in
            batch.append(.workerReady, source: "/pods", id: "1", subject: "w", pool: "ns/p", body: Array(#"{"node":"n1","slots":2}"#.utf8))
            for actor in ["a", "b", "c"] { batch.append(.actorRequested, source: "/agent", id: actor, subject: actor, pool: "ns/p") }
        }
        #expect(stage.core.reservations.reserved(on: 0) == 2)
        stage.fail()
        try stage.expectQuiet()
        #expect(stage.core.reservations.pools[0].order.inTurnCount == 3)
    }
}

/// A loop whose conclusions come to the log when the test says so.
private final class SlowAppends {
    let log: EventLog
    private(set) var core: LoopCore
    private let scheduler = VirtualScheduler(now: LogTime(microseconds: 1_000_000))
    private let folder: URL
    private let held = Held()

    private final class Held: @unchecked Sendable {
        // Used on the test's own thread.
        var batches: [(batch: EventBatch, completion: @Sendable (Result<AppendReceipt, AppendError>) -> Void)] = []
    }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-reservations-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { LogTime(microseconds: 1_000_000) }
        log = try EventLog.open(configuration)
        core = LoopCore(log: log, state: State(), scheduler: scheduler, observer: SilentObserver(), limits: LoopLimits()) {
            [held] batch, completion in
            held.batches.append((batch, completion))
        }
        core.act()
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(at: folder)
    }

    var waiting: Int { held.batches.count }

    /// Others' events: folded, and considered.
    func commit(_ fill: (inout EventBatch) -> Void) throws {
        var batch = EventBatch()
        fill(&batch)
        log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
        core.catchUp()
    }

    /// The first of what was concluded comes to the log.
    func land() throws {
        let (batch, completion) = held.batches.removeFirst()
        log.append(batch, completion: completion)
        core.catchUp()
        scheduler.runUntilIdle()
    }

    /// None of it does.
    func fail() {
        let all = held.batches
        held.batches = []
        for one in all { one.completion(.failure(.overloaded(retryAfterSeconds: 1))) }
        scheduler.runUntilIdle()
    }

    /// Nothing is reserved, and the index of workers says what the log says.
    func expectQuiet() throws {
        #expect(core.reservations.isEmpty)
        var (mine, told) = (ByteWriter(), ByteWriter())
        core.reservations.slots.encode(into: &mine)
        core.state.placer.workers.encode(into: &told)
        #expect(mine.bytes == told.bytes)
    }
}
