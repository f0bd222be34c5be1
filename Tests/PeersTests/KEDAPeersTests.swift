import ControlLoop
import Domain
import EventLog
import Foundation
import HTTPService
import KEDAScaler
import Logging
import TestSupport
import Testing

// Does a stock gRPC client, made from our .proto, get along with the external scaler?
//
// Runs `Tests/Peers/keda_peers.py` against a real log, loop, HTTP server and scaler in this process, or against the service that
// GREENROOM_PEERS_HTTP and GREENROOM_PEERS_SCALER name. Says loudly what is missing and was left out, and what was measured.

@Suite("KEDA's side over gRPC")
struct KEDAPeersTests {
    @Test(.timeLimit(.minutes(10)))
    func everyCallOfTheExternalScalerIsAnswered() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no gRPC client was tried") }
        let environment = ProcessInfo.processInfo.environment
        if let http = environment["GREENROOM_PEERS_HTTP"] {
            guard let scaler = environment["GREENROOM_PEERS_SCALER"] else {
                return Tool.skip("GREENROOM_PEERS_SCALER is not set: no gRPC client was tried")
            }
            return try await run(python, ["--http", http, "--scaler", scaler])
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-keda-peers-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = try EventLog.open(EventLog.Configuration(path: folder.appendingPathComponent("log.db").path))
        defer { log.close() }
        let loop = ControlLoop(
            log: log, scheduler: RealScheduler(clock: EventLog.systemClock),
            configuration: ControlLoop.Configuration(fence: Fence(1), actuators: [:]))
        await loop.start()
        do {
            try await serve(log, loop) { try await run(python, $0) }
        } catch {
            await loop.stop()
            throw error
        }
        await loop.stop()
    }

    private func serve(_ log: EventLog, _ loop: ControlLoop, _ body: ([String]) async throws -> Void) async throws {
        var http = ServerConfiguration()
        http.cleartext = .init(host: "127.0.0.1", port: 0)
        let server = try await HTTPServer.start(http, parts: ServiceParts(log: log, plane: loop), log: Logger(label: "peers"))
        var keda = KEDAScalerConfiguration(address: .init(host: "127.0.0.1", port: 0))
        keda.limits.streams = 8
        let (ports, feed) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let scaler = KEDAScalerService(configuration: keda, plane: loop, logger: Logger(label: "peers"), onStart: { feed.yield($0) })
        let serving = Task {
            defer { feed.finish() }
            try await scaler.run()
        }
        let outcome: Result<Void, any Error>
        do {
            let port = try #require(await ports.first { _ in true })
            outcome = .success(
                try await body([
                    "--http", "http://127.0.0.1:\(server.cleartextPort ?? 0)", "--scaler", "127.0.0.1:\(port)", "--streams", "8",
                ]))
        } catch {
            outcome = .failure(error)
        }
        serving.cancel()
        await server.stop()
        try await serving.value
        try outcome.get()
    }

    private func run(_ python: String, _ arguments: [String]) async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let script = root.appendingPathComponent("Tests/Peers/keda_peers.py").path
        let (status, output) = try await Tool.run(
            python, [script, "--venv", root.appendingPathComponent(".build-peers/keda-venv").path] + arguments)
        let lines = output.split(separator: "\n")
        for line in lines where line.hasPrefix("SKIPPED") { Tool.skip(String(line)) }
        for line in lines where line.hasPrefix("MEASURED") { print(line) }
        let wrong = lines.filter { $0.hasPrefix("WRONG") }.joined(separator: "\n")
        #expect(status == 0, "\(wrong.isEmpty ? String(output.suffix(2_000)) : wrong)")
        print(lines.suffix(1).joined())
    }
}
