import Domain
import Foundation
import GRDB
import Machine
import NATSClient
import NATSServers
import Testing

@testable import EventLog
@testable import JetStreamLog

/// Snapshots in a real object store, and instances that begin with one.
@Suite("Snapshots and joining", .serialized)
struct SnapshotTests {
    private func snapshotSettings(keep: Int = 2) -> SnapshotSettings {
        var settings = SnapshotSettings()
        (settings.keep, settings.replicas, settings.everyEvents) = (keep, 1, 100)
        return settings
    }

    @Test("the newest few are kept, and only what all of them hold is purged", .timeLimit(.minutes(2)))
    func keeps() async throws {
        try await withStream { _, client, settings in
            let folder = try Folder()
            let js = JetStream(client)
            let leader = try await Instance.open(folder.file("a"), "a", client, settings)
            try await leader.lead()
            let keeper = try SnapshotKeeper(leader.log, js, stream: settings.stream, settings: snapshotSettings(), logger: quiet)
            var taken: [LogSnapshot] = []
            for round in 0..<4 {
                try await leader.append(200, from: round * 200)
                let (snapshot, purged) = try await keeper.take()
                taken.append(snapshot)
                #expect(snapshot.position == Position((round + 1) * 200))
                #expect((purged > 0) == (round > 0))
                let kept = try await LogSnapshots(js, stream: settings.stream).list()
                #expect(kept == taken.suffix(2).reversed())
                let first = try await js.streamInfo(settings.stream).state.firstSequence
                // The message at the end of the oldest one stays.
                #expect(first == (round == 0 ? 1 : kept.map(\.sequence).min()))
            }
            #expect(!FileManager.default.fileExists(atPath: folder.file("a.snapshot")))
            // Chunks of what was removed are gone.
            let chunks = try await js.streamInfo("OBJ_\(settings.stream)-snapshots", subjects: "$O.\(settings.stream)-snapshots.C.>").state
            #expect(chunks.subjects?.count == 2)
            #expect(try await js.streamInfo("OBJ_\(settings.stream)-snapshots").configuration.compression == .s2)
            try await leader.close()
        }
    }

    @Test("new, ruined and outdated instances join by themselves; a damaged snapshot is passed over", .timeLimit(.minutes(2)))
    func joins() async throws {
        try await withStream { _, client, settings in
            let folder = try Folder()
            let js = JetStream(client)
            let leader = try await Instance.open(folder.file("a"), "a", client, settings)
            try await leader.lead()
            // An instance that will be behind, and one whose file will be lost.
            for name in ["behind", "lost"] {
                let early = try await Instance.open(folder.file(name), name, client, settings)
                try await leader.append(100, from: name == "lost" ? 100 : 0)
                try await early.follow(to: name == "lost" ? 200 : 100)
                try await early.close()
            }
            let keeper = try SnapshotKeeper(leader.log, js, stream: settings.stream, settings: snapshotSettings(), logger: quiet)
            var taken: [LogSnapshot] = []
            for round in 1..<4 {
                try await leader.append(200, from: round * 200)
                taken.append(try await keeper.take().0)
            }
            try await leader.append(30, from: 800)
            try FileManager.default.removeItem(atPath: folder.file("lost"))
            try Data().write(to: URL(fileURLWithPath: folder.file("empty")))

            func join(_ name: String) async throws -> LogJoining.Outcome {
                try await LogJoining(js, stream: settings.stream, path: folder.file(name)).prepare()
            }
            let head = leader.log.head.seq
            for name in ["new", "empty", "lost", "behind"] {
                #expect(try await join(name) == .joined(taken[2], passedOver: []), "\(name)")
                #expect(try await join(name) == .notNeeded, "\(name)")
                let joined = try await Instance.open(folder.file(name), name, client, settings)
                try await joined.follow(to: head)
                #expect(joined.log.head == leader.log.head)
                #expect(try joined.log.facts().link == leader.log.facts().link)
                #expect(joined.log.replicaStatus?.problem == nil)
                #expect(try joined.log.verify().isSound)
                try await joined.close()
            }

            // The newest one's content is another than its digest.
            let bucket = "OBJ_\(settings.stream)-snapshots"
            let meta = try await ObjectStore(js, bucket: "\(settings.stream)-snapshots").info(taken[2].name)
            let chunks = "$O.\(settings.stream)-snapshots.C.\(try #require(meta).nuid)"
            var bytes = try #require(await js.lastMessage(bucket, subject: chunks)).payload
            bytes[bytes.count / 2] ^= 1
            let changed = bytes
            _ = try await js.purge(bucket, subject: chunks)
            for _ in 0..<(try #require(meta).chunks) {
                _ = await js.publish(StreamPublish(subject: chunks, payload: changed))
            }
            guard case .joined(let older, let passedOver) = try await join("second") else {
                Issue.record("the older snapshot wasn't taken")
                return
            }
            #expect(older == taken[1] && passedOver.count == 1, "\(passedOver)")
            let second = try await Instance.open(folder.file("second"), "second", client, settings)
            try await second.follow(to: head)
            try await second.close()

            // None is sound: said in words, and nothing is written.
            for snapshot in taken { try await ObjectStore(js, bucket: "\(settings.stream)-snapshots").delete(snapshot.name) }
            let refused = await #expect(throws: LogError.self) { try await join("third") }
            #expect(refused?.problem.contains("no snapshot") == true, "\(refused?.description ?? "")")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("third") }.isEmpty)
            try await leader.close()
        }
    }

    @Test("an instance that diverged, or follows another stream, keeps its file", .timeLimit(.minutes(2)))
    func diverged() async throws {
        try await withStream { _, client, settings in
            let folder = try Folder()
            let js = JetStream(client)
            let leader = try await Instance.open(folder.file("a"), "a", client, settings)
            try await leader.lead()
            try await leader.append(100)
            let early = try await Instance.open(folder.file("b"), "b", client, settings)
            try await early.follow(to: 100)
            try await early.close()
            let keeper = try SnapshotKeeper(leader.log, js, stream: settings.stream, settings: snapshotSettings(keep: 1), logger: quiet)
            try await leader.append(100, from: 100)
            _ = try await keeper.take()

            // Somebody changed its last commit.
            try tamper(folder.file("b"))
            let refused = await #expect(throws: LogError.self) {
                try await LogJoining(js, stream: settings.stream, path: folder.file("b")).prepare()
            }
            #expect(refused?.hint.contains("diverged") == true, "\(refused?.description ?? "")")
            #expect(try EventLog.facts(path: folder.file("b"))?.position == 100)

            // The stream is deleted and made anew: the file is the old one's, and stays.
            try await leader.close()
            try await js.deleteStream(settings.stream)
            let founder = try await Instance.open(folder.file("c"), "c", client, settings)
            try await founder.lead()
            #expect(try await LogJoining(js, stream: settings.stream, path: folder.file("a")).prepare() == .notNeeded)
            let other = await #expect(throws: LogError.self) { _ = try await Instance.open(folder.file("a"), "a", client, settings) }
            #expect(other?.problem.contains("was made at") == true, "\(other?.description ?? "")")
            #expect(try EventLog.facts(path: folder.file("a"))?.position == 200)
            try await founder.close()
        }
    }
}

/// Gives the last commit another link.
private func tamper(_ path: String) throws {
    let queue = try DatabaseQueue(path: path)
    try queue.write { db in
        try db.execute(sql: "DROP TRIGGER commits_keep_values")
        try db.execute(sql: "UPDATE commits SET hash = randomblob(32) WHERE last_seq = (SELECT max(last_seq) FROM commits)")
    }
    try queue.close()
}
