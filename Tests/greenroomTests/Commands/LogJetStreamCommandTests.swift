import Domain
import EventLog
import Foundation
import NATSClient
import NATSServers
import Testing

@testable import Commands
@testable import JetStreamLog
@testable import Output

/// A log that is one file is moved into a stream by commands, looked at, and compared.
@Suite("Commands of a log on JetStream", .serialized)
struct LogJetStreamCommandTests {
    @Test(
        "servers are named by a configuration or by addresses, with one secret",
        arguments: [
            ["status"], ["status", "--servers", "http://a"], ["status", "--servers", "nats://a", "--config", "x"],
            ["status", "--servers", "nats://user:secret@a"], ["status", "--servers", "a", "--stream", "a.b"],
            ["status", "--servers", "a", "--user", "me"], ["status", "--servers", "a", "--nats-token-file", "x", "--credentials", "y"],
            ["migrate", "--servers", "a", "--replicas", "2"],
        ])
    func refused(arguments: [String]) async {
        do {
            _ = try await Greenroom.asyncParseAsRoot(["log", "jetstream"] + arguments)
            Issue.record("parsed")
        } catch {
            guard case .failure(let line, .usage) = CommandOutcome(error) else {
                Issue.record("\(CommandOutcome(error))")
                return
            }
            #expect(!line.contains("secret"), "\(line)")
        }
    }

    @Test("a URL names servers and the stream")
    func urls() throws {
        let access = try StreamAccessOptions.parse([])
        let several = try #require(try StreamOptions.url("nats://a:1,b/log-2", access))
        #expect(several.servers.map(\.description) == ["a:1", "b:4222"] && several.stream == "log-2")
        let plain = try #require(try StreamOptions.url("tls://a", access))
        #expect(plain.stream == "greenroom" && plain.servers.first?.requiresTLS == true)
        #expect(try StreamOptions.url("/backup/greenroom.db", access) == nil)
        #expect(throws: (any Error).self) { try StreamOptions.url("nats://a/b.c", access) }
    }

    @Test("a file is migrated, is the same as the stream, and then isn't", .timeLimit(.minutes(2)))
    func migrates() async throws {
        guard let program = await NATSProgram.current() else { return }
        let server = try NATSServer(program) { NATSServer.jetStream($0) }
        defer { server.remove() }
        try await server.start()
        let path = server.folder.appendingPathComponent("greenroom.db").path
        try write(path, 0..<200)
        let before = try verified(path)

        var migrate = try LogJetStreamMigrateCommand.parse(
            ["--db", path, "--servers", server.url, "--stream", "moved", "--replicas", "1", "-o", "json"])
        try await migrate.run()
        #expect(try verified(path) == before)
        let url = server.url + "/moved"
        let same = try LogVerifyCommand.parse(["--db", path, "--no-decisions", "--against", url])
        let report = try await same.verify(check: nil)
        #expect(report.problem == nil && report.against?.comparison == .same(through: 200))
        #expect(report.text(path).contains("\(url) is the same"))
        // Again: nothing is left to do.
        migrate = try LogJetStreamMigrateCommand.parse(["--db", path, "--servers", server.url, "--stream", "moved", "--replicas", "1"])
        try await migrate.run()
        try await LogJetStreamStatusCommand.parse(["--servers", server.url, "--stream", "moved", "-o", "json"]).run()

        try write(path, 200..<201)
        #expect(try await same.verify(check: nil).against?.comparison == .isAhead(through: 201, of: 200))

        // Another stream is named as missing.
        let missing = try LogJetStreamStatusCommand.parse(["--servers", server.url, "--stream", "none"])
        let fault = await #expect(throws: Fault.self) { try await missing.run() }
        #expect(fault?.status == .unreachable && fault?.what == "there is no stream none")
    }

    private func verified(_ path: String) throws -> [UInt8] {
        let report = try EventLog.verify(path: path)
        #expect(report.isSound)
        return report.lastHash
    }

    private func write(_ path: String, _ numbers: Range<Int>) throws {
        var configuration = EventLog.Configuration(path: path)
        configuration.writer = .inline
        configuration.durability = .off
        let log = try EventLog.open(configuration)
        defer { log.close() }
        for number in numbers {
            var batch = EventBatch()
            batch.append(.actorIdle, source: "agents/a", id: "id-\(number)", subject: "actor-\(number % 7)")
            log.append(batch) { if case .failure(let error) = $0 { Issue.record(error) } }
        }
    }

    @Test("what differs, what is gone and what isn't known is said")
    func words() throws {
        let info = try JSONDecoder().decode(
            StreamInfo.self,
            from: Data(
                #"{"config":{"name":"greenroom","num_replicas":3},"created":"2026-12-01T00:00:00Z","state":{"messages":40,"bytes":9000,"first_seq":1,"last_seq":40},"cluster":{"leader":"n1","replicas":[{"name":"n2"},{"name":"n3"}]}}"#
                    .utf8))
        let now = try #require(LogTime(rfc3339: "2026-12-01T00:01:00Z"))
        var note = InstanceNote(instance: "a", role: .leader, position: 36, sequence: 38, fence: 1, version: "1")
        note.at = now.adding(microseconds: -4_000_000)
        var gone = InstanceNote(instance: "b", role: .standby, position: 10, sequence: 11, fence: 1, version: "1")
        gone.at = now.adding(microseconds: -300_000_000)
        let survey = StreamSurvey(
            info: info,
            servers: [
                .init(name: "n1", role: .leader, first: 1, last: 40, isSame: true),
                .init(name: "n2", role: .replica, first: 1, last: 39, isSame: false),
                .init(name: "n3", role: .replica, problem: "it can't be reached"),
            ], instances: [note, gone], snapshots: [], comparedAt: 39)
        let status = StreamStatusText(survey, now: now)
        let text = status.text(isWide: false)
        #expect(text.contains("n2       replica       1     39   NO"), "\(text)")
        #expect(text.contains("it can't be reached") && text.contains("gone") && text.contains("No snapshots."))
        #expect(text.contains("sync_interval"))
        #expect(status.difference.hasPrefix("n2 holds another message 39 than the leader"))
        #expect(status.json.compact.contains(#""lagMessages":2"#) && status.json.compact.contains(#""same":false"#))
    }
}
