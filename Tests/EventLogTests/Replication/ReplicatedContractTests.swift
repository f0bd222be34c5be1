import Domain
import Foundation
import JetStreamLog
import Machine
import NATSClient
import Synchronization
import Testing

@testable import EventLog

/// Which engine the logs of a test have: nil for the embedded one.
final class LogEngines: Sendable {
    @TaskLocal static var current: LogEngines?

    private struct State: Sendable {
        var twins: [String: StreamTwin] = [:]
        var newest = StreamTwin()
        var sessions: UInt64 = 0
        /// The same of real streams, by their number.
        var streams: [String: Int] = [:]
        var newestStream = 0
    }

    /// Real servers in place of the twin.
    private struct Servers: Sendable {
        var client: NATSClient
        var replicas: Int
    }

    private let state = Mutex(State())
    let faults: StreamLink.Faults
    private let servers: Servers?

    init(faults: StreamLink.Faults) {
        self.faults = faults
        servers = nil
    }

    init(client: NATSClient, replicas: Int) {
        faults = .none
        servers = Servers(client: client, replicas: replicas)
    }

    /// A stream for each log. A file that is there and unknown is a copy of the newest one's.
    func settings(for path: String) -> ReplicaSettings {
        let isThere = FileManager.default.fileExists(atPath: path)
        if let servers { return settings(for: path, isThere: isThere, servers) }
        let (twin, session) = state.withLock { state in
            state.sessions += 1
            if state.twins[path] == nil, !isThere { state.newest = StreamTwin() }
            let twin = state.twins[path] ?? state.newest
            state.twins[path] = twin
            state.newest = twin
            return (twin, state.sessions)
        }
        var settings = ReplicaSettings(
            stream: StreamLink(twin, seed: session, faults: faults), instance: "instance-\(session)", session: session)
        settings.clock = { twin.now }
        // Alone, it leads as soon as it is there.
        settings.leaseMicroseconds = 0
        settings.jitter = { 0 }
        return settings
    }

    private func settings(for path: String, isThere: Bool, _ servers: Servers) -> ReplicaSettings {
        let (stream, session) = state.withLock { state in
            state.sessions += 1
            if state.streams[path] == nil, !isThere { state.newestStream += 1 }
            let stream = state.streams[path] ?? state.newestStream
            state.streams[path] = stream
            state.newestStream = max(stream, state.newestStream)
            return (stream, state.sessions)
        }
        var place = JetStreamLogSettings(servers: [])
        place.stream = "log-\(stream)"
        place.replicas = servers.replicas
        var settings = ReplicaSettings(
            stream: CaughtUpStream(JetStreamCommits(servers.client, place, mayCreate: true)), instance: "instance-\(session)",
            session: session)
        settings.leaseMicroseconds = 0
        settings.jitter = { 0 }
        return settings
    }
}

/// The log's contract holds over a stream as it does over one file: the same tests, with the other engine beneath.
@Suite("The log's contract over a stream")
struct ReplicatedContractTests {
    struct Promise: Sendable, CustomStringConvertible {
        var description: String
        var holds: @Sendable () async throws -> Void
        /// The same for a thread that may wait; nil where the promise needs a task.
        var onThread: (@Sendable () throws -> Void)?

        init(_ description: String, _ holds: @escaping @Sendable () throws -> Void) {
            self.description = description
            self.holds = { try holds() }
            onThread = holds
        }

        @_disfavoredOverload
        init(_ description: String, _ holds: @escaping @Sendable () async throws -> Void) {
            (self.description, self.holds) = (description, holds)
        }
    }

    static let promises = [
        Promise("repeats") { try AppendTests().repeats() },
        Promise("an id twice in one batch") { try AppendTests().twiceInOneBatch() },
        Promise("ids of two sources") { try AppendTests().otherSource() },
        Promise("exactly once over a restart") { try AppendTests().restart(clean: true) },
        Promise("exactly once over a crash") { try AppendTests().restart(clean: false) },
        Promise("the pool holds, previous leads back") { try AppendTests().homePoolAndPrevious(reopens: true) },
        Promise("log time never goes back") { try AppendTests().timeNeverGoesBack() },
        Promise("times are found") { try AppendTests().positionsOfTimes() },
        Promise("an invalid batch is refused alone") { try AppendTests().invalidBatch() },
        Promise("an empty batch") { try AppendTests().emptyBatch() },
        Promise("after close") { try AppendTests().closed() },
        Promise("what is read is what was appended") { try AppendTests().roundTrip() },
        Promise("who may not write is refused") { try AppendTests().refusedCommits() },
        Promise("conflicts") { for row in ConflictTests.rows { try ConflictTests().conflicts(row) } },
        Promise("exactly once against an oracle") { try DedupeOracleTests().agrees(ids: .mixed, seed: 1) },
        Promise("names with pools") { try IdentityTests().withPools() },
        Promise("names without pools") { try IdentityTests().withoutPools() },
        Promise("names that may be several") { try IdentityTests().ambiguous() },
        Promise("names over a restart") { try IdentityTests().restart(rebuilds: true) },
        Promise("following from any position") { try FollowerTests().anyPosition() },
        Promise("following from the file") { try FollowerTests().fallsBehind() },
        Promise("a reader sees its own writes") { try FollowerTests().readYourWrites() },
        Promise("an append from within onCommit") { try FollowerTests().reentrant() },
        Promise("bodies are looked up") { try BodyLookupTests().reads() },
    ]

    /// With the writer's own thread.
    static let threaded = [
        Promise("callers share commits") { try await GroupCommitTests().shares() },
        Promise("closing commits what waits") { try GroupCommitTests().closing() },
        Promise("many followers while appends run") { try await FollowerTests().whileAppending() },
        Promise("exactly once with threads") { try await DedupeOracleTests().threaded() },
    ]

    @Test("over a stream that answers each publish", arguments: promises + threaded)
    func holds(_ promise: Promise) async throws {
        try await LogEngines.$current.withValue(LogEngines(faults: .none)) { try await promise.holds() }
    }

    @Test("over a stream that loses, delays and withholds answers", arguments: promises)
    func holdsInTrouble(_ promise: Promise) async throws {
        try await LogEngines.$current.withValue(LogEngines(faults: .many)) { try await promise.holds() }
    }
}
