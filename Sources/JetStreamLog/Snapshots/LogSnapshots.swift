// Which copies of the log are kept in the object store?
//
// A snapshot is a copy of an instance's file, at one message of the stream. Its name is the message's number, so a list in order of names is
// one in order of age; what it is a copy of stands in its metadata. An object becomes visible with its last message, so a snapshot that
// broke off is never seen. The stream is purged only up to the oldest snapshot that is kept.

import Basics
package import Domain
package import EventLog
import Foundation
package import NATSClient

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A copy in the object store.
package struct LogSnapshot: Hashable, Sendable {
    package var name: String
    package var logID: String
    /// When the stream was made that it was copied beside.
    package var created: String
    /// The last message that it holds.
    package var sequence: UInt64
    package var position: Position
    /// The link at its end.
    package var link: String
    package var bytes: UInt64
    /// When it was written, as the object store says.
    package var written: String

    /// Nil where it isn't one of ours.
    init?(_ info: ObjectInfo) {
        guard let metadata = info.metadata, metadata["format"] == LogSnapshots.format, let log = metadata["log"],
            let created = metadata["created"], let link = metadata["link"], let sequence = metadata["sequence"].flatMap({ UInt64($0) }),
            let position = metadata["position"].flatMap({ Position($0) })
        else { return nil }
        (name, logID, self.created, self.sequence, self.position, self.link) = (info.name, log, created, sequence, position, link)
        (bytes, written) = (info.size, info.modified)
    }
}

package struct LogSnapshots: Sendable {
    static let format = "sqlite 1"
    private static let pieceBytes = 1 << 20
    /// Chunks of uploads that ended without an object are removed after so long.
    private static let sweepAge = Duration.seconds(3_600)

    package let bucket: String
    private let js: JetStream
    private let stream: String
    private let store: ObjectStore

    package init(_ js: JetStream, stream: String) throws(JetStreamError) {
        (self.js, self.stream) = (js, stream)
        bucket = "\(stream)-snapshots"
        var options = ObjectStore.Options()
        options.inFlight = 32
        store = try ObjectStore(js, bucket: bucket, options: options)
    }

    /// Makes the bucket, or finds it. The servers compress it: a log's pages shrink to about half.
    package func create(replicas: Int) async throws(JetStreamError) { try await store.create(replicas: replicas, compresses: true) }

    /// The newest first; empty where there is no bucket yet.
    package func list() async throws(JetStreamError) -> [LogSnapshot] {
        do throws(JetStreamError) {
            return try await store.list().compactMap { LogSnapshot($0) }.sorted { ($0.sequence, $0.name) > ($1.sequence, $1.name) }
        } catch {
            if case .noStream = error { return [] }
            throw error
        }
    }

    /// Writes the copy at `path`, of a log that follows the stream.
    package func put(_ path: String, _ facts: LogFacts) async throws -> LogSnapshot {
        guard let followed = facts.stream, followed.name == stream else {
            throw JetStreamError.invalid("\(path) follows no stream \(stream)")
        }
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        let info = try await store.put(
            Self.name(followed.sequence),
            metadata: [
                "format": Self.format, "log": Self.hex(facts.id), "created": followed.created, "sequence": String(followed.sequence),
                "position": String(facts.position), "link": Self.hex(facts.link),
            ]
        ) { try file.read(upToCount: Self.pieceBytes).map { Array($0) } }
        guard let snapshot = LogSnapshot(info) else { throw JetStreamError.corrupt(object: info.name, problem: "it lacks its metadata") }
        return snapshot
    }

    /// Numbers of one length: names in order are sequences in order.
    private static func name(_ sequence: UInt64) -> String {
        let digits = String(sequence)
        return "log-" + String(repeating: "0", count: 20 - digits.count) + digits
    }

    static func hex(_ bytes: [UInt8]) -> String { Hex.text(bytes) }

    /// Writes the snapshot's file to `path`, and looks whether it is what it says it is. Throws `.corrupt` where it isn't.
    package func fetch(_ snapshot: LogSnapshot, to path: String, progress: (UInt64) -> Void = { _ in }) async throws {
        EventLog.removeLog(at: path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LogError(
                .unreachable, operation: "fetch a snapshot into", path: path, problem: String(cString: strerror(errno)),
                hint: "see that the directory may be written")
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            var size: UInt64 = 0
            let found = try await store.get(snapshot.name) { piece in
                do { try file.write(contentsOf: piece) } catch {
                    throw LogError(
                        .notWritable, operation: "fetch a snapshot into", path: path, problem: "\(error.localizedDescription)",
                        hint: "make room: a snapshot of \(snapshot.bytes) bytes is written beside the log")
                }
                size += UInt64(piece.count)
                progress(size)
            }
            try file.close()
            guard found != nil else { throw JetStreamError.corrupt(object: snapshot.name, problem: "it was removed meanwhile") }
            try check(snapshot, at: path)
        } catch {
            EventLog.removeLog(at: path)
            throw error
        }
    }

    private func check(_ snapshot: LogSnapshot, at path: String) throws {
        let facts: LogFacts?
        do { facts = try EventLog.facts(path: path) } catch {
            throw JetStreamError.corrupt(object: snapshot.name, problem: "it isn't a log: \(error.problem)")
        }
        guard let facts, let followed = facts.stream, Self.hex(facts.id) == snapshot.logID, facts.position == snapshot.position,
            Self.hex(facts.link) == snapshot.link, followed.name == stream, followed.created == snapshot.created,
            followed.sequence == snapshot.sequence
        else { throw JetStreamError.corrupt(object: snapshot.name, problem: "its file isn't what its metadata says") }
    }

    /// Removes all but the `keep` newest of the stream that was made at `created`, and what other streams of this name left.
    /// - Returns: those that are kept, the newest first.
    package func thin(keeping keep: Int, created: String) async throws(JetStreamError) -> [LogSnapshot] {
        let all = try await list()
        let kept = Array(all.filter { $0.created == created }.prefix(max(1, keep)))
        for snapshot in all where !kept.contains(snapshot) { try await store.delete(snapshot.name) }
        _ = try await store.sweep(olderThan: Self.sweepAge)
        return kept
    }

    /// Removes from the stream what every kept snapshot holds. The message at the oldest one's end stays: who joins sees in it whose log
    /// this is.
    /// - Returns: how many messages went.
    package func purge(coveredBy kept: [LogSnapshot]) async throws(JetStreamError) -> UInt64 {
        guard let oldest = kept.map(\.sequence).min() else { return 0 }
        return try await js.purge(stream, below: oldest)
    }
}
