import Autoscaling
import Foundation
import Logging
import Machine
import TestSupport
import Testing

@testable import Pollers

// A server that is slow, endless, elsewhere or strange costs a bounded time and memory, and ends in a fault that says so.

@Suite struct RudeServerTests {
    private func look(
        _ path: String, host: String = "127.0.0.1", port: Int, secrets: SecretFolder = SecretFolder(path: nil), token: String? = nil,
        rule: AddressRule? = nil
    ) async -> Result<Double, PollFault> {
        let client = PollClient(secrets: secrets)
        let poll = Poll(
            source: .prometheus(serverAddress: "http://\(host):\(port)/\(path)/", query: "up", ignoreNullValues: true), timeoutSeconds: 1,
            bearerTokenFile: token)
        let poller = Poller(
            target: PollTarget(pool: "a/b", metric: "m", poll: poll, patience: 3), client: client, append: { _ in },
            logger: Logger(label: "test"), rule: { _ in rule })
        let start = ContinuousClock.now
        let outcome = await poller.look().map(\.value)
        #expect(ContinuousClock.now - start < .seconds(5), "a look is bounded: \(path)")
        await client.shutdown()
        return outcome
    }

    private func fault(_ path: String, host: String = "127.0.0.1", port: Int, rule: AddressRule? = nil) async -> String {
        if case .failure(let fault) = await look(path, host: host, port: port, rule: rule) { fault.description } else { "" }
    }

    /// A redirect is an answer like any other: nobody goes there, and no token does.
    @Test(.timeLimit(.minutes(2)))
    func aRedirectIsNotFollowed() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no redirect was tried") }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Support/rude_server.py").path
        let (port, other) = (try LocalPort.free(), try LocalPort.free())
        try await Peer.with(python, [script, "\(port)"], port: port) {
            try await Peer.with(python, [script, "\(other)"], port: other) {
                try await withFolder { folder in
                    try Data("s3cret\n".utf8).write(to: folder.appendingPathComponent("token"))
                    for rule in [nil, AddressRule(allowed: [AddressPrefix("127.0.0.1")].compactMap { $0 })] {
                        let looked = await look(
                            "away/\(other)", port: port, secrets: SecretFolder(path: folder.path), token: "token", rule: rule)
                        #expect(looked == .failure(PollFault("Prometheus answered 307")))
                    }
                    // Requests that the other server has had, this one not counted.
                    #expect(await look("count", port: other) == .success(0))
                    #expect(await look("count", port: port) == .success(2))
                }
            }
        }
    }

    /// Under a rule the name is resolved before, and the connection goes to an address that passed.
    @Test(.timeLimit(.minutes(2)))
    func aRuleIsAboutAddresses() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no rule was tried") }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Support/rude_server.py").path
        let port = try LocalPort.free()
        let loopback = AddressRule(allowed: [AddressPrefix("127.0.0.0/8"), AddressPrefix("::1")].compactMap { $0 })
        try await Peer.with(python, [script, "\(port)"], port: port) {
            for host in [
                "127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0",
                "[::1]", "[::]", "0",
            ] {
                #expect(
                    await fault("count", host: host, port: port, rule: AddressRule()).contains("a policy object may not poll"), "\(host)")
            }
            #expect(await fault("count", host: "%31%32%37.0.0.1", port: port, rule: AddressRule()).contains("no host that can be asked"))
            #expect(await fault("count", host: "169.254.169.254", port: 80, rule: loopback).contains("link-local"))
            for host in ["127.0.0.1", "localhost", "127.1", "2130706433"] {
                guard case .success = await look("count", host: host, port: port, rule: loopback) else {
                    Issue.record("\(host) is allowed, and wasn't asked"); continue
                }
            }
            // None of those that were refused came here.
            #expect(await look("count", port: port) == .success(4))
        }
    }

    /// A consumer's leader is behind one of an endpoint's addresses, or behind its Service at the next connection.
    @Test(.timeLimit(.minutes(2)))
    func theLeaderIsLookedFor() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no follower was tried") }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Support/rude_server.py").path
        let port = try LocalPort.free()
        try await Peer.with(python, [script, "\(port)"], port: port) {
            func look(_ path: String) async -> Result<Double, PollFault> {
                let client = PollClient(secrets: SecretFolder(path: nil))
                let poll = Poll(
                    source: .natsJetStream(
                        monitoringEndpoint: "http://127.0.0.1:\(port)/\(path)", account: "$G", stream: "s", consumer: "c"),
                    timeoutSeconds: 3)
                let target = PollTarget(pool: "a/b", metric: "m", poll: poll, patience: 3)
                let outcome = await Poller(target: target, client: client, append: { _ in }, logger: Logger(label: "test")).look().map(
                    \.value)
                await client.shutdown()
                return outcome
            }
            #expect(await look("nats") == .success(7))
            guard case .failure(let fault) = await look("follower") else { Issue.record("a follower's counts were taken"); return }
            #expect(fault.description.contains("the leader is n2"))
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func everyRudenessEndsInAFault() async throws {
        guard let python = Tool.find("python3") else { return Tool.skip("python3 is not installed: no rude server was tried") }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Support/rude_server.py").path
        let port = try LocalPort.free()
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

    @Test(
        "a port that is none, as policies of older logs may have it, is a fault",
        arguments: ["http://127.0.0.1:65536", "http://127.0.0.1:99999/x", "http://127.0.0.1:0", "http://[::1]:70000"])
    func noPort(_ address: String) async {
        let client = PollClient(secrets: SecretFolder(path: nil))
        for source in [
            Poll.Source.prometheus(serverAddress: address, query: "up", ignoreNullValues: true),
            .natsJetStream(monitoringEndpoint: address, account: "$G", stream: "s", consumer: "c"),
        ] {
            let target = PollTarget(pool: "a/b", metric: "m", poll: Poll(source: source, timeoutSeconds: 1), patience: 3)
            let outcome = await Poller(target: target, client: client, append: { _ in }, logger: Logger(label: "test")).look()
            guard case .failure(let fault) = outcome else { Issue.record("\(address) was asked"); continue }
            #expect(fault.description.contains("has no port from 1 to 65535"), "\(fault)")
        }
        await client.shutdown()
    }
}
