import Autoscaling
import ControlLoop
import Domain
import EventLog
import Foundation
import GRDB
import Replay
import Simulation
import Synchronization
import Testing

@testable import Commands
@testable import Inspection
@testable import Output

// What does a user of `replay`, `tune --db` and `log checkpoint` see?

@Suite struct ReplayCommandTests {
    /// A log of one pool: a policy, two turns, and the decisions that follow.
    private final class Scratch: Sendable {
        let folder: URL
        var path: String { folder.appendingPathComponent("greenroom.db").path }
        private let now = Mutex(LogTime(rfc3339: "2026-11-21T08:00:00Z") ?? .zero)
        private let ids = Mutex(0)

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-replay-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        private func open() throws -> EventLog {
            var configuration = EventLog.Configuration(path: path)
            configuration.writer = .inline
            configuration.durability = .off
            configuration.clock = { self.now.withLock { $0 } }
            return try EventLog.open(configuration)
        }

        /// A third actor asks, and the decision that follows.
        func writeMore() throws {
            let log = try open()
            defer { log.close() }
            append(log, .actorRequested, "a3", pool: "demo/chat", after: 1)
            append(log, .actorRequested, "a4", pool: "demo/chat", after: 1)
            append(log, .actorRequested, "a5", pool: "demo/chat", after: 1)
            try decide(log)
        }

        func write() throws {
            let log = try open()
            defer { log.close() }
            var policy = Policy(pool: "demo/chat", target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "chat"))
            policy.triggers = [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
            var canonical = JSONWriter()
            policy.appendCanonicalJSON(to: &canonical)
            append(log, .policyApplied, "demo/chat", pool: "demo/chat", body: #"{"policy":\#(canonical.text),"digest":"d"}"#)
            try decide(log)
            for k in 1...2 {
                append(log, .actorRequested, "a\(k)", pool: "demo/chat", after: 1)
                try decide(log)
                append(log, .workerReady, "w\(k)", pool: "demo/chat", body: #"{"node":"n1"}"#, after: 2)
                append(log, .actorPlaced, "a\(k)", worker: "w\(k)", body: #"{"tier":"cold"}"#)
                append(log, .actorRunning, "a\(k)", worker: "w\(k)")
            }
            for k in 1...2 { append(log, .actorSuspended, "a\(k)", worker: "w\(k)", body: #"{"snapshot":"s3://b/\#(k)"}"#, after: 3) }
        }

        private func append(
            _ log: EventLog, _ kind: EventKind, _ subject: String, pool: String? = nil, worker: String? = nil, body: String = "",
            after seconds: Int = 0
        ) {
            now.withLock { $0 = $0.adding(seconds: seconds) }
            let id = ids.withLock { ids in
                ids += 1
                return String(ids)
            }
            var batch = EventBatch()
            batch.append(kind, source: "test", id: id, subject: subject, pool: pool, worker: worker, body: Array(body.utf8))
            log.append(batch) { result in if case .failure(let error) = result { Issue.record(error) } }
        }

        private func decide(_ log: EventLog) throws {
            let state = try History.state(of: log, at: .position(.max))
            let pool = try #require(log.names.find("demo/chat"))
            let decision = try #require(state.decision(for: pool))
            append(log, .scaleDecided, "demo/chat", pool: "demo/chat", body: String(decoding: decision.body, as: UTF8.self))
        }

        func change(_ from: String, to: String, in kind: EventKind) throws {
            try DatabaseQueue(path: path).write { db in
                for name in try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'trigger'") {
                    try db.execute(sql: "DROP TRIGGER \(name)")
                }
                try db.execute(sql: "UPDATE events SET body = replace(body, ?, ?) WHERE kind = ?", arguments: [from, to, kind.rawValue])
            }
        }
    }

    private func replayed(_ scratch: Scratch, _ arguments: String...) async throws -> Replayed {
        let command = try ReplayCommand.parse(["--db", scratch.path] + arguments)
        let file = try LogFile.open(scratch.path)
        defer { file.close() }
        return try await command.replay(file, try command.stretch.stretch(of: file))
    }

    @Test func aLogThatComesOutTheSameIsSummedUp() async throws {
        let scratch = try Scratch()
        try scratch.write()
        let all = try await replayed(scratch)
        #expect(all.problem == nil)
        #expect(
            all.text.contains("14 events of \(scratch.path), position 1 to 14")
                && all.text.contains("3 decisions came out the same, byte for byte"))
        #expect(all.text.contains("demo/chat       14           3     2       0      2"))
        #expect(all.json["same"] == .bool(true) && all.json["decisions"] == .number("3"))
        let part = try await replayed(scratch, "--from", "4", "--to", "2026-11-21T08:00:03Z", "--pool", "demo/chat")
        #expect(part.problem == nil && part.json["decisions"] == .number("1") && part.json["from"] == .number("4"))
        try await ReplayCommand.parse(["--db", scratch.path, "--speed", "1000", "-o", "json"]).run()
    }

    @Test func aChangedDecisionIsShownFieldByField() async throws {
        let scratch = try Scratch()
        try scratch.write()
        try scratch.change(#""to":1"#, to: #""to":7"#, in: .scaleDecided)
        let found = try await replayed(scratch)
        #expect(found.text.contains("to      7          1\n"))
        #expect(found.problem?.contains("its hash differs") == true && found.problem?.contains("comes out otherwise") == true)
        #expect(
            found.json["difference"]["fields"].array.first
                == .object([
                    .init(key: "path", value: .string("to")), .init(key: "recorded", value: .string("7")),
                    .init(key: "recomputed", value: .string("1")),
                ]))
        await #expect { try await ReplayCommand.parse(["--db", scratch.path, "-o", "json"]).run() } throws: {
            ($0 as? Fault)?.status == .no
        }
    }

    @Test func aChangedEventIsFoundByReplayAndByVerify() async throws {
        let scratch = try Scratch()
        try scratch.write()
        try scratch.change("s3://b/2", to: "s3://b/3", in: .actorSuspended)
        await #expect { try await ReplayCommand.parse(["--db", scratch.path, "-o", "json"]).run() } throws: {
            ($0 as? Fault)?.status == .no
        }
        await #expect { try await LogVerifyCommand.parse(["--db", scratch.path, "-o", "json"]).run() } throws: {
            ($0 as? Fault)?.status == .no
        }
        await #expect { try await ReplayCommand.parse(["--db", scratch.path, "--policy", "builtin:fixed:1"]).run() } throws: {
            ($0 as? Fault)?.status == .no
        }
        #expect(try await replayed(scratch, "--to", "13").problem == nil)
    }

    @Test(
        "what can't be done, and its status",
        arguments: [
            (["--db", "/nowhere/x.db"], .unreachable), (["--pool", "demo/none"], .no), (["--pool", "chat"], .no),
            (["--from", "900"], .no),
            (["--policy", "/nowhere/p.yaml"], .unreachable), (["--policy", "builtin:nothing"], .usage),
        ] as [([String], Output.ExitStatus)])
    func refused(arguments: [String], status: Output.ExitStatus) async throws {
        let scratch = try Scratch()
        try scratch.write()
        let all = arguments.contains("--db") ? arguments : ["--db", scratch.path] + arguments
        await #expect { try await ReplayCommand.parse(all).run() } throws: { ($0 as? Fault)?.status == status }
    }

    @Test func whatIsNoLogCanNotBeReplayed() async throws {
        let scratch = try Scratch()
        try Data("not a database, and long enough to be looked at as one".utf8).write(to: URL(fileURLWithPath: scratch.path))
        await #expect { try await ReplayCommand.parse(["--db", scratch.path]).run() } throws: { ($0 as? Fault)?.status == .unreachable }
    }

    @Test(arguments: [["--speed", "0"], ["--speed", "fast"], ["--from", "sometime"], ["--speed", "2", "--policy", "p.yaml"]])
    func nonsenseIsRefused(arguments: [String]) {
        #expect(throws: (any Error).self) { try ReplayCommand.parse(arguments) }
    }

    @Test func policiesAreComparedWithWhatWas() async throws {
        let scratch = try Scratch()
        try scratch.write()
        let file = try LogFile.open(scratch.path)
        defer { file.close() }
        let stretch = try #require(try LogStretch(of: file))
        let histories = try PoolHistories.read(file, stretch, pools: [])
        let answers = try await WhatIf(policies: [.fixed(2)], seed: 1).answers(histories, path: scratch.path, draws: true)
        let text = WhatIfTables.text(answers)
        #expect(
            text.hasPrefix("pool demo/chat: 2 turns in 12.000s from position 1; worker starts drawn from 2 measured, median 2.000s\nPOLICY")
        )
        let rows = text.split(separator: "\n").dropFirst(2).map { $0.split(separator: "   ")[0] }
        #expect(rows == ["as it was", "recorded policy, simulated", "builtin:fixed:2"])
        #expect(answers[0].runs[0].waits.sortedMicroseconds == answers[0].runs[1].waits.sortedMicroseconds)
        let json = try WhatIfTables.json(answers)
        #expect(json["pools"].array.first?["runs"].array.count == 3)
        #expect(answers[0].drawn.map(\.name) == ["as it was", "recorded policy, simulated", "builtin:fixed:2"])
        // 0 → 1 → 2, with the reasons that the log has.
        #expect(answers[0].drawn[0].timeline.decisions.map(\.to) == [1, 2])
        #expect(answers[0].drawn[0].timeline.decisions.allSatisfy { !$0.why.isEmpty })
        let page = scratch.folder.appendingPathComponent("r.html").path
        try await ReplayCommand.parse(["--db", scratch.path, "--policy", "builtin:fixed:2", "--report", page, "-o", "json"]).run()
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains("as it was"))
    }

    @Test func aPolicyForAPoolWithoutTurnsIsSaidToBeForNone() async throws {
        let scratch = try Scratch()
        try scratch.write()
        let file = try LogFile.open(scratch.path)
        defer { file.close() }
        let stretch = try #require(try LogStretch(of: file))
        let other = Policy(pool: "demo/other", target: ScaleTarget(apiVersion: "v1", kind: "Process", name: "other"))
        let histories = try PoolHistories.read(file, stretch, pools: [])
        await #expect { try await WhatIf(policies: [.policy(other, name: "p")], seed: 1).answers(histories, path: "x") } throws: {
            ($0 as? Fault)?.status == .no && ($0 as? Fault)?.remedy.contains("demo/chat") == true
        }
    }

    @Test func tuningTakesTheLogsOwnTurnsAndPolicy() throws {
        let scratch = try Scratch()
        try scratch.write()
        let command = try TuneCommand.parse(["--db", scratch.path, "--objective", "p95=1"])
        let history = try command.recorded(in: scratch.path)
        #expect(history.pool == "demo/chat" && history.turns.count == 2 && history.lastPolicy?.target.name == "chat")
        #expect(throws: (any Error).self) { try TuneCommand.parse(["--objective", "p95=1"]) }
        #expect(throws: (any Error).self) { try TuneCommand.parse(["--objective", "p95=1", "--trace", "a.csv", "--pool", "a/b"]) }
        #expect(throws: (any Error).self) { try SimulateCommand.parse(["--policy", "p.yaml"]) }
    }

    @Test func aCheckpointIsWrittenAndUsed() async throws {
        let scratch = try Scratch()
        try scratch.write()
        #expect(try LogCheckpointCommand.parse(["--db", scratch.path]).write().position == 14)
        try scratch.writeMore()
        let tail = try await replayed(scratch, "--from", "16")
        #expect(tail.problem == nil && tail.summary.decisions == 1 && tail.summary.folded == 4)
        #expect(try await replayed(scratch).problem == nil)
        await #expect { try await LogCheckpointCommand.parse(["--db", "/nowhere/x.db"]).run() } throws: {
            ($0 as? Fault)?.status == .unreachable
        }
    }

    @Test(
        "differences between two pieces of JSON, field by field",
        arguments: [
            (#"{"a":1,"b":{"c":[1,2]}}"#, #"{"a":1,"b":{"c":[1,3]}}"#, ["b.c[1] 2 3"]),
            (#"{"a":1}"#, #"{"a":1,"b":"x"}"#, [#"b - "x""#]),
            (#"{"a":{}}"#, #"{"a":1}"#, ["a {} 1"]),
            (#"{"a": 1}"#, #"{"a":1}"#, [#"(bytes) {"a": 1} {"a":1}"#]),
            ("x", #"{"a":1}"#, [#"(body) x {"a":1}"#]),
            (#"{"a":1}"#, nil, [#"(whole decision) {"a":1} -"#]),
        ] as [(String, String?, [String])])
    func fields(recorded: String, recomputed: String?, expected: [String]) {
        let found = FieldDifference.between(recorded: recorded, recomputed: recomputed)
        #expect(found.map { "\($0.path) \($0.recorded ?? "-") \($0.recomputed ?? "-")" } == expected)
    }
}
