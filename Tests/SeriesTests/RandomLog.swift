import Autoscaling
import ControlLoop
import Domain
import EventLog
import Foundation
import Logging
import Replay
import State
import Testing

@testable import Series

// A log that a real loop makes on virtual time, of whatever agents, workers and operators might say; all of it follows from a seed.

final class RandomLog {
    let log: EventLog
    let scheduler: VirtualScheduler
    let loop: VirtualLoop
    private let folder: URL
    private var random: SeededRandom
    private var ids = 0

    static let start = LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero
    static let pools = ["ns/a", "ns/b", "other/c"]

    init(seed: UInt64) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-series-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        random = SeededRandom(seed)
        scheduler = VirtualScheduler(now: Self.start)
        var configuration = EventLog.Configuration(path: folder.appendingPathComponent("greenroom.db").path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { [scheduler] in scheduler.now }
        log = try EventLog.open(configuration)
        loop = VirtualLoop(making: log, scheduler: scheduler)
        for pool in Self.pools.dropLast() { apply(pool) }
    }

    deinit {
        log.close()
        try? FileManager.default.removeItem(at: folder)
    }

    func series(limits: PoolSeries.Limits = PoolSeries.Limits()) -> PoolSeries {
        PoolSeries(
            log: log, archive: StateArchive(log: log), now: { [scheduler] in scheduler.now }, limits: limits,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    func send(_ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, _ body: String = "") {
        ids += 1
        var batch = EventBatch()
        batch.append(kind, source: "/test", id: String(ids), subject: subject, pool: pool, worker: worker, body: Array(body.utf8))
        log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
        scheduler.runUntilIdle()
    }

    func apply(_ pool: String) {
        var policy = Policy(
            pool: pool, target: ScaleTarget(apiVersion: "v1", kind: "Process", name: String(pool.map { $0 == "/" ? "-" : $0 })))
        policy.minReplicaCount = random.below(3)
        policy.maxReplicaCount = policy.minReplicaCount + 1 + random.below(6)
        policy.cooldownPeriodSeconds = random.below(120)
        policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        if random.below(3) == 0 { policy.mode = .recommend }
        loop.apply(policy)
    }

    /// - Parameter longest: how far time moves on at most.
    func step(longest: Int64) {
        scheduler.advance(to: scheduler.now.adding(microseconds: Int64(random.below(Int(longest)))))
        let pool = Self.pools[random.below(Self.pools.count)]
        let actor = "\(QualifiedName.namespace(ofPool: pool))/a\(random.below(12))"
        let worker = "\(QualifiedName.namespace(ofPool: pool))/w\(random.below(6))"
        switch random.below(16) {
        case 0, 1, 2, 3: send(.actorRequested, actor, pool: pool, #"{"pool":"\#(pool)"}"#)
        case 4, 5:
            send(.workerReady, worker, pool: pool, #"{"pool":"\#(pool)","node":"n\#(random.below(3))","slots":\#(1 + random.below(3))}"#)
        case 6: send(.workerGone, worker, #"{"reason":"\#(random.below(2) == 0 ? "lost" : "drained")"}"#)
        case 7, 8: send(.actorSuspended, actor, worker: worker)
        case 9: send(.actorCrashed, actor, worker: worker, #"{"reason":"boom"}"#)
        case 10: send(.actorRunning, actor, worker: worker, #"{"worker":"\#(worker)"}"#)
        case 11: send(.actorWithdrawn, actor)
        case 12: send(.actorDeleted, actor)
        case 13: apply(pool)
        case 14: send(.poolPaused, pool, pool: pool, #"{"in":\#(random.below(2) == 0),"out":\#(random.below(2) == 0),"by":"ops"}"#)
        default: send(.poolObserved, pool, pool: pool, #"{"specReplicas":\#(random.below(6))}"#)
        }
    }
}
