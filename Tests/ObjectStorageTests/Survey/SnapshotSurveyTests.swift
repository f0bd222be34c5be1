import Basics
import Domain
import Foundation
import Logging
import ServiceLifecycle
import Synchronization
import Testing
import TestSupport

@testable import ObjectStorage

@Suite struct SnapshotSurveyTests {
    /// A list of wants that ends, and then waits to be cancelled.
    private actor Wants: SnapshotWanting {
        private var left: ArraySlice<SnapshotWant>
        init(_ wants: [SnapshotWant]) { left = wants[...] }
        func next() async -> SnapshotWant? { left.popFirst() }
    }

    private final class Log: Sendable {
        private let batches = Mutex<[EventBatch]>([])
        func append(_ batch: EventBatch) { batches.withLock { $0.append(batch) } }
        /// `subject body`, sorted.
        var lines: [String] {
            batches.withLock { $0 }.flatMap { batch in batch.events.map { "\(batch.text($0.subject)) \(batch.text($0.body))" } }.sorted()
        }
    }

    private func survey(_ wants: [SnapshotWant], goldens: [GoldenLayout] = [], until enough: @escaping @Sendable ([String]) -> Bool)
        async throws -> [String]
    {
        let objects: [String: Int] = ["one": 10, "parts/a": 3, "parts/b": 4, "golden/t/v1": 9]
        return try await ScriptedStore.with({ _, request in
            let parts = request.uri.split(separator: "?", omittingEmptySubsequences: false)
            if request.method == "HEAD" {
                let key = PercentCoding.decode(parts[0].dropFirst("/bucket/".count)) ?? ""
                if key == "denied" { return .say(403) }
                return objects[key].map { .say(200, headers: [("content-length", "\($0)")]) } ?? .say(404)
            }
            let prefix =
                parts[1].split(separator: "&").first { $0.hasPrefix("prefix=") }.flatMap { PercentCoding.decode($0.dropFirst(7)) } ?? ""
            let contents = objects.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }
                .map {
                    "<Contents><Key>\($0.key)</Key><Size>\($0.value)</Size><LastModified>2026-11-20T09:00:00Z</LastModified></Contents>"
                }.joined()
            return .say(200, body: Array("<ListBucketResult>\(contents)</ListBucketResult>".utf8))
        }) { server in
            let store = try ObjectStore(
                .s3, StoreConfiguration(endpoint: try StoreEndpoint(server.url, for: .s3, style: nil), region: "r", credentials: .anonymous)
            )
            var configuration = SnapshotSurvey.Configuration()
            configuration.looksPerSecond = 1_000
            configuration.goldens = goldens
            configuration.goldensEverySeconds = 0.01
            let log = Log()
            let survey = SnapshotSurvey(configuration, stores: [store], wants: Wants(wants), logger: Logger(label: "test")) {
                log.append($0)
            }
            let running = Task { try await survey.run() }
            defer { running.cancel() }
            try await eventually("enough is found") { enough(log.lines) }
            running.cancel()
            try await running.value
            return log.lines
        }
    }

    private func want(_ actor: String, _ key: String, known: SnapshotPresence? = nil) -> SnapshotWant {
        SnapshotWant(
            actor: actor, uri: key.hasPrefix("s3:") || key.hasPrefix("gs:") ? key : "s3://bucket/\(key)", recordedAt: 7, known: known)
    }

    @Test("sizes that weren't known and snapshots that are gone are logged; what is as known, refused or hostile is not") func wanted()
        async throws
    {
        let wants = [
            want("denied", "denied"), want("hostile", "s3://../x"), want("other", "gs://bucket/one"),
            want("same", "one", known: .present(bytes: 10)), want("still", "none", known: .gone),
            want("a", "one"), want("b", "parts"), want("c", "none"), want("d", "one", known: .present(bytes: 11)), want("a", "one"),
            want("z", "parts/"),
        ]
        let lines = try await survey(wants) { $0.count >= 5 }
        #expect(
            lines == [
                #"a {"snapshot":"s3://bucket/one","state":"present","bytes":10,"toldAt":7}"#,
                #"b {"snapshot":"s3://bucket/parts","state":"present","bytes":7,"toldAt":7}"#,
                #"c {"snapshot":"s3://bucket/none","state":"gone","toldAt":7}"#,
                #"d {"snapshot":"s3://bucket/one","state":"present","bytes":10,"toldAt":7}"#,
                #"z {"snapshot":"s3://bucket/parts/","state":"present","bytes":7,"toldAt":7}"#,
            ])
    }

    @Test("a template's golden snapshot is found") func golden() async throws {
        let lines = try await survey([], goldens: [GoldenLayout(.made("s3://bucket/golden/"))]) { !$0.isEmpty }
        #expect(lines == [#"t {"snapshot":"s3://bucket/golden/t/v1","state":"present","bytes":9,"template":"t"}"#])
    }

    @Test("an event of the survey is one that the log's own reader takes back") func readable() throws {
        for presence in [SnapshotPresence.present(bytes: 1), .gone] {
            let batch = SnapshotObservation.batch(want("a", "one"), presence, id: "1")
            #expect(batch.events.map(\.kind) == [.snapshotObserved])
            let body = batch.text(batch.events[0].body)
            var reader = CloudEventReader(acceptsOwnKinds: true)
            let json =
                #"{"specversion":"1.0","type":"dev.greenroom.snapshot.observed","source":"/s","id":"1","subject":"a","data":\#(body)}"#
            try Array(json.utf8).withUnsafeBufferPointer { try reader.readEvent($0) }
            #expect(reader.batch.count == 1)
        }
    }
}
