import Domain
import Foundation
import GRDB
import Testing

@testable import EventLog

/// Copies are taken while the log is written, and put only where they continue what is there.
@Suite("Copies of a log")
struct LogCopyTests {
    @Test("a copy is the log of one moment, with its place in the stream")
    func copies() throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        for k in 0..<50 { try leader.appendNow(.one("id-\(k)")) }
        let copy = replicas.path("copy")
        let sequence = try #require(leader.replicaStatus?.sequence)
        let found = try leader.copy(to: copy)
        for k in 50..<60 { try leader.appendNow(.one("id-\(k)")) }
        #expect(found.position == 50 && found.stream?.name == "greenroom")
        #expect(found.stream?.sequence == sequence)
        #expect(try EventLog.facts(path: copy) == found)
        #expect(try EventLog.verify(path: copy).isSound)
        // An instance that begins with it follows the stream from there, purged as it is.
        replicas.twin.purge(below: sequence)
        try EventLog.install(copy, at: replicas.path("b"))
        let joined = try replicas.open("b", session: 2)
        while joined.followStream(tends: false) {}
        #expect(try facts(replicas.path("b")) == facts(replicas.path("a")))
        #expect(try joined.verify().isSound)
        #expect(!FileManager.default.fileExists(atPath: copy))
    }

    @Test("a copy takes the place of the log's own beginning, and of nothing else")
    func installs() throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        for k in 0..<20 { try leader.appendNow(.one("id-\(k)")) }
        var follower = try replicas.open("b")
        while follower.followStream(tends: false) {}
        follower.close()
        for k in 20..<40 { try leader.appendNow(.one("id-\(k)")) }
        _ = try leader.copy(to: replicas.path("copy"))

        // In use.
        follower = try replicas.open("b")
        #expect(throws: LogError.self) { try EventLog.install(replicas.path("copy"), at: replicas.path("b")) }
        follower.close()
        try EventLog.install(replicas.path("copy"), at: replicas.path("b"))
        #expect(try EventLog.facts(path: replicas.path("b"))?.position == 40)
        #expect(try EventLog.loss(path: replicas.path("b")) == nil)

        // One commit of it is another: it has diverged, and stays.
        _ = try leader.copy(to: replicas.path("copy"))
        try rawConnection(replicas.path("b")).write { db in
            try db.execute(sql: "DROP TRIGGER commits_keep_values")
            try db.execute(sql: "UPDATE commits SET hash = randomblob(32) WHERE last_seq = 40")
        }
        let diverged = #expect(throws: LogError.self) { try EventLog.install(replicas.path("copy"), at: replicas.path("b")) }
        #expect(diverged?.hint.contains("diverged") == true, "\(diverged?.description ?? "")")

        var other = EventLog.Configuration.test(replicas.path("other"))
        other.replica = nil
        try EventLog.open(other).close()
        let refused = #expect(throws: LogError.self) { try EventLog.install(replicas.path("copy"), at: replicas.path("other")) }
        #expect(refused?.problem.contains("another log") == true)

        try Data("no log at all, but somebody's".utf8).write(to: URL(fileURLWithPath: replicas.path("text")))
        #expect(throws: LogError.self) { try EventLog.install(replicas.path("copy"), at: replicas.path("text")) }
        #expect(FileManager.default.fileExists(atPath: replicas.path("copy")))
    }

    @Test("an instance whose file was lost opens without it, where an embedded log is refused")
    func lost() throws {
        let replicas = try Replicas()
        let leader = try replicas.open("a")
        for k in 0..<20 { try leader.appendNow(.one("id-\(k)")) }
        let follower = try replicas.open("b", session: 2)
        while follower.followStream(tends: false) {}
        follower.close()
        try FileManager.default.removeItem(atPath: replicas.path("b"))
        var embedded = EventLog.Configuration.test(replicas.path("b"))
        embedded.replica = nil
        #expect(throws: LogError.self) { try EventLog.open(embedded) }
        let again = try replicas.open("b", session: 3)
        while again.followStream(tends: false) {}
        #expect(try facts(replicas.path("b")) == facts(replicas.path("a")))
        #expect(try EventLog.loss(path: replicas.path("b")) == nil)
    }

    @Test("where there is no log, nothing is known of one")
    func nothing() throws {
        let replicas = try Replicas()
        #expect(try EventLog.facts(path: replicas.path("none")) == nil)
        try Data().write(to: URL(fileURLWithPath: replicas.path("empty")))
        #expect(try EventLog.facts(path: replicas.path("empty")) == nil)
    }
}
