import Autoscaling
import ControlLoop
import Domain
import EventLog
import Foundation
import State
import Synchronization
import Testing

// A log whose every event and moment a test wrote itself.

final class HandWrittenLog: Sendable {
    let log: EventLog
    private let folder: Folder
    private let clock = Clock()
    private let ids = Mutex(0)

    private final class Clock: Sendable {
        let now = Mutex(HandWrittenLog.start)
    }

    static let start = LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero
    static let pool = "ns/p"

    init() throws {
        folder = try Folder()
        var configuration = EventLog.Configuration(path: folder.database)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { [clock] in clock.now.withLock { $0 } }
        log = try EventLog.open(configuration)
    }

    deinit { log.close() }

    /// Of one log; it goes with whoever holds it.
    final class Folder: Sendable {
        private let folder: URL
        var database: String { folder.appendingPathComponent("greenroom.db").path }

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-history-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }
    }

    /// An event `seconds` after the start, in a commit of its own.
    func at(_ seconds: Double, _ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, _ body: String = "") {
        clock.now.withLock { $0 = Self.start.adding(microseconds: Int64(seconds * 1e6)) }
        let id = ids.withLock { ids in
            ids += 1
            return String(ids)
        }
        var batch = EventBatch()
        batch.append(kind, source: "/test", id: id, subject: subject, pool: pool, worker: worker, body: Array(body.utf8))
        log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
    }

    /// By the first rules, as a log that says nothing of them, or by those that are given.
    func policy(_ seconds: Double, _ policy: Policy, rules: DecisionRules = .first) {
        var canonical = JSONWriter()
        policy.appendCanonicalJSON(to: &canonical)
        at(
            seconds, .policyApplied, policy.pool, pool: policy.pool,
            #"{"policy":\#(canonical.text),"digest":"d","rules":\#(rules.rawValue)}"#)
    }

    /// The decision that follows from what is there.
    func decide(_ seconds: Double, pool: String = HandWrittenLog.pool) throws {
        var state = State()
        for batch in try log.read(after: 0, limitEvents: .max) { _ = state.fold(batch, names: log.names) }
        let name = try #require(log.names.find(pool))
        let decision = try #require(state.decision(for: name))
        at(seconds, .scaleDecided, pool, pool: pool, String(decoding: decision.body, as: UTF8.self))
    }

    func ready(_ seconds: Double, _ worker: String) { at(seconds, .workerReady, worker, pool: Self.pool, #"{"node":"n1","slots":1}"#) }
    func request(_ seconds: Double, _ actor: String) { at(seconds, .actorRequested, actor, pool: Self.pool) }
    func place(_ seconds: Double, _ actor: String, on worker: String) {
        at(seconds, .actorPlaced, actor, worker: worker, #"{"tier":"cold"}"#)
    }
    func run(_ seconds: Double, _ actor: String, on worker: String) { at(seconds, .actorRunning, actor, worker: worker) }
    func suspend(_ seconds: Double, _ actor: String, on worker: String) { at(seconds, .actorSuspended, actor, worker: worker) }
}
