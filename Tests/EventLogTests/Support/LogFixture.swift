// A log in a directory of its own, and events to put into it.

import Domain
import EventLog
import Foundation
import GRDB
import Synchronization
import Testing

@testable import EventLog

/// A directory that goes when the test does.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-log-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// Copies a log's file and, where there is one, its WAL, as a crash would leave them.
    func copyLog(from source: String, to name: String) throws -> String {
        let target = file(name)
        try FileManager.default.copyItem(atPath: source, toPath: target)
        if FileManager.default.fileExists(atPath: source + "-wal") {
            try FileManager.default.copyItem(atPath: source + "-wal", toPath: target + "-wal")
        }
        return target
    }
}

/// A clock that tests move.
final class ManualClock: Sendable {
    private let now: Mutex<LogTime>
    init(_ now: LogTime) { self.now = Mutex(now) }
    func set(_ time: LogTime) { now.withLock { $0 = time } }
    func advance(microseconds: Int64) { now.withLock { $0 = $0.adding(microseconds: microseconds) } }
    var read: @Sendable () -> LogTime { { self.now.withLock { $0 } } }
}

let noon = LogTime(rfc3339: "2026-11-21T12:00:00Z")!

extension EventLog.Limits {
    /// So small that tables freeze, runs merge and commits fill up within a few hundred events.
    static var tiny: Self {
        var limits = Self()
        limits.dedupeTableEvents = 16
        limits.dedupeFanOut = 3
        limits.recentEvents = 32
        limits.catchUpEvents = 20
        limits.commitEvents = 64
        limits.stateEvents = 100
        limits.checkpointPartBytes = 256
        limits.checkpointsKept = 16
        limits.retryFirstMicroseconds = 0
        limits.retryLastMicroseconds = 0
        return limits
    }
}

extension EventLog.Configuration {
    static func test(
        _ path: String, writer: Writer = .inline, limits: EventLog.Limits = .tiny, clock: @escaping @Sendable () -> LogTime = { noon }
    ) -> Self {
        var configuration = Self(path: path)
        configuration.writer = writer
        configuration.durability = .off
        configuration.limits = limits
        configuration.clock = clock
        configuration.replica = LogEngines.current?.settings(for: path)
        return configuration
    }
}

extension EventBatch {
    /// One event about an actor.
    static func one(_ id: String, source: String = "agents/a", subject: String = "actor-1", kind: EventKind = .actorIdle) -> EventBatch {
        var batch = EventBatch()
        batch.append(kind, source: source, id: id, subject: subject)
        return batch
    }

    static func ids(_ ids: some Sequence<String>, source: String = "agents/a") -> EventBatch {
        var batch = EventBatch()
        for id in ids { batch.append(.actorIdle, source: source, id: id, subject: "actor-\(actor(of: id))") }
        return batch
    }

    /// Always the same of the same id: a repeat says what the first one said.
    private static func actor(of id: String) -> Int {
        let digits = String(id.reversed().prefix { $0.isASCII && $0.isNumber }.reversed())
        return (Int(digits) ?? Int(id.utf8.first ?? 0)) % 7
    }
}

extension EventLog {
    /// Appends and waits, for tests that aren't asynchronous.
    @discardableResult
    func appendNow(_ batch: EventBatch) throws -> AppendReceipt {
        let answer = Mutex<Result<AppendReceipt, AppendError>?>(nil)
        let done = DispatchSemaphore(value: 0)
        append(batch) { result in
            answer.withLock { $0 = result }
            done.signal()
        }
        done.wait()
        return try #require(answer.withLock { $0 }).get()
    }

    /// Everything in the log, as export lines.
    func lines() throws -> String {
        var bytes: [UInt8] = []
        try export { bytes += $0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A connection beside the log's own, that may do what it likes.
func rawConnection(_ path: String) throws -> DatabaseQueue { try DatabaseQueue(path: path) }

/// Values that come from other threads.
final class Collector<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    func add(_ value: Value) { values.withLock { $0.append(value) } }
    var all: [Value] { values.withLock { $0 } }
}
