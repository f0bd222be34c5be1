import Foundation
import LocalCluster
import Machine
import TestSupport
import Testing

@Suite struct LocalClusterTests {
    @Test func aServersVersionIsRead() throws {
        let version = try #require(NATSProgram.version(in: "nats-server: v2.14.0\n"))
        #expect(version == (2, 14))
        #expect(NATSProgram.version(in: "nats-server: v2.9.10")?.minor == 9)
        #expect(NATSProgram.version(in: "something else") == nil)
    }

    /// A wrong program is said as such, before anything is started.
    @Test func aProgramThatIsNoServerIsRefused() {
        #expect(throws: (any Error).self) { try NATSProgram.find("/bin/true") }
        #expect(throws: (any Error).self) { try NATSProgram.find("/nowhere/nats-server") }
    }

    @Test func aChildEndsByItselfAndByASignal() async throws {
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-child-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: log) }
        let short = try ChildProcess(["/bin/sh", "-c", "echo \"$WORD\""], log: log, environment: ["WORD": "said"])
        try await eventually("it ends by itself", within: .seconds(20)) { !short.isRunning }
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "said\n")
        let long = try ChildProcess(["/bin/sleep", "300"], log: log)
        #expect(long.isRunning)
        long.signal(SIGTERM)
        try await eventually("it ends when it is told to", within: .seconds(20)) { !long.isRunning }
        let killed = try ChildProcess(["/bin/sleep", "300"], log: log)
        killed.kill()
        #expect(!killed.isRunning)
        #expect(Foundation.kill(killed.pid, 0) != 0)
    }

    /// A connection goes to the next of them that takes it.
}
