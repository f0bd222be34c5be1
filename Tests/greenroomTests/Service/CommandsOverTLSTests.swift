import Foundation
import KubernetesTwin
import TestSupport
import Testing

@testable import Machine

// Does every command reach a service whose certificate is of an authority of one's own?

@Suite(.serialized)
struct CommandsOverTLSTests {
    private struct Secure {
        let served: Served
        let url: String
        let authority: String
        let policy: String
        /// Of whom the service's certificate isn't.
        let stranger: String
    }

    private func start() async throws -> Secure {
        let certificates = try TwinCertificates.shared()
        let port = try LocalPort.free()
        let served = try Served { folder in
            for (name, bytes) in [
                ("server.crt", certificates.server), ("server.key", certificates.serverKey), ("ca.crt", certificates.authority),
                ("other.crt", try TwinCertificates.strangers().authority), ("chat.yaml", Array(Served.chatPolicy.utf8)),
            ] {
                try Data(bytes).write(to: folder.appendingPathComponent(name))
            }
            return "tls: {listen: \"127.0.0.1:\(port)\", certificate: server.crt, key: server.key}"
        }
        try await served.start()
        func path(_ name: String) -> String { served.folder.appendingPathComponent(name).path }
        return Secure(
            served: served, url: "https://127.0.0.1:\(port)", authority: path("ca.crt"), policy: path("chat.yaml"),
            stranger: path("other.crt"))
    }

    /// Every command that asks a service, in an order in which each succeeds.
    private static func commands(_ policy: String) -> [[String]] {
        [
            ["apply", "-f", policy], ["send", "actor.requested", "a1", "pool=demo/chat"], ["get", "pools"], ["get", "workers"],
            ["get", "actors"], ["get", "policies"], ["get", "decisions"], ["top", "--count", "1"], ["events", "--limit", "1"],
            ["explain", "pool", "demo/chat"], ["explain", "actor", "a1"], ["history", "pool", "demo/chat"], ["history", "actor", "a1"],
            ["scale", "demo/chat", "--max", "5"], ["pause", "demo/chat"], ["hold", "demo/chat", "1"], ["resume", "demo/chat"],
            ["policy", "export", "demo/chat"], ["delete", "policy", "demo/chat"],
            ["bench", "ingest", "--events", "100", "--batch", "10", "--connections", "2"],
            ["bench", "ingest", "--events", "100", "--batch", "10", "--connections", "2", "--policies", "--pools", "1"],
        ]
    }

    @Test(
        "with the authority named by --ca-file or GREENROOM_CA_FILE each command works, and a worker",
        .enabled(if: Tool.find("openssl") != nil, "needs openssl"))
    func trusted() async throws {
        let secure = try await start()
        for (number, words) in Self.commands(secure.policy).enumerated() {
            let isOption = number.isMultiple(of: 2)
            let environment = isOption ? "GREENROOM_CA_FILE=\(secure.stranger)" : "GREENROOM_CA_FILE=\(secure.authority)"
            let option = isOption ? ["--ca-file", secure.authority] : []
            let said = try await Tool.run(
                "/usr/bin/env", [environment, BuiltProgram.path()] + words + ["--server", secure.url] + option)
            #expect(said.status == 0, "\(words): \(said.status) \(said.output)")
        }
        let worker = Process()
        worker.executableURL = URL(fileURLWithPath: try BuiltProgram.path())
        worker.arguments = ["worker", "--server", secure.url, "--ca-file", secure.authority, "--pool", "demo/chat", "--name", "w1"]
        worker.standardInput = FileHandle.nullDevice
        worker.standardError = FileHandle.nullDevice
        try worker.run()
        defer { if worker.isRunning { kill(worker.processIdentifier, SIGKILL) } }
        try await eventually("it is ready") { try await secure.served.text("/v1/events?kind=worker.ready").contains(#""subject":"w1""#) }
        kill(worker.processIdentifier, SIGTERM)
        try await eventually("it drains") { !worker.isRunning }
        #expect(worker.terminationStatus == 0)
    }

    @Test(
        "without it none does, and none sends its token to whoever answers",
        .enabled(if: Tool.find("openssl") != nil, "needs openssl"))
    func untrusted() async throws {
        let secure = try await start()
        for words in Self.commands(secure.policy) {
            let said = try await Tool.run(
                "/usr/bin/env",
                ["GREENROOM_TOKEN=secret", BuiltProgram.path()] + words + ["--server", secure.url, "--ca-file", secure.stranger])
            #expect(said.status == 3 && said.output.contains("TLS failed"), "\(words): \(said.status) \(said.output)")
            let lines = said.output.split(whereSeparator: \.isNewline).filter { $0.contains("greenroom: ") }
            #expect(lines.count == 1, "\(words): \(said.output)")
        }
        #expect(try await secure.served.text("/v1/pools").contains(#""items":[]"#), "nothing was changed")
    }
}
