import Autoscaling
import Domain
import EventLog
import Foundation
import Machine
import Synchronization
import Testing
import TestSupport
import Views

@testable import ControlLoop

/// A loop that follows decides nothing; told to lead it goes on from what it has folded; told to stand by it decides nothing again.
@Suite("A loop that follows and leads")
struct StandingByTests {
    /// Hands appends to the log, as the leader would, and notes how many.
    private final class Leader: LoopHandover {
        let log: EventLog
        let handed = Mutex(0)
        let heard = Mutex<[String]>([])
        init(_ log: EventLog) { self.log = log }

        func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
            handed.withLock { $0 += 1 }
            log.append(batch, completion: completion)
        }

        func hear(worker name: String, uid: String?) async throws(ControlFault) -> Int {
            heard.withLock { $0.append(name) }
            return 30
        }
    }

    private final class CountingActuator: Actuator {
        let resized = Mutex<[(count: Int, fence: Fence)]>([])
        func observe(_ pool: ActuatedPool) async throws(ActuationFault) -> TargetObservation {
            TargetObservation(specReplicas: 0, readyReplicas: 0)
        }
        func resize(_ pool: ActuatedPool, to count: Int, fence: Fence) async throws(ActuationFault) {
            resized.withLock { $0.append((count, fence)) }
        }
        func drain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {}
        func cancelDrain(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) -> Bool { true }
        func remove(_ worker: WorkerIdentity, of pool: ActuatedPool, fence: Fence) async throws(ActuationFault) {}
    }

    private func withLoop(_ body: (ControlLoop, EventLog, Leader) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-follow-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = try EventLog.open(EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path))
        defer { log.close() }
        let leader = Leader(log)
        var configuration = ControlLoop.Configuration(fence: Fence(0), actuators: [:])
        configuration.handover = leader
        let loop = ControlLoop(log: log, scheduler: RealScheduler(clock: { log.now }), configuration: configuration)
        await loop.follow()
        try await body(loop, log, leader)
        await loop.stop()
    }

    private func policy() -> Policy {
        var policy = Policy(pool: "ns/p", target: ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "p"))
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        return policy
    }

    private func request(_ actor: String, _ log: EventLog) async throws -> Position {
        var batch = EventBatch()
        batch.append(.actorRequested, source: "/test", id: actor, subject: actor, pool: "ns/p")
        return try await log.append(batch).lastSeq
    }

    private func folded(_ loop: ControlLoop, _ seq: Position) async throws {
        try await eventually("\(seq) is folded") { await loop.position() ?? 0 >= seq }
    }

    @Test("it decides and calls only while it leads, under that lead's fence", .timeLimit(.minutes(1)))
    func turns() async throws {
        try await withLoop { loop, log, leader in
            let target = CountingActuator()
            // A command is handed over, and answered from the own fold.
            _ = try await loop.apply(policy())
            #expect(leader.handed.withLock { $0 } == 1)
            let first = try await request("a", log)
            try await folded(loop, first)
            #expect(log.head.seq == 2)

            await loop.lead(as: Fence(7), actuators: [:], otherKinds: target) { true }
            try await eventually("it scales") { target.resized.withLock { $0.last?.count } == 1 }
            #expect(target.resized.withLock { $0.allSatisfy { $0.fence == Fence(7) } })

            await loop.standBy()
            let head = log.head.seq
            let second = try await request("b", log)
            try await folded(loop, second)
            #expect(log.head.seq == second && second == head + 1)
            #expect(target.resized.withLock { $0.last?.count } == 1)

            await loop.lead(as: Fence(12), actuators: [:], otherKinds: target) { true }
            try await eventually("it scales again") { target.resized.withLock { $0.last?.count } == 2 }
            #expect(target.resized.withLock { $0.last?.fence } == Fence(12))
        }
    }

    @Test("no target is called while the lease has run out", .timeLimit(.minutes(1)))
    func guarded() async throws {
        try await withLoop { loop, log, _ in
            let target = CountingActuator()
            let mayAct = Locked(false)
            _ = try await loop.apply(policy())
            _ = try await request("a", log)
            await loop.lead(as: Fence(7), actuators: [:], otherKinds: target) { mayAct.value }
            try await eventually("the failure is logged") {
                try log.read(after: 0, limitEvents: 100).contains { $0.events.contains { $0.kind == .scaleFailed } }
            }
            #expect(target.resized.withLock { $0.isEmpty })
            mayAct.value = true
            try await eventually("it is tried again") { target.resized.withLock { $0.last?.count } == 1 }
        }
    }

    @Test("a worker's sign of life goes to who leads", .timeLimit(.minutes(1)))
    func signsOfLife() async throws {
        try await withLoop { loop, _, leader in
            let seconds = try await loop.hear(worker: "w", uid: nil)
            #expect(seconds == 30)
            loop.countStream(ofWorker: "ns/w", by: 1)
            #expect(await loop.workersWithStreams() == ["ns/w"])
            await loop.lead(as: Fence(3), actuators: [:], otherKinds: nil) { true }
            await loop.standBy()
            #expect(await loop.workersWithStreams() == ["ns/w"])
            #expect(leader.heard.withLock { $0 } == ["w"])
        }
    }
}
