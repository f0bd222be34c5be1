import Foundation
import TestSupport
import Testing

@testable import Inspection
@testable import System

// One `greenroom serve` in a process of its own, whose log's files and whose own life are meddled with.

private final class Served: Sendable {
    let folder: URL
    let url: String
    private let process = Locked<Running?>(nil)

    /// Foundation's class isn't Sendable: it is touched under the lock alone.
    private struct Running: @unchecked Sendable { var process: Process }

    var database: String { folder.appendingPathComponent("data/greenroom.db").path }
    private var logFile: String { folder.appendingPathComponent("out.log").path }
    var log: String { (try? String(contentsOfFile: logFile, encoding: .utf8)) ?? "" }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-served-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let port = try LocalPort.free()
        url = "http://127.0.0.1:\(port)"
        try "database: data/greenroom.db\nlisten: 127.0.0.1:\(port)\n".write(to: folder.appendingPathComponent("config.yaml"), atomically: true, encoding: .utf8)
        _ = FileManager.default.createFile(atPath: logFile, contents: nil)
    }

    deinit {
        signal(SIGKILL)
        try? FileManager.default.removeItem(at: folder)
    }

    func start() async throws {
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: logFile))
        try output.seekToEnd()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try BuiltProgram.path())
        process.arguments = ["serve", "--config", folder.appendingPathComponent("config.yaml").path]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        self.process.value = Running(process: process)
        try await eventually("it is ready: \(log)") { await ask(APIRequest(path: "/readyz"))?.status == 200 }
    }

    func signal(_ signal: Int32) { if let running = process.value, running.process.isRunning { kill(running.process.processIdentifier, signal) } }

    func ended(within bound: Duration = .seconds(30)) async throws {
        guard let running = process.value else { return }
        try await eventually("it ends: \(log)", within: bound) { !running.process.isRunning }
    }

    func ask(_ request: APIRequest) async -> APIAnswer? {
        guard let connection = try? await ServiceConnection.open(url: url, token: nil) else { return nil }
        let answer = try? await connection.send(request)
        await connection.close()
        return answer
    }

    func send(_ id: String) async -> APIAnswer? {
        let event = #"{"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/test","id":"\#(id)","subject":"a-\#(id)","data":{"pool":"ns/p"}}"#
        return await ask(APIRequest(method: .post, path: "/v1/events", contentType: "application/cloudevents+json", body: Array(event.utf8)))
    }
}

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
        let ready = try #require(await served.ask(APIRequest(path: "/readyz")))
        #expect(ready.status == 503 && String(decoding: ready.body, as: UTF8.self).contains("was moved or deleted"))
        #expect(await served.ask(APIRequest(path: "/livez"))?.status == 200)
        try await eventually("the service's log says it") { served.log.contains("the log can't be written") }
        served.signal(SIGTERM)
        try await served.ended()
        let start = try await BuiltProgram.run(["serve", "--config", served.folder.appendingPathComponent("config.yaml").path])
        #expect(start.status != 0 && start.output.contains("acknowledged events, positions 1 to ") && start.output.contains("accept-loss"))
        let accepted = try await BuiltProgram.run(["log", "accept-loss", "--db", served.database])
        #expect(accepted.status == 0, "\(accepted.output)")
        try await served.start()
        let acknowledged = try #require(await served.send("6"))
        let answer = String(decoding: acknowledged.body, as: UTF8.self)
        let first = try #require(answer.firstMatch(of: /"firstSeq":(\d+)/).flatMap { Int($0.output.1) })
        #expect(first > 5, "\(answer)")
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
