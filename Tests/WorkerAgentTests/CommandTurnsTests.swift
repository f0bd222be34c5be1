import Domain
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import WorkerAgent

@Suite final class CommandTurnsTests: Sendable {
    private let placement = Placement(
        seq: 1, actor: "a1", worker: "w1", pool: "ns/p", tier: "warm", restoreFrom: "s3://b/a1", expectedMillis: 50,
        traceparent: "00-a-b-01")
    private let files: SnapshotFiles

    init() throws { files = try SnapshotFiles(in: FileManager.default.temporaryDirectory.path) }

    /// No turn leaves a file: else the folder couldn't be removed.
    deinit {
        files.remove()
        #expect(!FileManager.default.fileExists(atPath: files.folder))
    }

    private func turns(_ command: String...) -> CommandTurns { CommandTurns(command: command, files: files) }
    private func shell(_ script: String) -> CommandTurns { turns("/bin/sh", "-c", script) }

    @Test func `a command is told whom it serves`() async throws {
        let check =
            #"[ "$GREENROOM_ACTOR,$GREENROOM_POOL,$GREENROOM_WORKER,$GREENROOM_SNAPSHOT,$GREENROOM_TIER,$GREENROOM_EXPECTED_MILLIS,$TRACEPARENT" = "#
            + #""a1,ns/p,w1,s3://b/a1,warm,50,00-a-b-01" ]"#
        let restored = Mutex<[Int64?]>([])
        let snapshot = try await shell(check).run(placement, on: "w1") { millis in
            restored.withLock { $0.append(millis) }
        }
        #expect(snapshot == TurnSnapshot(uri: "s3://b/a1"))
        #expect(restored.withLock { $0 } == [nil])
    }

    @Test func `a program without a slash is found in PATH`() async throws {
        _ = try await turns("true").run(placement, on: "w1") { _ in }
    }

    @Test(arguments: [
        (["/bin/sh", "-c", "exit 7"], "/bin/sh exited with status 7"),
        (["/bin/sh", "-c", "kill -9 $$"], "/bin/sh was killed by signal 9"),
    ])
    func `a command that fails says how`(command: [String], reason: String) async {
        await #expect(throws: TurnFault(reason: reason)) {
            try await CommandTurns(command: command, files: files).run(placement, on: "w1") { _ in }
        }
    }

    @Test func `a program that isn't there is named`() async {
        let fault = await #expect(throws: TurnFault.self) {
            try await turns("/nowhere/turn").run(placement, on: "w1") { _ in }
        }
        #expect(fault?.reason.hasPrefix("can't run /nowhere/turn: ") == true)
    }

    @Test(
        arguments: [
            ("true", TurnSnapshot(uri: "s3://b/a1")), (#": >"$F""#, TurnSnapshot(uri: "s3://b/a1")),
            (#"echo file:///srv/a1 >"$F""#, TurnSnapshot(uri: "file:///srv/a1")),
            (#"printf 's3://b/new\n1024\n' >"$F""#, TurnSnapshot(uri: "s3://b/new", bytes: 1_024)),
            (#"printf ' /srv/my state \r\n0' >"$F""#, TurnSnapshot(uri: "/srv/my state", bytes: 0)),
            (#"echo s3://b/ä >"$F"; echo 9007199254740992 >>"$F""#, TurnSnapshot(uri: "s3://b/ä", bytes: EventLimits.snapshotBytes)),
        ])
    func `a command says where it left a snapshot, or the one before stays`(script: String, snapshot: TurnSnapshot) async throws {
        let turns = shell("F=$GREENROOM_SNAPSHOT_FILE; \(script)")
        #expect(try await turns.run(placement, on: "w1") { _ in } == snapshot)
    }

    @Test func `a command that says nothing of an actor without a snapshot leaves none`() async throws {
        let first = Placement(seq: 2, actor: "a2", worker: "w1")
        #expect(try await turns("true").run(first, on: "w1") { _ in } == nil)
    }

    @Test(arguments: [
        (#"printf 'a\n1\n2\n' >"$F""#, "has 3 lines"), (#"printf '\n5\n' >"$F""#, "has no URI in its first line"),
        (#"printf 'a\n-1\n' >"$F""#, "no number of bytes"), (#"printf 'a\n1e9\n' >"$F""#, "no number of bytes"),
        (#"printf 'a\n9007199254740993\n' >"$F""#, "no number of bytes"), (#"printf 'a\0b' >"$F""#, "has control characters"),
        (#"printf '\377' >"$F""#, "isn't UTF-8"), (#"head -c 4097 /dev/zero >"$F""#, "has more than 4096 bytes"),
        (#"mkfifo "$F""#, "is a named pipe"),
    ])
    func `what can't be read as a snapshot is a failed turn that says what to write`(script: String, problem: String) async {
        let turns = shell("F=$GREENROOM_SNAPSHOT_FILE; \(script)")
        let fault = await #expect(throws: TurnFault.self) { try await turns.run(placement, on: "w1") { _ in } }
        #expect(fault?.reason.contains(problem) == true && fault?.reason.contains("write the URI in its first line") == true)
    }

    @Test func `a turn that failed keeps the snapshot before`() async {
        let turns = shell(#"echo s3://b/half >"$GREENROOM_SNAPSHOT_FILE"; exit 1"#)
        await #expect(throws: TurnFault(reason: "/bin/sh exited with status 1")) { try await turns.run(placement, on: "w1") { _ in } }
    }

    @Test func `a folder that can't be written to is named`() {
        let fault = #expect(throws: SnapshotFiles.SetupFault.self) { try SnapshotFiles(in: "/proc") }
        #expect(fault?.description.hasPrefix("can't make a folder in /proc: ") == true)
    }

    @Test func `a turn that is broken off takes its whole group with it`() async throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let script = "trap '' TERM; sleep 600 & wait; wait; sleep 600"
        // Both processes hold the pipe's writing end, through a path in /proc: it reads as ended when both are dead.
        let (turns, placement) = (shell("exec 9>\(pipe.writerPath); \(script)"), placement)
        let turn = Task { try? await turns.run(placement, on: "w1") { _ in } }
        try await eventually("the command runs") { pipe.hasOtherWriters }
        turn.cancel()
        _ = await turn.value
        try await eventually("no process of the group is left") { !pipe.hasOtherWriters }
    }
}

/// A pipe that tells whether other processes hold its writing end.
private struct Pipe {
    private let ends: [Int32]

    init() throws {
        var ends: [Int32] = [-1, -1]
        #expect(Glibc.pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        self.ends = ends
    }

    var writerPath: String { "/proc/\(getpid())/fd/\(ends[1])" }

    var hasOtherWriters: Bool {
        let mine = link(of: "/proc/self/fd/\(ends[0])")
        guard let directory = opendir("/proc") else { return false }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard let pid = Int32(name), pid != getpid() else { continue }
            if link(of: "/proc/\(pid)/fd/9") == mine { return true }
        }
        return false
    }

    func close() { for end in ends { Glibc.close(end) } }

    private func link(of path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        let count = readlink(path, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
