import Autoscaling
import Domain
import Foundation
import Logging
import Synchronization
import TestSupport
import Machine
import Testing

@testable import Pollers

/// What the service appended, as lines: `a/b rate 42.0`.
private final class Appended: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    func add(_ batch: EventBatch) {
        lines.withLock { lines in
            for event in batch.events { lines.append("\(event.kind.name) \(batch.text(event.pool)) \(batch.text(event.body))") }
        }
    }

    func contains(_ words: String...) -> Bool { all.contains { line in words.allSatisfy(line.contains) } }
}

/// Policies that can be changed while the service runs.
private final class Policies: Sendable {
    private let (stream, continuation) = AsyncStream.makeStream(of: [Policy].self, bufferingPolicy: .bufferingNewest(1))
    /// For one reader.
    var updates: AsyncStream<[Policy]> { stream }
    func set(_ policies: [Policy]) { _ = continuation.yield(policies) }
}

@Suite struct RealServerTests {
    private func policy(_ polls: [(String, Poll)]) -> Policy {
        var policy = Policy(pool: "a/b", target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "b"))
        policy.triggers = polls.map { .polled(name: $0.0, $0.1, thresholdMilli: 1_000) }
        return policy
    }

    private func whileServing(_ policies: Policies, secrets: String? = nil, _ body: (Appended) async throws -> Void) async throws {
        let appended = Appended()
        let service = PollingService(
            policies: { policies.updates }, append: { appended.add($0) }, logger: Logger(label: "test"), secretsFolder: secrets)
        let task = Task { try await service.run() }
        do { try await body(appended) } catch {
            task.cancel()
            try? await task.value
            throw error
        }
        task.cancel()
        try await task.value
    }

    private func prometheus(in folder: URL, port: Int, web: String? = nil) throws -> [String] {
        try Data("global: {scrape_interval: 1s}\n".utf8).write(to: folder.appendingPathComponent("prometheus.yml"))
        var arguments = [
            "--config.file=\(folder.path)/prometheus.yml", "--storage.tsdb.path=\(folder.path)/data",
            "--web.listen-address=127.0.0.1:\(port)", "--log.level=error",
        ]
        if let web {
            try Data(web.utf8).write(to: folder.appendingPathComponent("web.yml"))
            arguments.append("--web.config.file=\(folder.path)/web.yml")
        }
        return arguments
    }

    @Test(.timeLimit(.minutes(3)))
    func aQueryOfPrometheusIsFollowed() async throws {
        guard let program = Tool.find("prometheus") else { return Tool.skip("prometheus is not installed: no query was fetched") }
        try await withFolder { folder in
            let port = try LocalPort.free()
            func poll(_ query: String) -> Poll {
                Poll(
                    source: .prometheus(serverAddress: "http://127.0.0.1:\(port)", query: query, ignoreNullValues: true), intervalSeconds: 1
                )
            }
            let policies = Policies()
            policies.set([
                policy([
                    ("rate", poll("vector(40) + 2.5")), ("none", poll("nothing_at_all")), ("wrong", poll("sum(")),
                    ("scalar", poll("scalar(vector(7))")),
                ])
            ])
            try await whileServing(policies) { appended in
                try await Peer.with(program, prometheus(in: folder, port: port), port: port) {
                    try await eventually("a value") { appended.contains("queue.observed a/b", #""metric":"rate","value":42.5"#) }
                    try await eventually("nothing is 0") { appended.contains(#""metric":"none","value":0"#) }
                    try await eventually("a scalar") { appended.contains(#""metric":"scalar","value":7"#) }
                    try await eventually("a fault") {
                        appended.contains(#""metric":"wrong","value":null,"error":"Prometheus answered 400: "#, "parse error")
                    }
                    policies.set([policy([("rate", poll("vector(9)"))])])
                    try await eventually("the changed query") { appended.contains(#""metric":"rate","value":9"#) }
                }
                try await eventually("the server is gone") {
                    appended.contains(#""metric":"rate","value":null,"error":"http://127.0.0.1:\#(port) can't be asked"#)
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aPrometheusBehindMutualTLSIsAsked() async throws {
        guard let program = Tool.find("prometheus"), let openssl = Tool.find("openssl") else {
            return Tool.skip("prometheus or openssl is not installed: TLS was not tried")
        }
        try await withFolder { folder in
            let (certificate, key) = (folder.appendingPathComponent("tls.crt").path, folder.appendingPathComponent("tls.key").path)
            let (status, output) = try await Tool.run(
                openssl,
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
                ])
            try #require(status == 0, "\(output)")
            let web =
                "tls_server_config: {cert_file: \(certificate), key_file: \(key), client_auth_type: RequireAndVerifyClientCert, client_ca_file: \(certificate)}\n"
            let port = try LocalPort.free()
            let source = Poll.Source.prometheus(serverAddress: "https://localhost:\(port)", query: "vector(3)", ignoreNullValues: true)
            let policies = Policies()
            policies.set([
                policy([
                    (
                        "known",
                        Poll(source: source, intervalSeconds: 1, tls: Poll.TLS(caFile: "tls.crt", certFile: "tls.crt", keyFile: "tls.key"))
                    ),
                    ("nobody", Poll(source: source, intervalSeconds: 1, tls: Poll.TLS(caFile: "tls.crt"))),
                    ("distrustful", Poll(source: source, intervalSeconds: 1)),
                    ("missing", Poll(source: source, intervalSeconds: 1, bearerTokenFile: "no-such-token")),
                ])
            ])
            try await whileServing(policies, secrets: folder.path) { appended in
                try await Peer.with(program, prometheus(in: folder, port: port, web: web), port: port) {
                    try await eventually("a value") { appended.contains(#""metric":"known","value":3"#) }
                    for refused in ["nobody", "distrustful"] {
                        try await eventually("\(refused) is refused") { appended.contains(#""metric":"\#(refused)","value":null"#) }
                        #expect(!appended.contains(#""metric":"\#(refused)","value":3"#))
                    }
                    try await eventually("a missing file is named") {
                        appended.contains(#""metric":"missing""#, "no-such-token is not in the folder of secrets")
                    }
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func aConsumersPendingMessagesAreFollowed() async throws {
        guard let program = Tool.find("nats-server") else { return Tool.skip("nats-server is not installed: no consumer was watched") }
        try await withFolder { folder in
            let (port, monitoring) = (try LocalPort.free(), try LocalPort.free())
            let configuration = folder.appendingPathComponent("nats.conf")
            try Data(
                "listen: \"127.0.0.1:\(port)\"\nhttp: \"127.0.0.1:\(monitoring)\"\njetstream { store_dir: \"\(folder.path)/store\" }\n".utf8
            ).write(to: configuration)
            func poll(_ consumer: String) -> Poll {
                Poll(
                    source: .natsJetStream(
                        monitoringEndpoint: "http://127.0.0.1:\(monitoring)", account: "$G", stream: "agent-tasks", consumer: consumer),
                    intervalSeconds: 1)
            }
            let policies = Policies()
            policies.set([policy([("pending", poll("devops-agent")), ("misspelt", poll("devops-agnt"))])])
            try await Peer.with(program, ["-c", configuration.path], port: monitoring) {
                try await eventually("NATS listens") { Peer.canConnect(port) }
                let admin = try NATSAdmin(port: port)
                admin.create(stream: "agent-tasks", subject: "tasks.>")
                admin.create(consumer: "devops-agent", of: "agent-tasks")
                for _ in 0..<7 { admin.request("tasks.a", "x") }
                try await whileServing(policies) { appended in
                    try await eventually("seven wait") { appended.contains("queue.observed a/b", #""metric":"pending","value":7"#) }
                    try await eventually("a fault") { appended.contains(#""metric":"misspelt","value":null"#, "no consumer devops-agnt") }
                    admin.request("tasks.b", "y")
                    try await eventually("eight wait") { appended.contains(#""metric":"pending","value":8"#) }
                }
            }
        }
    }
}
