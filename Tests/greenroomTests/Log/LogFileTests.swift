import ControlLoop
import Domain
import EventLog
import Foundation
import Testing

@testable import Commands
@testable import Inspection
@testable import Output
@testable import Machine

/// A real log in a folder of its own, and the questions of the commands put to its file.
@Suite struct LogFileTests {
    private struct Scratch: ~Copyable {
        let folder: URL
        var path: String { folder.appendingPathComponent("greenroom.db").path }

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-cli-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }
    }

    /// Ten actors run one turn each, a commit an event.
    private func write(_ path: String) throws {
        var configuration = EventLog.Configuration(path: path)
        configuration.writer = .inline
        configuration.durability = .off
        let log = try EventLog.open(configuration)
        defer { log.close() }
        var id = 0
        func append(_ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, body: String = "") throws {
            id += 1
            var batch = EventBatch()
            batch.append(kind, source: "test", id: String(id), subject: subject, pool: pool, worker: worker, body: Array(body.utf8))
            log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
        }
        try append(.workerReady, "w1", pool: "demo/chat", body: #"{"node":"n1","slots":2}"#)
        for k in 0..<10 {
            try append(.actorRequested, "a\(k)", pool: "demo/chat")
            try append(.actorRunning, "a\(k)", worker: "w1")
            if k < 8 { try append(.actorSuspended, "a\(k)", worker: "w1", body: #"{"snapshot":"s"}"#) }
        }
        let decision = #"{"from":0,"to":3,"direction":"up","why":[],"inputs":{},"digest":"d"}"#
        try append(.scaleDecided, "demo/chat", pool: "demo/chat", body: decision)
    }

    @Test func eventsAreThoseOfTheLogFilteredAsAsked() async throws {
        let scratch = try Scratch()
        try write(scratch.path)
        let source = try await LogFile.events(path: scratch.path)
        func positions(_ query: EventQuery) async throws -> [Position] {
            var seen: [Position] = []
            try await source.forEachEvent(query) {
                seen.append($0.seq); return true
            }
            return seen
        }
        #expect(try await positions(EventQuery()) == Array(1...30))
        #expect(try await positions(EventQuery(after: 27)) == [28, 29, 30])
        #expect(try await positions(EventQuery(subject: "a1")) == [5, 6, 7])
        #expect(try await positions(EventQuery(kind: .actorSuspended, limit: 2)) == [4, 7])
        #expect(try await positions(EventQuery(worker: "w1", limit: 4)) == [1, 3, 4, 6])
        #expect(try await positions(EventQuery(subject: "nobody")) == [])
        #expect(try await positions(EventQuery(through: .position(3))) == [1, 2, 3])
    }

    @Test func theNewestOfASubjectAreThoseAScanFinds() async throws {
        let scratch = try Scratch()
        try write(scratch.path)
        let source = LogEvents(log: try LogFile.open(scratch.path))
        for count in [1, 2, 3, 9] {
            for query in [
                EventQuery(subject: "a1"), EventQuery(subject: "demo/chat", kind: .scaleDecided),
                EventQuery(subject: "a1", through: .position(6)),
            ] {
                let along = try await source.newest(count, query)
                let scanned = try await source.scanNewest(count, query) { _ in true }
                #expect(along.events.map(\.seq) == scanned.events.map(\.seq))
                #expect(along.hasOlder == scanned.hasOlder)
            }
        }
        #expect(try await source.newest(5, EventQuery(subject: "nobody")).events.isEmpty)
    }

    /// The file ends with its last commit, half a minute after the last decision.
    @Test func decisionsOfShadowsAreComparedFromTheFile() async throws {
        let scratch = try Scratch()
        let clock = Locked(LogTime(rfc3339: "2026-11-21T08:00:00Z")!)
        var configuration = EventLog.Configuration(path: scratch.path)
        configuration.writer = .inline
        configuration.durability = .off
        configuration.clock = { clock.value }
        let log = try EventLog.open(configuration)
        func decide(_ shadow: String, _ to: Int) {
            var batch = EventBatch()
            let body = #"{\#(shadow)"from":0,"to":\#(to),"direction":"up","why":[],"inputs":{},"digest":"d"}"#
            batch.append(
                .scaleDecided, source: "test", id: "\(log.head.seq)", subject: "demo/chat", pool: "demo/chat", body: Array(body.utf8))
            log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
        }
        decide("", 3)
        decide(#""shadow":"calm","#, 3)
        clock.value = clock.value.adding(seconds: 10)
        decide(#""shadow":"calm","#, 1)
        clock.value = clock.value.adding(seconds: 20)
        decide("", 1)
        clock.value = clock.value.adding(seconds: 30)
        var last = EventBatch()
        last.append(.actorRequested, source: "test", id: "last", subject: "a", pool: "demo/chat")
        log.append(last) { _ in }
        log.close()

        let source = try await LogFile.events(path: scratch.path)
        let diff = try await GetCommand.parse(["decisions", "--diff"]).decisionDiff(source)
        #expect(diff.stretches.map { [$0.live, $0.shadowed, Int($0.seconds)] } == [[3, 1, 20]])
        #expect(diff.shadows.map { [$0.microseconds, $0.apartMicroseconds, $0.less] } == [[60_000_000, 20_000_000, 40_000_000]])
        let early = try await GetCommand.parse(["decisions", "--diff", "--at", "3"]).decisionDiff(source)
        #expect(early.stretches.isEmpty && early.shadows.map(\.microseconds) == [10_000_000])
    }

    @Test func stateIsFoldedFromTheFile() async throws {
        let scratch = try Scratch()
        try write(scratch.path)
        let now = try await LogFile.state(path: scratch.path)
        let worker = try #require(try await now.worker("w1"))
        #expect(worker.actors == ["a8", "a9"])
        #expect(try await now.actors(namespace: "demo", limit: 100).rows.count == 10)
        let before = try await LogFile.state(path: scratch.path, at: .position(3))
        #expect(try await before.worker("w1")?.actors == ["a0"])
        #expect(try await before.actor("a5") == nil)
    }

    @Test func aLogIsSoundAndComesBackFromItsExport() async throws {
        let scratch = try Scratch()
        try write(scratch.path)
        let verified = try await LogVerifyCommand.parse(["--db", scratch.path]).verify(check: nil)
        #expect(verified.problem == nil)
        #expect(verified.chain.events == 30)
        let export = scratch.folder.appendingPathComponent("e.ndjson").path
        try await LogExportCommand.parse([export, "--db", scratch.path]).run()
        let copy = scratch.folder.appendingPathComponent("copy.db").path
        try await LogImportCommand.parse([export, "--db", copy]).run()
        let again = try await LogVerifyCommand.parse(["--db", copy]).verify(check: nil)
        #expect(again.problem == nil)
        #expect((again.chain.events, again.chain.commits) == (30, 30))
        #expect(
            try LogStatsCommand.parse(["--db", copy, "--kinds"]).rows().contains {
                $0.name == "events.actor.suspended" && $0.json == .number("8")
            })
        await #expect { try await LogExportCommand.parse([export, "--db", copy]).run() } throws: { ($0 as? Fault)?.status == .unreachable }
        await #expect { try await LogImportCommand.parse([export, "--db", copy]).run() } throws: { ($0 as? Fault)?.status == .usage }
    }

    @Test func aLogIsComparedWithACopyOfIt() async throws {
        let scratch = try Scratch()
        try write(scratch.path)
        let copy = scratch.folder.appendingPathComponent("copy.db").path
        try FileManager.default.copyItem(atPath: scratch.path, toPath: copy)
        let command = try LogVerifyCommand.parse(["--db", scratch.path, "--against", copy])
        let same = try await command.verify(check: nil)
        #expect(same.problem == nil && same.against?.comparison == .same(through: 30))
        #expect(same.text(scratch.path).contains("\(copy) is the same"))
        func append(_ id: String, to path: String) throws {
            var configuration = EventLog.Configuration(path: path)
            configuration.writer = .inline
            let log = try EventLog.open(configuration)
            defer { log.close() }
            var batch = EventBatch()
            batch.append(.actorIdle, source: "test", id: id, subject: "a1")
            log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
        }
        try append("x", to: copy)
        #expect(try await command.verify(check: nil).problem == nil)
        try append("y", to: scratch.path)
        let found = try await command.verify(check: nil)
        #expect(found.problem == "compared with \(copy): the commit at position 31 isn't the same in both")
        await #expect { try await command.run() } throws: { ($0 as? Fault)?.status == .no }
    }

    @Test func aBrokenExportLeavesNothing() async throws {
        let scratch = try Scratch()
        let export = scratch.folder.appendingPathComponent("e.ndjson").path
        try Data("{\"seq\":7}\n".utf8).write(to: URL(fileURLWithPath: export))
        let copy = scratch.folder.appendingPathComponent("copy.db").path
        await #expect { try await LogImportCommand.parse([export, "--db", copy]).run() } throws: { error in
            (error as? Fault)?.status == .no && (error as? Fault)?.what.contains("line 1") == true
        }
        #expect(!FileManager.default.fileExists(atPath: copy))
    }

    @Test func aDecisionThatComesOutOtherwiseIsANo() async throws {
        let scratch = try Scratch()
        try write(scratch.path)
        let check = DecisionCheck { _, _ in .init(decisions: 1, fault: .init(position: 30, problem: "4, not 3")) }
        let verified = try await LogVerifyCommand.parse(["--db", scratch.path]).verify(check: check)
        #expect(verified.problem == "the decision at position 30 comes out otherwise: 4, not 3")
    }

    @Test func whatIsNoLogIsSaidToBeNone() async throws {
        let scratch = try Scratch()
        try Data("not a database, and long enough to be looked at as one".utf8).write(to: URL(fileURLWithPath: scratch.path))
        await #expect { try await LogFile.events(path: scratch.path) } throws: { ($0 as? Fault)?.status == .unreachable }
        await #expect { try await LogFile.state(path: "/nowhere/x.db") } throws: { ($0 as? Fault)?.status == .unreachable }
        await #expect { try await LogVerifyCommand.parse(["--db", "/nowhere/x.db"]).run() } throws: {
            ($0 as? Fault)?.status == .unreachable
        }
    }
}
