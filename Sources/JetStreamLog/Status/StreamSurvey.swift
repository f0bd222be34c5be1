// What does each server have of the stream, and each instance?
//
// JetStream's API answers for the stream's leader alone, and says of the other servers only what the leader believes. So each server is
// asked by a connection of its own, for what it would give a reader: a direct read is answered by the server that one is connected to, where
// that holds the stream. What it says may be some messages old; what it says of one message can be compared. A server that holds no copy, or
// can't be reached, is named as such.

import Basics
import Crypto
import EventLog
import Foundation
package import Logging
package import NATSClient

package struct StreamSurvey: Sendable {
    package struct Server: Hashable, Sendable {
        package enum Role: String, Hashable, Sendable { case leader, replica, none }

        package var name: String
        package var address: String?
        package var version: String?
        package var role: Role
        /// What it gives a reader itself; nil where that isn't known.
        package var first: UInt64?
        package var last: UInt64?
        /// Whether it has the same message as the leader at the sequence that all have; nil where that isn't known.
        package var isSame: Bool?
        /// Messages that it lacks, as the stream's leader says. 0 isn't a proof.
        package var lagByLeader: UInt64?
        /// Why its own state isn't known.
        package var problem: String?
    }

    package var info: StreamInfo
    package var servers: [Server]
    package var instances: [InstanceNote]
    package var snapshots: [LogSnapshot]
    /// The sequence at which the servers were compared.
    package var comparedAt: UInt64?

    /// Servers that hold another message than the leader at the same sequence.
    package var differing: [Server] { servers.filter { $0.isSame == false } }

    package var leader: String? { info.cluster?.leader }

    private static let patience = Duration.seconds(3)
    private static let serversMost = 16
    private static let electionBound = Duration.seconds(13)
}

extension StreamSurvey {
    /// Asks all that can be reached.
    package static func take(_ settings: JetStreamLogSettings, logger: Logger) async throws -> StreamSurvey {
        let connection = try settings.connection()
        let client = NATSClient(connection, logger: logger)
        client.start()
        do {
            try await client.waitUntilConnected(within: .seconds(settings.answerSeconds))
            let js = JetStream(client, timeout: .seconds(settings.answerSeconds))
            let info = try await info(js, settings.stream)
            var survey = StreamSurvey(
                info: info, servers: [], instances: try await InstanceNotes(js, stream: settings.stream).list(),
                snapshots: try await LogSnapshots(js, stream: settings.stream).list())
            try await survey.askServers(settings, connection, learned: client.learnedAddresses, logger)
            await client.shutdown()
            return survey
        } catch {
            await client.shutdown()
            throw error
        }
    }

    /// An election takes up to 12 s: the stream's leader is asked again until then.
    private static func info(_ js: JetStream, _ stream: String) async throws -> StreamInfo {
        let began = js.client.clock.now()
        while true {
            do throws(JetStreamError) { return try await js.streamInfo(stream) } catch {
                guard error.isTransient, js.client.clock.now() - began < electionBound else { throw error }
                try await js.client.clock.sleep(.milliseconds(500))
            }
        }
    }

    private mutating func askServers(
        _ settings: JetStreamLogSettings, _ connection: NATSConfiguration, learned: [NATSAddress], _ logger: Logger
    ) async throws {
        var addresses: [NATSAddress] = []
        for address in settings.servers + learned where !addresses.contains(where: { $0.description == address.description }) {
            addresses.append(address)
        }
        var open: [(server: Server, view: ServerView)] = []
        for address in addresses.prefix(Self.serversMost) {
            var own = connection
            own.servers = [address]
            own.usesLearnedServers = false
            let view = ServerView(NATSClient(own, logger: logger), settings)
            var server = Server(name: address.description, address: address.description, role: .none)
            if let greeting = await view.greeting(within: Self.patience) {
                server.name = greeting.serverName ?? server.name
                server.version = greeting.version
            } else {
                server.problem = "it can't be reached"
            }
            // Two addresses of one server.
            if server.problem == nil, open.contains(where: { $0.server.name == server.name }) {
                await view.close()
                continue
            }
            open.append((server, view))
        }
        for index in open.indices {
            open[index].server.role = role(of: open[index].server.name)
            open[index].server.lagByLeader = lag(of: open[index].server.name)
            guard open[index].server.problem == nil else { continue }
            guard open[index].server.role != .none else { continue }
            do {
                open[index].server.first = try await open[index].view.first()
                open[index].server.last = try await open[index].view.last()
            } catch { open[index].server.problem = "\(error)" }
        }
        await compare(&open)
        for (_, view) in open { await view.close() }
        servers = open.map(\.server)
        // Those that hold the stream and weren't reached under any address.
        let holders = [info.cluster?.leader].compactMap { $0 } + (info.cluster?.replicas ?? []).map(\.name)
        for name in holders where !servers.contains(where: { $0.name == name }) {
            servers.append(
                Server(
                    name: name, role: role(of: name), lagByLeader: lag(of: name),
                    problem: "no address leads to it: name it among the servers"))
        }
        servers.sort { $0.name < $1.name }
    }

    /// A lag of 0 is left out by the server.
    private func lag(of name: String) -> UInt64? { info.cluster?.replicas?.first { $0.name == name }.map { $0.lag ?? 0 } }

    private func role(of name: String) -> Server.Role {
        // A server alone names no cluster.
        guard let cluster = info.cluster else { return .leader }
        if cluster.leader == name { return .leader }
        return cluster.replicas?.contains { $0.name == name } == true ? .replica : .none
    }

    /// Reads the last message that all of them have from each.
    private mutating func compare(_ open: inout [(server: Server, view: ServerView)]) async {
        let lasts = open.compactMap(\.server.last)
        guard let common = lasts.min(), common > 0 else { return }
        comparedAt = common
        var digests: [Int: [UInt8]] = [:]
        for index in open.indices where open[index].server.last != nil {
            do { digests[index] = try await open[index].view.digest(at: common) } catch { open[index].server.problem = "\(error)" }
        }
        guard let leader = open.indices.first(where: { open[$0].server.role == .leader }), let expected = digests[leader] else { return }
        for (index, digest) in digests { open[index].server.isSame = digest == expected }
    }
}

/// One server, asked for what it has itself.
private struct ServerView {
    private let client: NATSClient
    private let stream: String
    private let subject: String
    private static let patience = Duration.seconds(3)

    init(_ client: NATSClient, _ settings: JetStreamLogSettings) {
        self.client = client
        (stream, subject) = (settings.stream, settings.subject)
        client.start()
    }

    func greeting(within bound: Duration) async -> NATSServerInfo? {
        try? await client.waitUntilConnected(within: bound)
        guard case .connected(let info, _) = client.state else { return nil }
        return info
    }

    func close() async { await client.shutdown() }

    private struct Request: Encodable {
        var seq: UInt64?
        var last_by_subj: String?
        var next_by_subj: String?
    }

    func first() async throws -> UInt64 { try await sequence(Request(seq: 1, next_by_subj: subject)) }
    func last() async throws -> UInt64 { try await sequence(Request(last_by_subj: subject)) }

    private func sequence(_ request: Request) async throws -> UInt64 {
        guard let message = try await read(request) else { return 0 }
        guard let sequence = message.headers["Nats-Sequence"].flatMap({ UInt64($0) }) else {
            throw JetStreamError.unreadable(request: "DIRECT.GET.\(stream)", problem: "it has no sequence")
        }
        return sequence
    }

    func digest(at sequence: UInt64) async throws -> [UInt8] {
        guard let message = try await read(Request(seq: sequence)) else {
            throw JetStreamError.unreadable(request: "DIRECT.GET.\(stream)", problem: "message \(sequence) isn't there")
        }
        return Array(SHA256.hash(data: message.payload))
    }

    /// Nil where it has none.
    private func read(_ request: Request) async throws -> NATSMessage? {
        let body = try JSONEncoder().encode(request)
        let message: NATSMessage
        do {
            message = try await client.request("$JS.API.DIRECT.GET.\(stream)", payload: Array(body), timeout: Self.patience)
        } catch {
            if case .noResponders = error {
                throw JetStreamError.invalid("it gives no direct reads: the stream's allow_direct is off, or it has no copy yet")
            }
            throw error
        }
        guard let status = message.status else { return message }
        if status.code == 404 { return nil }
        throw JetStreamError.unreadable(request: "DIRECT.GET.\(stream)", problem: "\(status)")
    }
}

extension NATSClient {
    /// Of the servers that the connected one tells of.
    fileprivate var learnedAddresses: [NATSAddress] {
        guard case .connected(let info, _) = state else { return [] }
        return (info.connectURLs ?? []).compactMap { try? NATSAddress($0) }
    }
}
