import Glibc
import Synchronization
import TestSupport
import Testing

@testable import WorkerAgent

@Suite struct CommandTurnsTests {
    private let placement = Placement(seq: 1, actor: "a1", worker: "w1", pool: "ns/p", restoreFrom: "s3://b/a1", expectedMillis: 50)

    @Test func `a command is told whom it serves`() async throws {
        let check =
            #"[ "$GREENROOM_ACTOR,$GREENROOM_POOL,$GREENROOM_WORKER,$GREENROOM_SNAPSHOT,$GREENROOM_EXPECTED_MILLIS" = "a1,ns/p,w1,s3://b/a1,50" ]"#
        let restored = Mutex<[Int64?]>([])
        let snapshot = try await CommandTurns(command: ["/bin/sh", "-c", check]).run(placement, on: "w1") { millis in
            restored.withLock { $0.append(millis) }
        }
        #expect(snapshot == TurnSnapshot(uri: "s3://b/a1"))
        #expect(restored.withLock { $0 } == [nil])
    }

    @Test func `a program without a slash is found in PATH`() async throws {
        _ = try await CommandTurns(command: ["true"]).run(placement, on: "w1") { _ in }
    }

    @Test(arguments: [
        (["/bin/sh", "-c", "exit 7"], "/bin/sh exited with status 7"),
        (["/bin/sh", "-c", "kill -9 $$"], "/bin/sh was killed by signal 9"),
    ])
    func `a command that fails says how`(command: [String], reason: String) async {
        await #expect(throws: TurnFault(reason: reason)) { try await CommandTurns(command: command).run(placement, on: "w1") { _ in } }
    }

    @Test func `a program that isn't there is named`() async {
        let fault = await #expect(throws: TurnFault.self) {
            try await CommandTurns(command: ["/nowhere/turn"]).run(placement, on: "w1") { _ in }
        }
        #expect(fault?.reason.hasPrefix("can't run /nowhere/turn: ") == true)
    }

    @Test func `a turn that is broken off takes its whole group with it`() async throws {
        let pipe = try Pipe()
        defer { pipe.close() }
        let script = "trap '' TERM; sleep 600 & wait; wait; sleep 600"
        // Both processes hold the pipe's writing end, through a path in /proc: it reads as ended when both are dead.
        let turn = Task {
            try? await CommandTurns(command: ["/bin/sh", "-c", "exec 9>\(pipe.writerPath); \(script)"]).run(placement, on: "w1") { _ in }
        }
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
