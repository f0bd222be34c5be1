import Basics
import Autoscaling
import Domain
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ControlLoop
@testable import Views
@testable import EventLog

// The way from a decision to a call and back, on virtual time: the production loop and its actuation, and a target that answers
// when the test says so.

@Suite struct ActuationsTests {
    @Test func `a decision becomes a call, and its response an event`() throws {
        let stage = try Stage()
        stage.loop.apply(.quick())
        stage.request("a", "b")
        #expect(stage.target.calls == ["resize 2 of p"])
        #expect(try stage.events(.scaleApplied).isEmpty)
        stage.target.respond(.success(true))
        stage.settle()
        #expect(try stage.events(.scaleApplied) == [#"{"to":2,"fence":7}"#])
        #expect(stage.target.isIdle)
    }

    @Test func `what is decided during a call is told after it, and only the last`() throws {
        let stage = try Stage()
        stage.loop.apply(.quick())
        stage.request("a")
        for actor in ["b", "c", "d"] { stage.request(actor) }
        #expect(stage.target.calls == ["resize 1 of p"])
        stage.target.respond(.success(true))
        stage.settle()
        #expect(stage.target.calls == ["resize 1 of p", "resize 4 of p"])
    }

    @Test func `a target that can't be reached is asked again when its time has come`() throws {
        let stage = try Stage()
        stage.loop.apply(.quick())
        stage.request("a")
        stage.target.respond(.failure(.unreachable("no route")))
        stage.settle()
        stage.scheduler.advance(seconds: 0.09)
        #expect(stage.target.calls.count == 1)
        stage.scheduler.advance(seconds: 0.01)
        #expect(stage.target.calls.count == 2)
        #expect(try stage.events(.scaleFailed) == [#"{"error":"can't be reached: no route","attempt":1,"fence":7}"#])
    }

    @Test func `a call that isn't answered in time is cancelled, and the next one waits until it has ended`() throws {
        let stage = try Stage()
        stage.loop.apply(.quick())
        stage.request("a")
        stage.scheduler.advance(seconds: 119)
        #expect(try stage.target.cancelled.isEmpty && stage.events(.scaleFailed).isEmpty)
        stage.scheduler.advance(seconds: 1)
        #expect(stage.target.cancelled == ["resize 1 of p"])
        let failed = [#"{"error":"can't be reached: no answer within 120 s","attempt":1,"fence":7}"#]
        #expect(try stage.events(.scaleFailed) == failed)
        stage.request("b")
        stage.scheduler.advance(seconds: 300)
        #expect(stage.target.calls.count == 1, "calls of a pool never overlap")
        stage.target.respond(.failure(.unreachable("cancelled")))
        stage.settle()
        stage.scheduler.advance(seconds: 0.1)
        #expect(stage.target.calls == ["resize 1 of p", "resize 2 of p"])
        #expect(try stage.events(.scaleFailed) == failed, "what was overdue is logged once")
        stage.target.respond(.success(true))
        stage.settle()
        stage.scheduler.advance(seconds: 300)
        #expect(stage.target.cancelled == ["resize 1 of p"], "an answer ends the call's time")
    }

    @Test func `an response that comes too late counts all the same`() throws {
        let stage = try Stage()
        stage.loop.apply(.quick())
        stage.request("a")
        stage.scheduler.advance(seconds: 130)
        stage.target.respond(.success(true))
        stage.settle()
        #expect(try stage.events(.scaleApplied) == [#"{"to":1,"fence":7}"#])
        #expect(stage.target.calls.count == 1)
    }

    @Test func `each pool has its own call`() throws {
        let stage = try Stage()
        stage.loop.apply(.quick())
        var other = Policy.quick()
        other.pool = "ns/q"
        other.target.name = "q"
        stage.loop.apply(other)
        stage.request("a")
        stage.request("b", pool: "ns/q")
        #expect(stage.target.calls == ["resize 1 of p", "resize 1 of q"])
    }

    @Test func `a pool whose target is of another kind is told anew there`() throws {
        let stage = try Stage()
        stage.loop.apply(.quick())
        stage.request("a")
        var other = Policy.quick()
        other.target = ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "d")
        stage.scheduler.advance(seconds: 1)
        stage.loop.apply(other)
        #expect(stage.target.calls == ["resize 1 of p"])
        stage.target.respond(.failure(.refused("403 forbidden")))
        stage.settle()
        #expect(stage.target.calls == ["resize 1 of p", "resize 1 of d"])
        #expect(try stage.events(.scaleFailed).isEmpty, "the old target's word is of no concern")
    }

    @Test func `a loop that is gone hears no response and makes no call`() throws {
        let stage = try Stage()
        stage.loop.apply(.quick())
        stage.request("a")
        stage.restart()
        #expect(stage.target.calls == ["resize 1 of p", "resize 1 of p"], "whether the target heard it isn't known")
        stage.target.respond(.failure(.unreachable("too late")))
        stage.settle()
        stage.scheduler.advance(seconds: 100)
        #expect(stage.target.calls.count == 2)
        #expect(try stage.events(.scaleFailed).isEmpty)
        stage.target.respond(.success(true))
        stage.settle()
        #expect(try stage.events(.scaleApplied).count == 1)
    }

    @Test func `the same inputs lead to the same log, to the byte`() throws {
        let logs = try (0..<2).map { _ in try Stage().playOut() }
        #expect(logs[0] == logs[1])
        #expect(logs[0].contains("scale.applied") && logs[0].contains("scale.failed"))
    }
}

extension ActuationsTests {
    @Test(.timeLimit(.minutes(1))) func `a stop waits for the call under way, begins no other, and logs what it came to`() async throws {
        let target = TargetTwin()
        try await withService(target) { loop, log in
            _ = try await loop.apply(.quick())
            try await request("a", log)
            try await eventually("the target is told") { target.calls.count == 1 }
            try await request("b", log)
            async let stopped: Void = loop.stop()
            try await eventually("it is stopping") { await loop.query { $0.isStopping } }
            target.respond(.success(true))
            await stopped
            #expect(target.calls == ["resize 1 of p"])
            try await eventually("the answer is logged") {
                try log.read(after: 0, limitEvents: 100).flatMap(\.events).contains { $0.kind == .scaleApplied }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a stop doesn't wait for ever`() async throws {
        let target = TargetTwin()
        try await withService(target) { loop, log in
            _ = try await loop.apply(.quick())
            try await request("a", log)
            try await eventually("the target is told") { target.calls.count == 1 }
            await loop.stop()
            #expect(target.calls.count == 1)
        }
    }

    private func request(_ actor: String, _ log: EventLog) async throws {
        var batch = EventBatch()
        batch.append(.actorRequested, source: "/test", id: actor, subject: actor, pool: "ns/p")
        _ = try await log.append(batch)
    }

    private func withService(_ target: TargetTwin, _ body: (ControlLoop, EventLog) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-actuations-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = try EventLog.open(EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path))
        defer { log.close() }
        var configuration = ControlLoop.Configuration(fence: Fence(7), targets: target)
        configuration.actuation.stopSeconds = 0.2
        let loop = ControlLoop(log: log, scheduler: RealScheduler(clock: { log.now }), configuration: configuration)
        await loop.start()
        try await body(loop, log)
        await loop.stop()
    }
}

@Suite struct ActuatorsTests {
    private static let calls: [(ActuatorCall.Action, ActuatorResponse)] = [
        (.resize(to: 3), .success(true)), (.drain(WorkerIdentity("a")), .success(true)),
        (.remove(WorkerIdentity("a")), .failure(.holdsActor(worker: "a"))),
        (.cancelDrain(WorkerIdentity("a")), .success(false)),
    ]

    private static func response(_ actuators: Actuators, _ action: ActuatorCall.Action, kind: String) async -> ActuatorResponse {
        let target = ScaleTarget(apiVersion: "v1", kind: kind, name: "p")
        let call = ActuatorCall(
            action, of: ActuatedPool(name: "ns/p", target: target, slotsPerWorker: 1, drainTimeoutSeconds: 0), fence: Fence(7))
        return await withCheckedContinuation { done in actuators.start(call) { done.resume(returning: $0) } }
    }

    @Test func `each kind has its actuator, which is told the call and whose response comes back`() async {
        let (own, other) = (NotingActuator(), NotingActuator())
        let actuators = Actuators(byKind: ["Process": own], others: other)
        for (action, expected) in Self.calls {
            #expect(await Self.response(actuators, action, kind: "Process") == expected)
        }
        #expect(await Self.response(actuators, .resize(to: 1), kind: "Deployment") == .success(true))
        #expect(own.told == ["resize 3 fence 7", "drain a fence 7", "remove a fence 7", "cancelDrain a fence 7"])
        #expect(other.told == ["resize 1 fence 7"])
    }

    @Test(.timeLimit(.minutes(1))) func `a call that is cancelled ends, and says that it was`() async {
        let actuators = Actuators(byKind: ["Process": HangingActuator()], others: nil)
        let target = ScaleTarget(apiVersion: "v1", kind: "Process", name: "p")
        let pool = ActuatedPool(name: "ns/p", target: target, slotsPerWorker: 1, drainTimeoutSeconds: 0)
        let call = ActuatorCall(.resize(to: 1), of: pool, fence: Fence(7))
        let response: ActuatorResponse = await withCheckedContinuation { done in
            actuators.start(call) { done.resume(returning: $0) }
            actuators.cancel(call)
        }
        #expect(response == .failure(.unreachable("cancelled")))
    }

    @Test func `a kind that nobody serves is refused by name`() async {
        let actuators = Actuators(byKind: ["Process": NotingActuator()], others: nil)
        for (action, _) in Self.calls {
            let response = await Self.response(actuators, action, kind: "Deployment")
            #expect(response == .failure(.refused("there is no actuator for targets of kind Deployment in this service")))
        }
    }
}

/// Answers once it is cancelled.
private struct HangingActuator: Actuator {
    func observe(_ pool: ActuatedPool) async throws(ActuationFault) -> TargetObservation { throw .refused("not asked") }
    func resize(_ pool: ActuatedPool, to count: Int, fence: Fence) async throws(ActuationFault) {
        do { try await Task.sleep(for: .seconds(3_600)) } catch { throw .unreachable("cancelled") }
    }
    func drain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {}
    func cancelDrain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool { true }
    func remove(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {}
}

private final class NotingActuator: Actuator {
    private let notes = Mutex<[String]>([])
    var told: [String] { notes.withLock { $0 } }
    private func note(_ text: String) { notes.withLock { $0.append(text) } }

    func observe(_ pool: ActuatedPool) async throws(ActuationFault) -> TargetObservation {
        TargetObservation(specReplicas: 0, readyReplicas: 0)
    }
    func resize(_ pool: ActuatedPool, to count: Int, fence: Fence) async throws(ActuationFault) {
        note("resize \(count) fence \(fence.number)")
    }
    func drain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        note("drain \(worker) fence \(fence.number)")
    }
    func cancelDrain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool {
        note("cancelDrain \(worker) fence \(fence.number)")
        return false
    }
    func remove(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {
        note("remove \(worker) fence \(fence.number)")
        throw .holdsActor(worker: worker.name)
    }
}

/// Notes the calls, and answers the oldest of them when it is told to.
private final class TargetTwin: ActuatorPort {
    private struct State {
        var calls: [String] = []
        var cancelled: [String] = []
        var open: [@Sendable (ActuatorResponse) -> Void] = []
    }
    private let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }
    var cancelled: [String] { state.withLock { $0.cancelled } }
    var isIdle: Bool { state.withLock { $0.open.isEmpty } }

    func start(_ call: ActuatorCall, done: @escaping @Sendable (ActuatorResponse) -> Void) {
        let words = Self.words(call)
        state.withLock { state in
            state.calls.append(words)
            state.open.append(done)
        }
    }

    func cancel(_ call: ActuatorCall) { state.withLock { $0.cancelled.append(Self.words(call)) } }

    private static func words(_ call: ActuatorCall) -> String {
        let action =
            switch call.action {
            case .resize(let count): "resize \(count)"
            case .drain(let worker): "drain \(worker)"
            case .cancelDrain(let worker): "keep \(worker)"
            case .remove(let worker): "remove \(worker)"
            }
        return "\(action) of \(call.pool.target.name)"
    }

    func respond(_ response: ActuatorResponse) {
        let done = state.withLock { $0.open.isEmpty ? nil : $0.open.removeFirst() }
        if let done { done(response) } else { Issue.record("no call is under way") }
    }
}

private final class Stage {
    let scheduler = VirtualScheduler(now: LoopHarness.start)
    let target = TargetTwin()
    private let folder: URL
    private let log: EventLog
    private(set) var loop: VirtualLoop
    private var ids = 0

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-actuations-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { [scheduler] in scheduler.now }
        log = try EventLog.open(configuration)
        loop = VirtualLoop(making: log, scheduler: scheduler, targets: target, fence: Fence(7))
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(at: folder)
    }

    func restart() { loop = VirtualLoop(making: log, scheduler: scheduler, targets: target, fence: Fence(7)) }

    func settle() { scheduler.runUntilIdle() }

    func request(_ actors: String..., pool: String = "ns/p") {
        var batch = EventBatch()
        for actor in actors { batch.append(.actorRequested, source: "/test", id: "r-\(actor)", subject: actor, pool: pool) }
        log.append(batch) { _ in }
        settle()
    }

    private func send(_ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, _ body: String) {
        ids += 1
        var batch = EventBatch()
        batch.append(kind, source: "/test", id: "e-\(ids)", subject: subject, pool: pool, worker: worker, body: Array(body.utf8))
        log.append(batch) { _ in }
        settle()
    }

    func events(_ kind: EventKind) throws -> [String] {
        try log.read(after: 0, limitEvents: 10_000).flatMap { batch in batch.events.filter { $0.kind == kind }.map { batch.text($0.body) } }
    }

    /// Workers come and go, and the target answers late, fails and refuses. All of the log, as text.
    func playOut() throws -> String {
        loop.apply(.quick(cooldownSeconds: 5))
        var random = SplitMix64(seed: 7)
        for step in 0..<200 {
            switch random.next() % 6 {
            case 0: request("a\(step)")
            case 1: send(.workerReady, "w\(step)", pool: "ns/p", #"{"node":"n","slots":1}"#)
            case 2: send(.actorWithdrawn, "a\(random.next() % UInt64(step + 1))", "{}")
            case 3 where !target.isIdle: target.respond(.success(random.next() % 4 != 0))
            case 4 where !target.isIdle: target.respond(.failure(random.next() % 2 == 0 ? .unreachable("try \(step)") : .refused("no")))
            default: scheduler.advance(seconds: Double(random.next() % 8))
            }
            settle()
        }
        return try log.read(after: 0, limitEvents: 100_000).map { batch in
            batch.events.map { "\($0.seq) \(batch.at.microseconds) \($0.kind.name) \(batch.text($0.id)) \(batch.text($0.body))" }.joined(
                separator: "\n")
        }.joined(separator: "\n")
    }
}
