import Domain
import Foundation
import JetStreamLog
import Logging
import NATSClient
import NATSServers
import Testing
import TestSupport

@testable import EventLog

/// The log's contract over real servers: one, and three of which any two acknowledge.
@Suite("The log's contract over JetStream", .serialized)
struct JetStreamContractTests {
    private func client(_ servers: [NATSServer]) throws -> NATSClient {
        let client = NATSClient(NATSConfiguration(servers: try servers.map { try NATSAddress($0.url) }), logger: quietLogger())
        client.start()
        return client
    }

    private func quietLogger() -> Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    private func hold(_ client: NATSClient, replicas: Int) async throws {
        let engines = LogEngines(client: client, replicas: replicas)
        for promise in ReplicatedContractTests.promises {
            guard let holds = promise.onThread else { continue }
            do { try await onThread { try LogEngines.$current.withValue(engines) { try holds() } } } catch {
                Issue.record("\(promise): \(error)")
            }
        }
        for promise in ReplicatedContractTests.threaded {
            do { try await LogEngines.$current.withValue(engines) { try await promise.holds() } } catch {
                Issue.record("\(promise): \(error)")
            }
        }
    }

    @Test("with one server", .timeLimit(.minutes(5)))
    func oneServer() async throws {
        guard let program = await NATSProgram.current() else { return }
        let server = try NATSServer(program) { NATSServer.jetStream($0) }
        defer { server.remove() }
        try await server.start()
        let client = try client([server])
        try await client.waitUntilConnected(within: .seconds(20))
        try await hold(client, replicas: 1)
        await client.shutdown()
    }

    @Test("with three servers", .timeLimit(.minutes(5)))
    func threeServers() async throws {
        guard let program = await NATSProgram.current() else { return }
        let cluster = try NATSCluster(program)
        defer { cluster.remove() }
        try await cluster.start()
        let client = try client(cluster.servers)
        try await client.waitUntilConnected(within: .seconds(20))
        let js = JetStream(client)
        try await eventually("the cluster makes streams", within: .seconds(30)) {
            (try? await js.createStream(JetStreamLogSettings(servers: []).wanted)) != nil
        }
        try await hold(client, replicas: 3)
        await client.shutdown()
    }

    @Test("a server before 2.14 is refused, and so is a stream that drops messages", .timeLimit(.minutes(2)))
    func refused() async throws {
        if let program = await NATSProgram.old() {
            let server = try NATSServer(program) { NATSServer.jetStream($0) }
            defer { server.remove() }
            try await server.start()
            let client = try client([server])
            let commits = JetStreamCommits(client, JetStreamLogSettings(servers: []), mayCreate: true)
            try await eventually("its version was seen") {
                guard case .connecting(.serverTooOld) = client.state else { return false }
                return true
            }
            let problem = try await onThread { () -> String in
                do throws(StreamTrouble) { return "\(try commits.status())" } catch { return error.description }
            }
            #expect(problem.contains("has version 2.9") && problem.contains("at least 2.14.0 is needed"), "\(problem)")
            await client.shutdown()
        }
        guard let program = await NATSProgram.current() else { return }
        let server = try NATSServer(program) { NATSServer.jetStream($0) }
        defer { server.remove() }
        try await server.start()
        let client = try client([server])
        try await client.waitUntilConnected(within: .seconds(20))
        var settings = JetStreamLogSettings(servers: [])
        settings.replicas = 1
        var lossy = settings.wanted
        lossy.maxMessages = 10
        _ = try await JetStream(client).createStream(lossy)
        let commits = JetStreamCommits(client, settings, mayCreate: true)
        let problem = try await onThread { () -> StreamTrouble? in
            do throws(StreamTrouble) {
                _ = try commits.status()
                return nil
            } catch { return error }
        }
        guard case .unfit(let text) = problem else {
            Issue.record("\(String(describing: problem))")
            return
        }
        #expect(text.contains("max_msgs should be -1 and is 10"))
        await client.shutdown()
    }
}

/// Runs `body` on a thread that may wait, as the log's writer is.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

/// The stream of one instance at a time: before it reads, it waits for what the stream says it has. So a log that was opened again has
/// caught up before its first append, as it has over one file.
final class CaughtUpStream: CommitStream {
    private let inner: JetStreamCommits

    init(_ inner: JetStreamCommits) { self.inner = inner }

    var messageBytesLimit: Int { inner.messageBytesLimit }
    func status() throws(StreamTrouble) -> StreamStatus { try inner.status() }
    func publish(_ bytes: [UInt8], expecting last: UInt64) -> any StreamPublication { inner.publish(bytes, expecting: last) }
    func entry(at sequence: UInt64) throws(StreamTrouble) -> StreamEntry? { try inner.entry(at: sequence) }
    func pause(_ attempt: Int) { inner.pause(attempt) }
    func expectOthers() { inner.expectOthers() }

    func entries(after sequence: UInt64, limit: Int) throws(StreamTrouble) -> [StreamEntry] {
        let last = try inner.status().last
        guard last > sequence else { return [] }
        // A copy of the log that was opened meanwhile may have written.
        inner.expectOthers()
        for _ in 0..<2_000 {
            let found = try inner.entries(after: sequence, limit: limit)
            if let end = found.last?.sequence, end >= last || found.count >= limit { return found }
            Thread.sleep(forTimeInterval: 0.001)
        }
        return []
    }
}
