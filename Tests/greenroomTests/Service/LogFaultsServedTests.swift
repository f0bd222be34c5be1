import Foundation
import TestSupport
import Testing

@testable import Inspection
@testable import Machine

@Suite("A service whose log is meddled with", .timeLimit(.minutes(3)))
struct LogFaultsServedTests {
    @Test("a crash ends it at once, with one line", arguments: [SIGSEGV, SIGILL, SIGTRAP, SIGABRT])
    func crash(signal: Int32) async throws {
        let served = try Served()
        try await served.start()
        #expect(await served.send("1")?.status == 200)
        served.signal(signal)
        // The runtime's own report takes half a minute for a program of this size.
        try await served.ended(within: .seconds(5))
        #expect(served.log.split(separator: "\n").filter { $0.hasPrefix("greenroom: ended by") }.count == 1)
        #expect(!served.log.contains("Backtrace took"))
        try await served.start()
        #expect(await served.send("1").map { String(decoding: $0.body, as: UTF8.self) }?.contains(#""duplicates":1"#) == true)
    }

    @Test("a log that was moved away takes nothing more, says so, and is missed at the next start; the loss can be accepted")
    func moved() async throws {
        let served = try Served()
        try await served.start()
        for id in 1...5 { #expect(await served.send("\(id)")?.status == 200) }
        for suffix in ["", "-wal", "-shm"] { try FileManager.default.removeItem(atPath: served.database + suffix) }
        let refused = try #require(await served.send("6"))
        #expect(refused.status == 503)
        #expect(String(decoding: refused.body, as: UTF8.self).contains("was moved or deleted"))
        let ready = try #require(await served.query(APIRequest(path: "/readyz")))
        #expect(ready.status == 503 && String(decoding: ready.body, as: UTF8.self).contains("was moved or deleted"))
        #expect(await served.query(APIRequest(path: "/livez"))?.status == 200)
        try await eventually("the service's log says it") { served.log.contains("the log can't be written") }
        served.signal(SIGTERM)
        try await served.ended()
        let start = try await BuiltProgram.run(["serve", "--config", served.folder.appendingPathComponent("config.yaml").path])
        #expect(start.status != 0 && start.output.contains("acknowledged events, positions 1 to ") && start.output.contains("accept-loss"))
        let accepted = try await BuiltProgram.run(["log", "accept-loss", "--db", served.database])
        #expect(accepted.status == 0, "\(accepted.output)")
        try await served.start()
        let acknowledged = try #require(await served.send("6"))
        let response = String(decoding: acknowledged.body, as: UTF8.self)
        let first = try #require(response.firstMatch(of: /"firstSeq":(\d+)/).flatMap { Int($0.output.1) })
        #expect(first > 5, "\(response)")
        let verified = try await BuiltProgram.run(["log", "verify", "--db", served.database])
        #expect(verified.status == 0, "\(verified.output)")
    }

    @Test("one bit flipped in the write-ahead log of a killed service is found by verify and by the start")
    func flipped() async throws {
        let served = try Served()
        try await served.start()
        for id in 1...40 { #expect(await served.send("\(id)")?.status == 200) }
        served.signal(SIGKILL)
        try await served.ended()
        let wal = served.database + "-wal"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: wal))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: wal))
        let verified = try await BuiltProgram.run(["log", "verify", "--db", served.database])
        #expect(verified.status == 1 && verified.output.contains("missing"), "\(verified.output)")
        let start = try await BuiltProgram.run(["serve", "--config", served.folder.appendingPathComponent("config.yaml").path])
        #expect(start.status == 1 && start.output.contains("accept-loss"), "\(start.output)")
    }
}
