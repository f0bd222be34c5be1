import Domain
import EventLog
import Foundation
import GRDB
import Testing

@testable import EventLog

// Who is meant: the log's writer decides, and what it stored stays.

@Suite("Actors and workers are names within a namespace")
struct IdentityTests {
    let directory: TemporaryDirectory
    let log: EventLog

    init() throws {
        directory = try TemporaryDirectory()
        log = try EventLog.open(.test(directory.file("a.db")))
    }

    private struct Sent {
        var kind: EventKind
        var subject: String
        var pool: String?
        var worker: String?
        var source = "/agents"
        var isExact = false
    }

    /// Subject and worker as they are stored.
    private func send(_ sent: Sent, to log: EventLog? = nil) throws -> (subject: String, worker: String, receipt: AppendReceipt) {
        let log = log ?? self.log
        var batch = EventBatch()
        batch.append(
            sent.kind, source: sent.source, id: UUID().uuidString, subject: sent.subject, pool: sent.pool, worker: sent.worker,
            body: sent.kind == .workerReady ? Array(#"{"node":"n1"}"#.utf8) : [], isExact: sent.isExact)
        let receipt = try log.appendNow(batch)
        let event = try #require(try log.event(at: receipt.lastSeq)?.events.first)
        return (log.names.text(of: event.subject), log.names.text(of: event.worker), receipt)
    }

    private func request(_ subject: String, in pool: String, source: String = "/agents") throws -> String {
        try send(Sent(kind: .actorRequested, subject: subject, pool: pool, source: source)).subject
    }

    private func ready(_ subject: String, in pool: String, source: String = "/agents") throws -> String {
        try send(Sent(kind: .workerReady, subject: subject, pool: pool, source: source)).subject
    }

    @Test("the first of a name has it alone, later ones of other namespaces theirs before it, however they are sent")
    func withPools() throws {
        #expect(try request("session-1", in: "a/x") == "session-1")
        #expect(try request("session-1", in: "b/y") == "b/session-1")
        #expect(try request("a/session-1", in: "a/z") == "session-1")
        #expect(try request("b/session-1", in: "b/y") == "b/session-1")
        #expect(try request("c/session-2", in: "c/x") == "session-2")
        #expect(try request("session-2", in: "c/y") == "session-2")
        #expect(try request("session-3", in: "plain") == "session-3")
        #expect(try request("default/session-3", in: "plain") == "session-3")
        #expect(try ready("box-0", in: "a/x") == "box-0")
        #expect(try ready("b/box-0", in: "b/y") == "b/box-0")
    }

    @Test("a subject of another namespace than its pool's is refused, and both are named")
    func foreign() throws {
        #expect { try request("b/session-1", in: "a/x") } throws: { error in
            guard case .invalid(0, let problem) = error as? AppendError else { return false }
            return problem.contains("b/session-1") && problem.contains("a/x")
        }
        #expect(log.head.seq == 0)
    }

    @Test("without a pool a name is the only one, or the one of its worker's namespace, or of its source's")
    func withoutPools() throws {
        _ = try ready("box-a", in: "a/x", source: "/kubelet")
        _ = try ready("box-b", in: "b/y", source: "/kubelet")
        _ = try request("session-1", in: "a/x", source: "/agents/a")
        #expect(try send(Sent(kind: .actorRunning, subject: "session-1", worker: "box-a")).subject == "session-1")
        _ = try request("session-1", in: "b/y", source: "/agents/b")
        #expect(try send(Sent(kind: .actorRunning, subject: "session-1", worker: "box-b")).subject == "b/session-1")
        #expect(try send(Sent(kind: .actorIdle, subject: "session-1", source: "/agents/b")).subject == "b/session-1")
        #expect(try send(Sent(kind: .actorIdle, subject: "session-1", source: "/agents/a")).subject == "session-1")
        #expect(try send(Sent(kind: .actorIdle, subject: "a/session-1", source: "/gateway")).subject == "session-1")
        #expect(try send(Sent(kind: .actorIdle, subject: "b/session-1", source: "/gateway")).subject == "b/session-1")
    }

    @Test("a worker is the one of its actor's namespace")
    func workers() throws {
        _ = try ready("box-0", in: "a/x", source: "/kubelet")
        _ = try ready("box-0", in: "b/y", source: "/kubelet")
        _ = try request("session-1", in: "a/x")
        _ = try request("session-2", in: "b/y")
        #expect(try send(Sent(kind: .actorRunning, subject: "session-1", worker: "box-0")).worker == "box-0")
        #expect(try send(Sent(kind: .actorRunning, subject: "session-2", worker: "box-0")).worker == "b/box-0")
        #expect(try send(Sent(kind: .actorRunning, subject: "session-2", worker: "b/box-0")).worker == "b/box-0")
        #expect(try send(Sent(kind: .workerGone, subject: "b/box-0", source: "/gateway")).subject == "b/box-0")
        #expect(try send(Sent(kind: .workerGone, subject: "a/box-0", source: "/gateway")).subject == "box-0")
    }

    @Test("an actor and a worker of one name in two namespaces are not mixed up")
    func roles() throws {
        _ = try request("same", in: "a/x")
        _ = try ready("same", in: "b/y")
        #expect(try send(Sent(kind: .actorIdle, subject: "same", source: "/gateway")).subject == "same")
        #expect(try send(Sent(kind: .workerGone, subject: "same", source: "/gateway")).subject == "b/same")
    }

    @Test("what may be several is none of them, and the sender is told")
    func ambiguous() throws {
        _ = try request("session-1", in: "a/x")
        _ = try request("session-1", in: "b/y")
        let sent = try send(Sent(kind: .actorIdle, subject: "session-1", source: "/gateway"))
        #expect(sent.subject == "/session-1" && sent.receipt.ambiguous == [0] && sent.receipt.accepted == 1)
        let batch = try #require(try log.event(at: sent.receipt.lastSeq))
        var line: [UInt8] = []
        CloudEventWriter.append(batch.events[0], of: batch, names: log.names, to: &line)
        let text = String(decoding: line, as: UTF8.self)
        #expect(text.contains(#""subject":"session-1""#) && text.contains(#""ambiguous":true"#))
        #expect(try log.verify().isSound)
    }

    @Test("a worker of another namespace is said to be of it, and found again when that line is read")
    func spilled() throws {
        _ = try request("session-1", in: "a/x")
        _ = try ready("box-0", in: "b/y")
        let sent = try send(Sent(kind: .actorRunning, subject: "a/session-1", worker: "b/box-0"))
        #expect(sent.worker == "box-0")
        let batch = try #require(try log.event(at: sent.receipt.lastSeq))
        var line: [UInt8] = []
        CloudEventWriter.append(batch.events[0], of: batch, names: log.names, to: &line)
        let text = String(decoding: line, as: UTF8.self)
        #expect(text.contains(#""namespace":"a""#) && text.contains(#""worker":"b/box-0""#) && !text.contains("workernamespace"))
    }

    @Test("the loop's own events mean exactly what they name")
    func exact() throws {
        _ = try request("session-1", in: "a/x")
        _ = try request("session-1", in: "b/y")
        _ = try ready("box-0", in: "a/x")
        #expect(
            try send(Sent(kind: .actorPlaced, subject: "session-1", worker: "box-0", source: "/greenroom", isExact: true)).subject
                == "session-1")
        #expect(
            try send(Sent(kind: .actorPlaced, subject: "b/session-1", worker: "box-0", source: "/greenroom", isExact: true)).subject
                == "b/session-1")
    }

    @Test("what is known survives a restart, with a saved state and without", arguments: [false, true])
    func restart(rebuilds: Bool) throws {
        _ = try request("session-1", in: "a/x", source: "/agents/a")
        _ = try request("session-1", in: "b/y", source: "/agents/b")
        _ = try ready("box-0", in: "b/y", source: "/agents/b")
        _ = try ready("box-0", in: "a/x", source: "/agents/a")
        _ = try send(Sent(kind: .actorRunning, subject: "lonely", worker: "b/box-0"))
        log.close()
        var configuration = EventLog.Configuration.test(directory.file("a.db"))
        configuration.rebuildsDerived = rebuilds
        let again = try EventLog.open(configuration)
        #expect(try send(Sent(kind: .actorIdle, subject: "session-1", source: "/agents/b"), to: again).subject == "b/session-1")
        #expect(try send(Sent(kind: .actorRequested, subject: "session-1", pool: "a/z"), to: again).subject == "session-1")
        #expect(try send(Sent(kind: .workerGone, subject: "box-0", source: "/agents/a"), to: again).subject == "a/box-0")
        // It was seen on a worker of b, so that is where it is.
        #expect(try send(Sent(kind: .actorRequested, subject: "lonely", pool: "a/x"), to: again).subject == "a/lonely")
        #expect(try again.verify().isSound)
    }

    @Test("a commit that fails leaves nobody known")
    func dropped() throws {
        _ = try request("session-1", in: "a/x")
        try rawConnection(directory.file("a.db")).write { db in
            try db.execute(sql: "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END")
        }
        #expect(throws: AppendError.self) { try request("session-1", in: "b/y") }
        #expect(throws: AppendError.self) { try request("session-2", in: "b/y") }
        try rawConnection(directory.file("a.db")).write { db in try db.execute(sql: "DROP TRIGGER full") }
        #expect(try request("session-2", in: "c/x") == "session-2")
        #expect(try request("session-2", in: "b/y") == "b/session-2")
    }

    @Test("an export is made the same log again; so is what was read line by line")
    func transfer() throws {
        _ = try request("session-1", in: "a/x")
        _ = try request("session-1", in: "b/y")
        _ = try ready("box-0", in: "b/y")
        _ = try send(Sent(kind: .actorRunning, subject: "a/session-1", worker: "b/box-0"))
        _ = try send(Sent(kind: .actorIdle, subject: "session-1", source: "/gateway"))
        let lines = try log.lines()
        let copy = try imported(lines, "b.db")
        #expect(try copy.lines() == lines)
        #expect(try copy.verify().isSound)
        var read: [UInt8] = []
        for batch in try log.read(after: 0, limitEvents: .max) {
            for event in batch.events {
                CloudEventWriter.append(event, of: batch, names: log.names, to: &read)
                read.append(UInt8(ascii: "\n"))
            }
        }
        #expect(try imported(String(decoding: read, as: UTF8.self), "c.db").lines() == lines)
    }

    private func imported(_ text: String, _ name: String) throws -> EventLog {
        let log = try EventLog.open(.test(directory.file(name)))
        var importing = try LogImport(into: log)
        for line in text.split(separator: "\n") { try Array(line.utf8).withUnsafeBufferPointer { try importing.add($0) } }
        _ = try importing.finish()
        return log
    }
}

@Suite("A log of the time when names alone counted")
struct OldIdentityTests {
    /// Written by the version before: `session-1` went from a/x to b/y, `box-0` of b/y was turned away as a/x had one, and names
    /// with slashes are there.
    private func old() throws -> (EventLog, TemporaryDirectory) {
        let directory = try TemporaryDirectory()
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/names-alone.sqlite").path
        let path = directory.file("old.db")
        try FileManager.default.copyItem(atPath: fixture, toPath: path)
        return (try EventLog.open(.test(path)), directory)
    }

    private func send(_ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, to log: EventLog) throws -> String {
        var batch = EventBatch()
        batch.append(kind, source: "/new", id: UUID().uuidString, subject: subject, pool: pool, worker: worker)
        let receipt = try log.appendNow(batch)
        return log.names.text(of: try #require(try log.event(at: receipt.lastSeq)?.events.first).subject)
    }

    @Test("it opens, is sound, is exported and imported as it is")
    func opens() throws {
        let (log, directory) = try old()
        #expect(try log.verify().isSound)
        let lines = try log.lines()
        let copy = try EventLog.open(.test(directory.file("copy.db")))
        var importing = try LogImport(into: copy)
        for line in lines.split(separator: "\n") { try Array(line.utf8).withUnsafeBufferPointer { try importing.add($0) } }
        _ = try importing.finish()
        #expect(try copy.lines() == lines)
    }

    @Test("its actors and workers go on, and others of their names come beside them")
    func goesOn() throws {
        let (log, directory) = try old()
        defer { withExtendedLifetime(directory) {} }
        #expect(try send(.actorRequested, "session-1", pool: "b/y", to: log) == "session-1")
        #expect(try send(.actorRequested, "session-1", pool: "a/x", to: log) == "a/session-1")
        #expect(try send(.workerReady, "box-0", pool: "a/x", to: log) == "box-0")
        #expect(try send(.workerReady, "box-0", pool: "b/y", to: log) == "b/box-0")
        #expect(try send(.actorSuspended, "team/agent-1", worker: "a/box-0", to: log) == "team/agent-1")
        #expect(try send(.actorRequested, "team/agent-1", pool: "a/x", to: log) == "team/agent-1")
        #expect(throws: AppendError.self) { try send(.actorRequested, "team/agent-9", pool: "a/x", to: log) }
        // Two names then, two names now.
        #expect(try send(.actorRequested, "a/agent-2", pool: "a/x", to: log) == "a/agent-2")
        #expect(try send(.actorRequested, "agent-2", pool: "a/x", to: log) == "agent-2")
        #expect(try send(.actorDeleted, "agent-2", to: log) == "agent-2")
        #expect(try log.verify().isSound)
    }
}
