import Autoscaling
import Foundation
import Logging
import Testing

@testable import Pollers

// A server that is slow, endless, elsewhere or strange costs a bounded time and memory, and ends in a fault that says so.

@Suite struct RudeServerTests {
    private func look(_ path: String, port: Int, secrets: SecretFolder = SecretFolder(path: nil), token: String? = nil) async -> Result<Double, PollFault> {
        let client = PollClient(secrets: secrets)
        let poll = Poll(
            source: .prometheus(serverAddress: "http://127.0.0.1:\(port)/\(path)/", query: "up", ignoreNullValues: true), timeoutSeconds: 1, bearerTokenFile: token)
        let poller = Poller(target: PollTarget(pool: "a/b", metric: "m", poll: poll, patience: 3), client: client, append: { _ in }, logger: Logger(label: "test"))
        let start = ContinuousClock.now
        let outcome = await poller.look()
        #expect(ContinuousClock.now - start < .seconds(5), "a look is bounded: \(path)")
        await client.shutdown()
        return outcome
    }

    private func fault(_ path: String, port: Int) async -> String {
        if case .failure(let fault) = await look(path, port: port) { fault.description } else { "" }
    }

    @Test(.timeLimit(.minutes(2)))
    func everyRudenessEndsInAFault() async throws {
        guard let python = Peer.find("python3") else { return Peer.skip("python3 is not installed: no rude server was tried") }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Support/rude_server.py").path
        let port = try Peer.freePort()
        try await Peer.with(python, [script, "\(port)"], port: port) {
            #expect(await fault("slow", port: port).contains("no answer"))
            #expect(await fault("drip", port: port).contains("no answer"))
            #expect(await fault("endless", port: port).contains("can't be asked"))
            #expect(await fault("elsewhere", port: port) == "Prometheus answered 302")
            #expect(await fault("html", port: port) == "Prometheus answered 200")
            #expect(await fault("token", port: port) == "Prometheus answered 401: who are you?")
            try await withFolder { folder in
                try Data("s3cret\n".utf8).write(to: folder.appendingPathComponent("token"))
                #expect(await look("token", port: port, secrets: SecretFolder(path: folder.path), token: "token") == .success(8))
            }
        }
        let refused = await fault("nobody", port: port)
        #expect(refused.contains("http://127.0.0.1:\(port)/nobody/ can't be asked: the connection was refused"), "\(refused)")
    }

    @Test("a port that is none, as policies of older logs may have it, is a fault", arguments: ["http://127.0.0.1:65536", "http://127.0.0.1:99999/x", "http://127.0.0.1:0", "http://[::1]:70000"])
    func noPort(_ address: String) async {
        let client = PollClient(secrets: SecretFolder(path: nil))
        for source in [
            Poll.Source.prometheus(serverAddress: address, query: "up", ignoreNullValues: true), .natsJetStream(monitoringEndpoint: address, account: "$G", stream: "s", consumer: "c"),
        ] {
            let target = PollTarget(pool: "a/b", metric: "m", poll: Poll(source: source, timeoutSeconds: 1), patience: 3)
            let outcome = await Poller(target: target, client: client, append: { _ in }, logger: Logger(label: "test")).look()
            guard case .failure(let fault) = outcome else { Issue.record("\(address) was asked"); continue }
            #expect(fault.description.contains("has no port from 1 to 65535"), "\(fault)")
        }
        await client.shutdown()
    }
}
