import Machine
import NATSServers
import Testing

@testable import NATSClient

// Objects and keys, on a real server.

@Suite(.serialized) struct ObjectStoreTests {
    private struct Broken: Error {}

    @Test(.timeLimit(.minutes(2)))
    func objects() async throws {
        try await withServer { server in
            try await withClient(try configuration([server])) { client in
                let js = JetStream(client)
                let store = try ObjectStore(js, bucket: "files")
                try await store.create(replicas: 1)
                try await store.create(replicas: 1)
                let content = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
                func put(_ name: String, _ content: [UInt8], piece: Int) async throws -> ObjectInfo {
                    var start = 0
                    return try await store.put(name) {
                        guard start < content.count else { return nil }
                        defer { start += piece }
                        return Array(content[start..<min(start + piece, content.count)])
                    }
                }
                func get(_ name: String) async throws -> [UInt8]? {
                    var found: [UInt8] = []
                    return try await store.get(name) { found += $0 } == nil ? nil : found
                }
                let first = try await put("dir/name.bin", content, piece: 300_001)
                #expect(first.chunks == 8 && first.size == 1_000_003)
                // As nats-py names it: Base64 for URLs with its padding.
                #expect(try await js.lastMessage("OBJ_files", subject: "$O.files.M.ZGlyL25hbWUuYmlu") != nil)
                #expect(try await get("dir/name.bin") == content)
                #expect(try await get("none") == nil)
                _ = try await put("empty", [], piece: 1)
                #expect(try await get("empty") == [])

                let second = try await put("dir/name.bin", Array(content.prefix(5)), piece: 1)
                #expect(try await get("dir/name.bin") == Array(content.prefix(5)))
                #expect(try await store.list().map(\.name) == ["dir/name.bin", "empty"])
                #expect(try await chunks(js) == [second.nuid: 1])

                // A source that breaks leaves nothing behind.
                await #expect(throws: Broken.self) {
                    var pieces = 3
                    _ = try await store.put("broken") {
                        pieces -= 1
                        if pieces == 0 { throw Broken() }
                        return [UInt8](repeating: 1, count: 200_000)
                    }
                }
                #expect(try await chunks(js) == [second.nuid: 1])

                // Chunks without a meta message: nobody sees them, and a sweep takes them.
                for _ in 0..<3 { _ = await js.publish(StreamPublish(subject: "$O.files.C.orphan", payload: [1])) }
                #expect(try await store.list().count == 2)
                #expect(try await store.sweep(olderThan: .seconds(60)) == 0)
                #expect(try await store.sweep(olderThan: .seconds(60), now: WallClock.microseconds() + 120_000_000) == 3)
                #expect(try await get("dir/name.bin") == Array(content.prefix(5)))

                // Damage is noticed.
                _ = try await js.purge("OBJ_files", subject: "$O.files.C.\(second.nuid)")
                _ = await js.publish(StreamPublish(subject: "$O.files.C.\(second.nuid)", payload: [9, 9, 9, 9, 9]))
                await #expect(throws: JetStreamError.self) { try await get("dir/name.bin") }
                try await store.delete("dir/name.bin")
                #expect(try await get("dir/name.bin") == nil)
                #expect(try await chunks(js).isEmpty)
            }
        }
    }

    private func chunks(_ js: JetStream) async throws -> [String: UInt64] {
        let subjects = try await js.streamInfo("OBJ_files", subjects: "$O.files.C.>").state.subjects ?? [:]
        return Dictionary(uniqueKeysWithValues: subjects.map { (String($0.key.dropFirst(11)), $0.value) })
    }

    @Test(.timeLimit(.minutes(2)))
    func keys() async throws {
        try await withServer { server in
            try await withClient(try configuration([server])) { client in
                let kv = try KeyValue(JetStream(client), bucket: "cfg")
                try await kv.create(replicas: 1)
                #expect(try await kv.get("a") == nil)
                #expect(await kv.create("a", [1]) == .stored(sequence: 1))
                #expect(await kv.create("a", [2]) == .wrongLastSequence(actual: 1))
                #expect(await kv.update("a", [2], revision: 1) == .stored(sequence: 2))
                #expect(await kv.update("a", [3], revision: 1) == .wrongLastSequence(actual: 2))
                #expect(try await kv.get("a")?.value == [2])
                #expect(try await kv.get("a")?.revision == 2)
                #expect(await kv.put("b.c", [4]) == .stored(sequence: 3))
                #expect(try await kv.keys() == ["a", "b.c"])
                #expect(await kv.delete("a") == .stored(sequence: 4))
                #expect(try await kv.get("a") == nil)
                #expect(try await kv.keys() == ["b.c"])
                #expect(await kv.create("a", [5]) == .stored(sequence: 5))
                #expect(try await kv.get("a")?.value == [5])
            }
        }
    }
}
