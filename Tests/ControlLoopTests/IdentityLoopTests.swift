import Domain
import EventLog
import Foundation
import Replay
import Testing

@testable import ControlLoop
@testable import Views
@testable import State

// An actor, and a worker, is a name within a namespace; a worker whose name comes again with another uid is another one.

@Suite struct IdentityLoopTests {
    private func view(_ loop: LoopHarness, worker name: String) -> WorkerView? {
        loop.state.workerView(named: name, names: loop.log.names, at: loop.scheduler.now)
    }

    private func twoNamespaces() throws -> LoopHarness {
        let loop = try LoopHarness()
        loop.send(.workerReady, "box-0", #"{"pool":"a/x","node":"n1"}"#)
        loop.send(.workerReady, "box-0", #"{"pool":"b/y","node":"n2"}"#)
        loop.request("session-1", pool: "a/x")
        loop.request("session-1", pool: "b/y")
        loop.settle()
        return loop
    }

    @Test func `one name in two namespaces is two actors on two workers`() throws {
        let loop = try twoNamespaces()
        for (namespace, node) in [("a", "n1"), ("b", "n2")] {
            let actor = try #require(loop.view(of: "\(namespace)/session-1"))
            #expect(actor.id == "session-1" && actor.namespace == namespace && actor.worker == "box-0" && actor.node == node, "\(actor)")
            #expect(view(loop, worker: "\(namespace)/box-0")?.actors == ["session-1"])
        }
        #expect(loop.view(of: "session-1") == nil)
        #expect(loop.state.actorViews(named: "session-1", log: loop.log, at: loop.scheduler.now).map(\.namespace) == ["a", "b"])
        #expect(loop.state.workerViews(named: "box-0", names: loop.log.names, at: loop.scheduler.now).map(\.node) == ["n1", "n2"])
        loop.send(.actorRunning, "b/session-1", #"{"worker":"box-0"}"#)
        loop.send(.actorRunning, "a/session-1", #"{"worker":"a/box-0"}"#)
        loop.send(.workerGone, "b/box-0", #"{"reason":"evicted"}"#)
        loop.settle()
        #expect(loop.view(of: "a/session-1")?.status == "STATUS_RUNNING")
        #expect(loop.view(of: "b/session-1")?.status == "STATUS_CRASHED")
        #expect(view(loop, worker: "b/box-0") == nil && view(loop, worker: "box-0")?.namespace == "a")
    }

    @Test func `what may be several changes neither`() throws {
        let loop = try twoNamespaces()
        let before = [loop.view(of: "a/session-1"), loop.view(of: "b/session-1")].map { $0?.seq }
        loop.send(.actorRunning, "session-1", #"{"worker":"box-0"}"#)
        loop.send(.actorDeleted, "session-1")
        loop.settle()
        #expect([loop.view(of: "a/session-1"), loop.view(of: "b/session-1")].map { $0?.seq } == before)
        #expect(
            loop.state.actorViews(pool: nil, status: nil, after: nil, limit: 10, names: loop.log.names, at: loop.scheduler.now).count == 2)
        let last = try loop.log.read(after: 0, limitEvents: .max).flatMap(\.events).suffix(2)
        #expect(last.allSatisfy { $0.superseded })
    }

    @Test func `workers are listed page by page though some have one name`() throws {
        let loop = try twoNamespaces()
        loop.send(.workerReady, "box-1", #"{"pool":"a/x","node":"n1"}"#)
        loop.settle()
        let page = { (after: String?) in
            loop.state.workerViews(pool: nil, after: after, limit: 1, names: loop.log.names, at: loop.scheduler.now).map {
                "\($0.namespace)/\($0.name)"
            }
        }
        #expect(page(nil) == ["a/box-0"])
        #expect(page("a/box-0") == ["b/box-0"])
        #expect(page("b/box-0") == ["a/box-1"])
        #expect(page("box-0") == ["a/box-1"])
        #expect(page("a/box-1") == [])
    }

    @Test func `a name that comes again with another uid is another worker`() throws {
        let loop = try LoopHarness()
        loop.send(.workerReady, "box-0", #"{"pool":"a/x","node":"n1","uid":"u1"}"#)
        loop.request("session-1", pool: "a/x")
        loop.settle()
        loop.send(.actorRunning, "session-1", #"{"worker":"box-0"}"#)
        loop.send(.workerGone, "box-0", #"{"reason":"late news of an earlier one","uid":"u0"}"#)
        loop.send(.workerDraining, "box-0", #"{"reason":"the same","uid":"u0"}"#)
        loop.settle()
        #expect(view(loop, worker: "box-0")?.status == "BUSY")
        #expect(view(loop, worker: "box-0")?.uid == "u1")
        // It says who it is again, and so does the process in it, which knows no uid.
        loop.send(.workerReady, "box-0", #"{"pool":"a/x","node":"n1","uid":"u1"}"#)
        loop.send(.workerReady, "box-0", #"{"pool":"a/x","node":"n1"}"#)
        loop.settle()
        #expect(loop.view(of: "session-1")?.status == "STATUS_RUNNING" && view(loop, worker: "box-0")?.uid == "u1")
        loop.send(.workerReady, "box-0", #"{"pool":"a/x","node":"n2","uid":"u2"}"#)
        loop.settle()
        #expect(loop.view(of: "session-1")?.status == "STATUS_CRASHED")
        #expect(view(loop, worker: "box-0").map { [$0.uid, $0.node, $0.status] } == ["u2", "n2", "FREE"])
        loop.send(.workerGone, "box-0", #"{"reason":"late","uid":"u1"}"#)
        loop.settle()
        #expect(view(loop, worker: "box-0") != nil)
        let bytes = loop.state.encoded()
        #expect(try State(decoding: bytes).encoded() == bytes)
        loop.send(.workerGone, "box-0", #"{"reason":"its pod was deleted","uid":"u2"}"#)
        loop.settle()
        #expect(view(loop, worker: "box-0") == nil)
    }

    @Test func `a restart and a fold of the whole log find the same two`() throws {
        let loop = try twoNamespaces()
        let before = loop.state.encoded()
        loop.restart()
        #expect(loop.state.encoded() == before)
        #expect(try History.state(of: loop.log, at: .position(.max), ignoringCheckpoints: true).encoded() == before)
        var verifier = DecisionVerifier(log: loop.log)
        #expect(try verifier.verify().first == nil)
    }

    @Test func `a log of the time when names alone counted is folded as it was, and goes on`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-old-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("EventLogTests/Fixtures/names-alone.sqlite")
        let path = folder.appendingPathComponent("old.db").path
        try FileManager.default.copyItem(atPath: fixture.path, toPath: path)
        var configuration = EventLog.Configuration(path: path)
        configuration.writer = .inline
        configuration.durability = .off
        let log = try EventLog.open(configuration)
        defer { log.close() }
        var verifier = DecisionVerifier(log: log)
        let report = try verifier.verify()
        #expect(report.checked == 10 && report.first == nil)
        let state = try History.state(of: log, at: .position(.max), ignoringCheckpoints: true)
        let actors = state.actorViews(pool: nil, status: nil, after: nil, limit: 10, names: log.names, at: state.at).map {
            "\($0.namespace)/\($0.id) \($0.status)"
        }
        #expect(
            actors == [
                "b/session-1 STATUS_SUSPENDED", "a/team/agent-1 STATUS_RUNNING", "a/agent-2 STATUS_SUSPENDED", "a/agent-2 STATUS_SUSPENDED",
                "a/lonely STATUS_WAITING", "/ghost STATUS_RUNNING",
            ])
        #expect(state.actor(named: "a/team/agent-1", log.names) != nil && state.actor(named: "team/agent-1", log.names) != nil)
    }
}
