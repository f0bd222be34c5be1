import Foundation
import TestSupport
import Testing

@testable import Domain
@testable import Inspection

// A worker that runs a command for each turn, against a built service: is an actor restored from what its command left?

@Suite(.serialized)
struct WorkerCommandServedTests {
    /// Notes of each turn what it was given, and leaves that file as the actor's snapshot.
    private static let turn = #"""
        set -eu
        state="$1/$GREENROOM_ACTOR"
        echo "$GREENROOM_WORKER $GREENROOM_TIER ${GREENROOM_SNAPSHOT:-none}" >>"$state"
        printf 'file://%s\n%s\n' "$state" "$(wc -c <"$state")" >"$GREENROOM_SNAPSHOT_FILE"
        """#

    /// A worker's process; it ends with its test.
    private final class Worker {
        let process = Process()

        init(_ served: Served, name: String, script: URL) throws {
            process.executableURL = URL(fileURLWithPath: try BuiltProgram.path())
            process.arguments = [
                "worker", "--server", served.url, "--pool", "team/agents", "--name", name, "--node", "node-of-\(name)", "--", "/bin/sh",
                script.path, served.folder.appendingPathComponent("state").path,
            ]
            process.environment = ProcessInfo.processInfo.environment.merging(
                ["TMPDIR": served.folder.appendingPathComponent("tmp").path]
            ) { _, new in new }
            process.standardInput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
        }

        deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
    }

    private func history(_ served: Served, of kind: String) async throws -> [JSONValue] {
        try await served.text("/v1/events?kind=\(kind)").split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    @Test("what a command says it left is the snapshot that its actor is placed by, and restored from")
    func warmRestores() async throws {
        let served = try Served()
        for name in ["state", "tmp"] {
            try FileManager.default.createDirectory(at: served.folder.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        let script = served.folder.appendingPathComponent("turn.sh")
        try Self.turn.write(to: script, atomically: true, encoding: .utf8)
        try await served.start()
        let workers = [try Worker(served, name: "w1", script: script), try Worker(served, name: "w2", script: script)]
        try await eventually("both are ready") { try await self.history(served, of: "worker.ready").count == 2 }

        let turns = 4
        for turn in 1...turns {
            try await served.request("alice", id: "r\(turn)", pool: "team/agents")
            try await eventually("turn \(turn) ended") { try await self.history(served, of: "actor.suspended").count == turn }
        }
        let state = served.folder.appendingPathComponent("state/alice").path
        let lines = try String(contentsOfFile: state, encoding: .utf8).split(separator: "\n").map(String.init)
        let worker = String(lines.first?.prefix { $0 != " " } ?? "")
        #expect(lines == ["\(worker) cold none"] + Array(repeating: "\(worker) warm file://\(state)", count: turns - 1))
        let sizes = try await history(served, of: "actor.suspended").map { $0["data"]["bytes"].integer }
        #expect(sizes.count == turns && sizes.last == Int64(lines.joined(separator: "\n").utf8.count + 1))
        let explained = try await BuiltProgram.run(["explain", "actor", "alice", "--server", served.url])
        #expect(explained.status == 0 && explained.output.contains("tier warm"), "\(explained.output)")

        for worker in workers { kill(worker.process.processIdentifier, SIGTERM) }
        try await eventually("they drain") { workers.allSatisfy { !$0.process.isRunning } }
        for worker in workers { #expect(worker.process.terminationStatus == 0) }
        let left = try FileManager.default.contentsOfDirectory(atPath: served.folder.appendingPathComponent("tmp").path)
        #expect(left == [], "a worker leaves nothing behind")
    }

    @Test("a command that writes what is no snapshot fails its turn, and the log says what to write")
    func misspeltSnapshot() async throws {
        let served = try Served()
        for name in ["state", "tmp"] {
            try FileManager.default.createDirectory(at: served.folder.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        let script = served.folder.appendingPathComponent("turn.sh")
        try #"printf 'file:///x\nmany\n' >"$GREENROOM_SNAPSHOT_FILE""#.write(to: script, atomically: true, encoding: .utf8)
        try await served.start()
        let worker = try Worker(served, name: "w1", script: script)
        defer { kill(worker.process.processIdentifier, SIGKILL) }
        try await served.request("bob", id: "r1", pool: "team/agents")
        try await eventually("it crashed") { try await self.history(served, of: "actor.crashed").count == 1 }
        let said = try await BuiltProgram.run(["history", "actor", "bob", "--server", served.url]).output
        #expect(said.contains("the snapshot file has a second line that is no number of bytes"), "\(said)")
        #expect(try await history(served, of: "actor.suspended") == [])
    }

    @Test("a worker that can't make its folder says so before it is ready")
    func noFolder() async throws {
        let said = try await Tool.run(
            "/usr/bin/env",
            ["TMPDIR=/proc", BuiltProgram.path(), "worker", "--server", "http://127.0.0.1:1", "--pool", "a/b", "--", "true"])
        #expect(said.status == 3 && said.output.contains("can't make a folder in /proc"), "\(said.status) \(said.output)")
        #expect(said.output.contains("set TMPDIR"), "\(said.output)")
    }
}
