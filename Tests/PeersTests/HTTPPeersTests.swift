import EventLog
import Foundation
import HTTPService
import HTTPTestSupport
import Logging
import TestSupport
import Testing

// Do the clients that people really use get along with the server?
//
// Runs `Tests/Peers/http_peers.py` against a server with a real log, in this process, or against the one that
// GREENROOM_PEERS_HTTP (and GREENROOM_PEERS_HTTPS, GREENROOM_PEERS_TOKEN) name. Says loudly what is missing and was left out.

@Suite("Peers over HTTP")
struct HTTPPeersTests {
    @Test(.timeLimit(.minutes(10)))
    func everyPeerGetsTheRightAnswers() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no peer was tried") }
        let environment = ProcessInfo.processInfo.environment
        if let http = environment["GREENROOM_PEERS_HTTP"] {
            try await run(python, http: http, https: environment["GREENROOM_PEERS_HTTPS"], token: environment["GREENROOM_PEERS_TOKEN"])
            return
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-peers-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = try EventLog.open(EventLog.Configuration(path: folder.appendingPathComponent("log.db").path))
        defer { log.close() }
        var configuration = ServerConfiguration()
        configuration.cleartext = .init(host: "127.0.0.1", port: 0)
        configuration.tls = try await certificate(in: folder)
        // The script waits for the answers to bodies that stop half way.
        configuration.limits.stallSeconds = 2
        let server = try await HTTPServer.start(
            configuration, parts: ServiceParts(log: log, plane: QuietPlane()), log: Logger(label: "peers"))
        do {
            try await run(
                python, http: "http://127.0.0.1:\(server.cleartextPort ?? 0)", https: server.tlsPort.map { "https://127.0.0.1:\($0)" },
                token: nil)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    private func run(_ python: String, http: String, https: String?, token: String?) async throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        var arguments = [root.appendingPathComponent("Tests/Peers/http_peers.py").path, "--http", http]
        if let https { arguments += ["--https", https] }
        if let token { arguments += ["--token", token] }
        arguments += ["--venv", root.appendingPathComponent(".build-peers/venv").path]
        let (status, output) = try await Tool.run(python, arguments)
        let lines = output.split(separator: "\n")
        for line in lines where line.hasPrefix("SKIPPED") { Tool.skip(String(line)) }
        let wrong = lines.filter { $0.hasPrefix("WRONG") }.joined(separator: "\n")
        #expect(status == 0, "\(wrong.isEmpty ? String(output.suffix(2_000)) : wrong)")
        print(lines.suffix(1).joined())
    }

    /// A certificate for this run; nil, said loudly, where openssl is missing.
    private func certificate(in folder: URL) async throws -> ServerConfiguration.TLS? {
        guard let openssl = Tool.find("openssl") else {
            Tool.skip("openssl is not installed: TLS was not tried")
            return nil
        }
        let certificate = folder.appendingPathComponent("certificate.pem").path
        let key = folder.appendingPathComponent("key.pem").path
        let (status, output) = try await Tool.run(
            openssl,
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
            ])
        try #require(status == 0, "\(output)")
        return ServerConfiguration.TLS(address: .init(host: "127.0.0.1", port: 0), certificateFile: certificate, keyFile: key)
    }
}
