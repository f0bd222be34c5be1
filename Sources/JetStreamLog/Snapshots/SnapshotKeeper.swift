// When is the next snapshot due, and what follows it?
//
//   copy the file ─▶ upload ─▶ remove all but the newest few ─▶ purge the stream up to the oldest that is left
//
// The leader alone does this. A leader that is deposed meanwhile does no harm: what it copied was acknowledged, and a purge up to a
// snapshot that is there takes nothing that is needed. What fails is tried again later; nothing waits for it.

package import Domain
package import EventLog
import Foundation
package import Logging
package import NATSClient

package struct SnapshotSettings: Hashable, Sendable {
    /// 0 takes none, and nothing is purged.
    package var everyEvents: Position = 1_000_000
    package var keep = 3
    package var replicas = 3

    package init() {}
}

package struct SnapshotKeeper: Sendable {
    private static let lookEvery = Duration.seconds(5)
    private static let retryAfter = Duration.seconds(60)

    private let log: EventLog
    private let js: JetStream
    private let stream: String
    private let settings: SnapshotSettings
    private let snapshots: LogSnapshots
    private let logger: Logger

    package init(_ log: EventLog, _ js: JetStream, stream: String, settings: SnapshotSettings, logger: Logger) throws(JetStreamError) {
        (self.log, self.js, self.stream, self.settings, self.logger) = (log, js, stream, settings, logger)
        snapshots = try LogSnapshots(js, stream: stream)
    }

    /// Takes snapshots while this instance leads, until the task is cancelled.
    package func run() async {
        var last: Position?
        while !Task.isCancelled {
            var pause = Self.lookEvery
            if log.replicaStatus?.isLeader == true {
                do {
                    // Who led before may have taken one.
                    if last == nil { last = try await snapshots.list().first?.position ?? 0 }
                    if log.head.seq - (last ?? 0) >= settings.everyEvents {
                        let begun = js.client.clock.now()
                        let (snapshot, purged) = try await take()
                        last = snapshot.position
                        logger.notice(
                            "snapshot taken",
                            metadata: [
                                "position": "\(snapshot.position)", "sequence": "\(snapshot.sequence)", "bytes": "\(snapshot.bytes)",
                                "seconds": "\((js.client.clock.now() - begun) / .seconds(1))", "purgedMessages": "\(purged)",
                            ])
                    }
                } catch {
                    logger.warning("no snapshot could be taken", metadata: ["problem": "\(error)", "retrySeconds": "60"])
                    pause = Self.retryAfter
                }
            } else {
                last = nil
            }
            do { try await js.client.clock.sleep(pause) } catch { return }
        }
    }

    /// Takes one now.
    package func take() async throws -> (LogSnapshot, purged: UInt64) {
        try await snapshots.create(replicas: settings.replicas)
        let path = log.path + ".snapshot"
        defer { EventLog.removeLog(at: path) }
        let facts = try await copy(to: path)
        let snapshot = try await snapshots.put(path, facts)
        let kept = try await snapshots.thin(keeping: settings.keep, created: snapshot.created)
        // Fewer than are wanted: the stream is what the others would be.
        guard kept.count >= settings.keep else { return (snapshot, 0) }
        return (snapshot, try await snapshots.purge(coveredBy: kept))
    }

    /// On a thread of its own: it waits for the disk.
    private func copy(to path: String) async throws -> LogFacts {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { [log] in
                do throws(LogError) { continuation.resume(returning: try log.copy(to: path)) } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}
