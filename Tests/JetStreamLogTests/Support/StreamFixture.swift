import Domain
import Foundation
import Logging
import Machine
import NATSClient
import NATSServers
import Synchronization
import Testing
import TestSupport

@testable import EventLog
@testable import JetStreamLog

// Instances of a log over real servers.

var quiet: Logger { Logger(label: "jetstream-test") { _ in SwiftLogNoOpLogHandler() } }

/// A directory that goes with the test.
final class Folder: Sendable {
    let path: String
    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-jetstream-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    func file(_ name: String) -> String { path + "/" + name }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// One server, and a client that is connected to it; not at all where there is none to be had.
func withStream(_ body: (NATSServer, NATSClient, JetStreamLogSettings) async throws -> Void) async throws {
    guard let program = await NATSProgram.current() else { return }
    let server = try NATSServer(program) { NATSServer.jetStream($0) }
    defer { server.remove() }
    try await server.start()
    var settings = JetStreamLogSettings(servers: [try NATSAddress(server.address)])
    settings.replicas = 1
    try await withClient(settings) { try await body(server, $0, settings) }
}

func withClient(_ settings: JetStreamLogSettings, _ body: (NATSClient) async throws -> Void) async throws {
    let client = NATSClient(try settings.connection(), logger: quiet)
    client.start()
    do {
        try await client.waitUntilConnected(within: .seconds(20))
        try await body(client)
        await client.shutdown()
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Work that waits, on a thread that may.
func waiting<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// An instance's log, written inline.
struct Instance: Sendable {
    let commits: JetStreamCommits
    let log: EventLog

    static func open(_ path: String, _ name: String, _ client: NATSClient, _ settings: JetStreamLogSettings) async throws -> Instance {
        let commits = JetStreamCommits(client, settings, mayCreate: true)
        let log = try await waiting {
            var configuration = EventLog.Configuration(path: path)
            configuration.writer = .inline
            configuration.durability = .off
            var replica = ReplicaSettings(stream: commits, instance: name, session: .random(in: 1...(.max)))
            replica.leaseMicroseconds = 60_000_000
            configuration.replica = replica
            return try EventLog.open(configuration)
        }
        return Instance(commits: commits, log: log)
    }

    func lead() async throws {
        let log = log
        #expect(try await waiting { try log.campaign() })
    }

    /// `count` events, in commits of `size`.
    func append(_ count: Int, from first: Int = 0, size: Int = 50) async throws {
        let log = log
        try await waiting {
            var at = first
            while at < first + count {
                var batch = EventBatch()
                for number in at..<min(at + size, first + count) {
                    batch.append(.actorIdle, source: "agents/a", id: "id-\(number)", subject: "actor-\(number % 17)")
                }
                let refused = Mutex<AppendError?>(nil)
                log.append(batch) { if case .failure(let error) = $0 { refused.withLock { $0 = error } } }
                if let error = refused.withLock({ $0 }) { throw error }
                at += size
            }
        }
    }

    /// Applies what comes until the log has got there.
    func follow(to position: Position) async throws {
        let (log, commits) = (log, commits)
        try await waiting {
            var attempt = 0
            while log.head.seq < position, attempt < 200 {
                if !log.followStream(tends: false) {
                    attempt += 1
                    commits.pause(attempt)
                }
            }
        }
        #expect(log.head.seq >= position)
    }

    func close() async throws {
        let (log, commits) = (log, commits)
        try await waiting {
            log.close()
            commits.close()
        }
    }
}
