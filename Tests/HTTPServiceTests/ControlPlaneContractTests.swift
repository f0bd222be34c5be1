import Autoscaling
import Domain
import EventLog
import Foundation
import TestSupport
import Testing

@testable import ControlLoop
@testable import Views
@testable import HTTPService

// Everything the HTTP service rests on, asked of the loop itself and of the twin that stands for it in this target's tests.

@Suite("The control loop and its twin keep the same contract", .timeLimit(.minutes(3)))
struct ControlPlaneContractTests {
    enum Kind: String, CaseIterable, Sendable { case twin, real }

    /// One of the two, with what a test does to it beside asking.
    struct Stage: Sendable {
        var plane: any ControlPlane
        var waiting: @Sendable () async -> Int
        var advance: @Sendable (_ seconds: Double) -> Void
        /// A worker with a slot for whoever waits.
        var workerComes: @Sendable () async throws -> Void
        var stop: @Sendable () async -> Void

        /// Places in a task of its own, and returns once it waits.
        func waits(_ actor: String, seconds: Double) async throws -> Task<PlacementResponse, any Error> {
            let before = await waiting()
            let task = Task { try await plane.place(PlacementRequest(actor: actor, pool: "default/agents"), waitSeconds: seconds) }
            try await eventually("\(actor) waits") { await waiting() == before + 1 }
            return task
        }

        func place(_ actor: String, waitSeconds: Double = 0) async throws -> PlacementResponse {
            try await plane.place(PlacementRequest(actor: actor, pool: "default/agents"), waitSeconds: waitSeconds)
        }

        func fault(_ body: (any ControlPlane) async throws -> Void) async -> ControlFault? {
            do { try await body(plane) } catch { return error as? ControlFault }
            return nil
        }
    }

    private func with(_ kind: Kind, waitingCallers: Int = 10_000, _ body: (Stage) async throws -> Void) async throws {
        let scheduler = PumpedScheduler()
        let advance = { @Sendable (seconds: Double) in scheduler.advance(seconds: seconds) }
        guard kind == .real else {
            let twin = TwinPlane(scheduler: scheduler) { $0.waitingCallers = waitingCallers }
            return try await body(
                Stage(
                    plane: twin, waiting: { twin.waitingCallers }, advance: advance, workerComes: { twin.placeAll(on: "w") },
                    stop: { twin.stop() }))
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-plane-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("log.db").path)
        configuration.durability = .off
        configuration.clock = { scheduler.now }
        let log = try EventLog.open(configuration)
        defer { log.close() }
        var settings = ControlLoop.Configuration(fence: Fence(1), actuators: [:])
        settings.limits.waitingCallers = waitingCallers
        let loop = ControlLoop(log: log, scheduler: scheduler, configuration: settings)
        await loop.start()
        try await body(
            Stage(
                plane: loop, waiting: { await loop.query { $0.waitingCallers } }, advance: advance,
                workerComes: {
                    var batch = EventBatch()
                    batch.append(
                        .workerReady, source: "/test", id: "w", subject: "w", pool: "default/agents",
                        body: Array(#"{"node":"n","slots":9}"#.utf8))
                    _ = try await log.append(batch)
                },
                stop: { await loop.stop() }))
        await loop.stop()
    }

    // MARK: - Placements

    @Test(arguments: Kind.allCases)
    func `a placement that may not wait is answered at once`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            let response = try await stage.place("a")
            guard case .waiting(position: 1, _, _) = response else { return #expect(Bool(false), "\(response)") }
            #expect(await stage.waiting() == 0)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a worker that comes ends the wait`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            let task = try await stage.waits("a", seconds: 600)
            try await stage.workerComes()
            guard case .placed(worker: "w", _, _, _, _, _, _) = try await task.value else { return #expect(Bool(false)) }
            #expect(await stage.waiting() == 0)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a wait whose time is up is over and keeps no place, however often`(_ kind: Kind) async throws {
        try await with(kind, waitingCallers: 2) { stage in
            for _ in 0..<5 {
                let tasks = [try await stage.waits("a", seconds: 2), try await stage.waits("b", seconds: 3)]
                #expect(await stage.fault { _ in _ = try await stage.place("c", waitSeconds: 1) } == .overloaded(retryAfterSeconds: 1))
                stage.advance(3)
                for task in tasks { guard case .waiting = try await task.value else { return #expect(Bool(false)) } }
                #expect(await stage.waiting() == 0)
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `a caller that goes away keeps no place, and who asks again waits`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            let task = try await stage.waits("a", seconds: 600)
            task.cancel()
            _ = await task.result
            #expect(await stage.waiting() == 0)
            guard case .waiting = try await stage.place("a") else { return #expect(Bool(false)) }
        }
    }

    @Test(arguments: Kind.allCases)
    func `a caller that is gone already never waits`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await stage.place("a", waitSeconds: 600)
            }
            _ = await task.result
            #expect(await stage.waiting() == 0)
        }
    }

    @Test(arguments: Kind.allCases)
    func `one actor's withdrawal ends its waits, all of them, and no other`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            let both = [try await stage.waits("a", seconds: 600), try await stage.waits("a", seconds: 600)]
            let other = try await stage.waits("b", seconds: 600)
            try await stage.plane.withdraw("a")
            for task in both {
                let fault = await stage.fault { _ in _ = try await task.value }
                guard case .conflict? = fault else { return #expect(Bool(false), "\(String(describing: fault))") }
            }
            #expect(await stage.waiting() == 1)
            other.cancel()
            _ = await other.result
        }
    }

    @Test(arguments: Kind.allCases)
    func `a stop ends all waits at once, and none begins after it`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            let tasks = [try await stage.waits("a", seconds: 600), try await stage.waits("b", seconds: 600)]
            await stage.stop()
            for task in tasks {
                if case .failure(let fault) = await task.result, case .unavailable? = fault as? ControlFault { continue }
                guard case .waiting = try await task.value else { return #expect(Bool(false)) }
            }
            guard case .waiting = try await stage.place("c", waitSeconds: 600) else { return #expect(Bool(false)) }
            #expect(await stage.waiting() == 0)
        }
    }

    @Test(arguments: Kind.allCases, [-1, 600.5, 1e300, Double.infinity, .nan])
    func `a wait beyond the one limit is refused by name`(_ kind: Kind, _ seconds: Double) async throws {
        try await with(kind) { stage in
            guard case .invalid(field: "waitSeconds", _)? = await stage.fault({ _ in _ = try await stage.place("a", waitSeconds: seconds) })
            else {
                return #expect(Bool(false))
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `who never asked, or asks no more, can't be withdrawn`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            let unknown = await withdrawal(of: "nobody", stage)
            #expect(unknown == .notFound(what: "actor", name: "nobody"))
            _ = try await stage.place("a")
            try await stage.plane.withdraw("a")
            let fault = await withdrawal(of: "a", stage)
            guard case .conflict? = fault else { return #expect(Bool(false), "\(String(describing: fault))") }
        }
    }

    private func withdrawal(of actor: String, _ stage: Stage) async -> ControlFault? { await stage.fault { try await $0.withdraw(actor) } }

    // MARK: - Policies

    private static let policy = Policy(pool: "default/agents", target: ScaleTarget(apiVersion: "v1", kind: "Nothing", name: "agents"))

    @Test(arguments: Kind.allCases)
    func `what isn't there is not found`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            #expect(await stage.plane.policy("default/agents") == nil)
            #expect(await stage.fault { try await $0.removePolicy("default/agents") } == .notFound(what: "policy", name: "default/agents"))
            #expect(
                await stage.fault { _ = try await $0.pause("default/agents", Pause(scaleIn: true), by: "ops") }
                    == .notFound(what: "pool with a policy", name: "default/agents"))
        }
    }

    @Test(arguments: Kind.allCases)
    func `a policy is there once it is applied, may be paused, and is gone once it is removed`(_ kind: Kind) async throws {
        try await with(kind) { stage in
            let decision = try await stage.plane.apply(Self.policy)
            #expect(decision.seq != nil)
            #expect(await stage.plane.policy("default/agents") != nil)
            _ = try await stage.plane.pause("default/agents", Pause(scaleIn: true), by: "ops")
            #expect(await stage.plane.policies().map(\.name) == ["agents"])
            try await stage.plane.removePolicy("default/agents")
            #expect(await stage.plane.policies().isEmpty)
        }
    }

    // MARK: - What is only the loop's

    @Test func `a policy that is applied is answered with the decision that was logged, or without a position where nothing new followed`()
        async throws
    {
        try await with(.real) { stage in
            let loop = try #require(stage.plane as? ControlLoop)
            var policy = Self.policy
            policy.minReplicaCount = 2
            let first = try await loop.apply(policy)
            let seq = try #require(first.seq)
            #expect(first.from == 0 && first.to == 2)
            #expect(try #require(loop.log.decision(at: seq)) == first)
            let again = try await loop.apply(policy)
            #expect(again.seq == nil && again.to == 2)
            let paused = try await loop.pause(policy.pool, Pause(hold: 5), by: "ops")
            #expect(paused.to == 5 && paused.seq != nil)
        }
    }

    @Test func `policies in effect are published once for each change, as decisions follow them`() async throws {
        try await with(.real) { stage in
            let loop = try #require(stage.plane as? ControlLoop)
            var updates = loop.policyUpdates().makeAsyncIterator()
            #expect(await updates.next() == [])
            _ = try await loop.apply(Self.policy)
            #expect(await updates.next() == [Self.policy])
            _ = try await loop.pause(Self.policy.pool, Pause(scaleIn: true), by: nil)
            var paused = Self.policy
            paused.pause.scaleIn = true
            #expect(await updates.next() == [paused])
            try await loop.removePolicy(Self.policy.pool)
            #expect(await updates.next() == [])
        }
    }

    @Test func `a caller of a refused append is told the same on both roads`() {
        let errors: [AppendError] = [
            .invalid(index: 3, problem: "too long"), .overloaded(retryAfterSeconds: 2),
            .notWritable(reason: "the disk is full", hint: "make room"), .closed,
        ]
        for error in errors {
            let (ingest, command) = (Problem(error, retryAfterSeconds: 1), Problem(ControlFault(error)))
            #expect(ingest.kind.status == command.kind.status && ingest.retryAfterSeconds == command.retryAfterSeconds)
            if case .invalid = error { continue }
            #expect(ingest.detail == command.detail)
        }
    }
}
