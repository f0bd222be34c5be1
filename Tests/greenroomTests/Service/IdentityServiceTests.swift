import ControlLoop
import Domain
import EventLog
import Foundation
import Logging
import Testing
import TestSupport

@testable import Assembly
@testable import Commands
@testable import Inspection

// One name in two namespaces, through the whole service and its commands; and a log of the time when names alone counted.

@Suite struct IdentityServiceTests {
    private func run(old: Bool = false, _ body: (ServiceConnection, String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-identity-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let database = "\(folder)/greenroom.db"
        if old {
            let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
                .appendingPathComponent("EventLogTests/Fixtures/names-alone.sqlite").path
            try FileManager.default.copyItem(atPath: fixture, toPath: database)
        }
        var configuration = try ServiceConfiguration(yaml: "listen: 127.0.0.1:0\n", file: "\(folder)/greenroom.yaml")
        configuration.database = database
        try await withService(configuration) { url in
            let api = try await ServiceConnection.open(url: url, token: nil)
            let result: Result<Void, any Error>
            do {
                try await eventually("it listens") { (try? await api.send(APIRequest(path: "/livez")))?.status == 200 }
                result = .success(try await body(api, database))
            } catch { result = .failure(error) }
            await api.close()
            try result.get()
        }
    }

    private func send(_ kind: String, _ subject: String, _ data: String, to api: ServiceConnection) async throws {
        let event =
            #"{"specversion":"1.0","type":"dev.greenroom.\#(kind)","source":"/t","id":"\#(UUID().uuidString)","subject":"\#(subject)","data":\#(data)}"#
        let response = try await api.send(
            APIRequest(method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(event.utf8)))
        #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
    }

    private func table(_ arguments: [String], _ state: any StateSource) async throws -> String {
        let command = try GetCommand.parse(arguments)
        return try await command.listing(state).table.text
    }

    @Test func `two actors of one name, told apart by the commands, from the service and from its file`() async throws {
        try await run { api, database in
            try await send("worker.ready", "box-0", #"{"pool":"a/x","node":"n1"}"#, to: api)
            try await send("worker.ready", "box-0", #"{"pool":"b/y","node":"n2"}"#, to: api)
            try await send("actor.requested", "session-1", #"{"pool":"a/x"}"#, to: api)
            try await send("actor.requested", "session-1", #"{"pool":"b/y"}"#, to: api)
            let server = ServerState(api: api)
            try await eventually("both are placed") {
                try await server.actors(pool: nil, status: nil, after: nil, limit: 10).count { $0.worker == "box-0" } == 2
            }
            try await send("actor.running", "b/session-1", #"{"worker":"b/box-0"}"#, to: api)
            try await eventually("it runs") { try await server.actor("b/session-1")?.status == "STATUS_RUNNING" }
            let file = try await LogFile.state(path: database)
            for state in [server as any StateSource, file] {
                let actors = try await table(["actors"], state)
                #expect(actors.contains("a ") && actors.contains("b ") && !actors.contains("b/session-1"), "\(actors)")
                #expect(try await table(["actors", "session-1", "-n", "b"], state).contains("STATUS_RUNNING"))
                #expect(try await table(["actors", "a/session-1"], state).contains("STATUS_RESUMING"))
                #expect(try await table(["workers", "box-0", "-n", "a"], state).contains("n1"))
                await #expect { _ = try await table(["actors", "session-1"], state) } throws: { error in
                    "\(error)".contains("a/session-1") && "\(error)".contains("b/session-1")
                }
            }
            let fileEvents = try await LogFile.events(path: database)
            for events in [server as any EventSource, fileEvents] {
                let history = try await HistoryCommand.parse(["actor", "session-1", "-n", "b"]).history(events)
                #expect(history.steps.map(\.event.kindName) == ["actor.requested", "actor.placed", "actor.running"])
                let worker = try await HistoryCommand.parse(["worker", "a/box-0"]).history(events)
                #expect(worker.steps.map(\.event.kindName) == ["worker.ready", "actor.placed"])
            }
        }
    }

    @Test func `an old log opens and goes on, and others come beside its names`() async throws {
        try await run(old: true) { api, database in
            let server = ServerState(api: api)
            #expect(try await server.actor("session-1")?.namespace == "b")
            try await send("actor.requested", "session-1", #"{"pool":"b/y"}"#, to: api)
            try await send("worker.ready", "box-2", #"{"pool":"a/x","node":"n9","slots":2}"#, to: api)
            try await send("actor.requested", "session-1", #"{"pool":"a/x"}"#, to: api)
            try await eventually("both are placed") {
                let found = try await server.actors(pool: nil, status: nil, after: nil, limit: 100).filter { $0.id == "session-1" }
                return found.count == 2 && found.allSatisfy { $0.worker != nil }
            }
            // The worker of b/y that had been turned away comes again, and is taken.
            try await send("worker.ready", "box-0", #"{"pool":"b/y","node":"n3"}"#, to: api)
            try await eventually("it is taken") { try await server.worker("b/box-0")?.node == "n3" }
            #expect(try await server.worker("a/box-0")?.actors == ["team/agent-1"])
            #expect(try LogFile.open(database).verify().isSound)
        }
    }
}
