import Domain
import EventLog
import Foundation
import ObjectStorage
import Testing

@testable import Assembly

@Suite struct LogSnapshotWantsTests {
    private struct Event {
        var kind: EventKind
        var actor: String
        var body: String
    }

    private func event(_ kind: EventKind, _ actor: String, _ body: String = "") -> Event { Event(kind: kind, actor: actor, body: body) }

    /// What is wanted after `events`, the first `known` of which were there before.
    private func wants(_ events: [Event], known: Int = 0, stores: Set<ObjectLocation.Store> = [.s3, .gs]) async throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-wants-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = try EventLog.open(EventLog.Configuration(path: folder.appendingPathComponent("log.db").path))
        for (number, event) in events.prefix(known).enumerated() { try await append(event, number, log) }
        let wants = LogSnapshotWants(log, stores: stores)
        for (number, event) in events.enumerated().dropFirst(known) { try await append(event, number, log) }
        defer { log.close() }
        try await append(event(.actorSuspended, "the end", #"{"snapshot":"s3://b/end"}"#), events.count, log)
        var lines: [String] = []
        while let want = await wants.next(), want.actor != "the end" {
            let known =
                switch want.known {
                case .present(let bytes): "\(bytes)"
                case .gone: "gone"
                case nil: "?"
                }
            lines.append("\(want.actor) \(want.uri) \(want.recordedAt) \(known)")
        }
        return lines
    }

    private func append(_ event: Event, _ number: Int, _ log: EventLog) async throws {
        var batch = EventBatch()
        batch.append(
            event.kind, source: "/test", id: "\(number)", subject: event.actor, pool: event.kind == .actorRequested ? "ns/p" : nil,
            body: Array(event.body.utf8))
        _ = try await log.append(batch)
    }

    @Test("an actor suspended without a size is wanted, one with a size isn't, nor one whose store is not looked at") func suspended()
        async throws
    {
        #expect(
            try await wants(
                [
                    event(.actorSuspended, "a", #"{"snapshot":"s3://b/a"}"#),
                    event(.actorSuspended, "b", #"{"snapshot":"s3://b/b","bytes":5}"#),
                    event(.actorSuspended, "c", #"{"snapshot":"gs://b/c","bytes":0}"#),
                    event(.actorSuspended, "d", #"{"snapshot":"simulated:///d"}"#), event(.actorSuspended, "e"),
                ], stores: [.s3]) == ["a s3://b/a 1 ?"])
    }

    @Test("an actor that wants a worker is wanted with what is known of its latest snapshot") func requested() async throws {
        let told = #"{"snapshot":"s3://b/2","state":"gone","toldAt":4}"#
        #expect(
            try await wants(
                [
                    event(.actorSuspended, "a", #"{"snapshot":"s3://b/1","bytes":5}"#), event(.actorIdle, "a"),
                    event(.actorSuspended, "b", #"{"snapshot":"s3://b/1","bytes":5}"#),
                    event(.actorSuspended, "b", #"{"snapshot":"s3://b/2"}"#), event(.snapshotObserved, "b", told),
                    event(.actorSuspended, "c", #"{"snapshot":"s3://b/3"}"#), event(.actorDeleted, "c"),
                    event(.actorRequested, "a"), event(.actorRequested, "b"), event(.actorRequested, "b"), event(.actorRequested, "c"),
                    event(.actorRequested, "new"),
                ], known: 7) == ["a s3://b/1 1 5", "b s3://b/2 5 gone"])
    }
}
