import Basics
import Machine
import NATSServers
import Synchronization
import Testing
import TestSupport

@testable import NATSClient

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

// Against three real servers: what is acknowledged stays, whatever is killed; what isn't known is said to be not known.

@Suite(.serialized) struct ClusterTests {
    private func withCluster(_ extra: String = "", _ body: (NATSCluster) async throws -> Void) async throws {
        guard let program = await NATSProgram.current() else { return }
        let cluster = try NATSCluster(program, extra: extra)
        defer { cluster.remove() }
        try await cluster.start()
        try await body(cluster)
    }

    private func makeStream(_ js: JetStream) async throws -> StreamInfo {
        var wanted = StreamConfiguration(name: "L", subjects: ["l.>"])
        wanted.replicas = 3
        wanted.duplicateWindow = 120_000_000_000
        var info: StreamInfo?
        // Before the cluster has a leader, nobody answers.
        try await eventually("the stream is made", within: .seconds(60)) {
            do { info = try await js.createStream(wanted) } catch let error as JetStreamError where error.isTransient {}
            return info != nil
        }
        return try #require(info)
    }

    /// Publishes at this position until it is known that it is stored: as a log's only writer does it.
    private func append(_ js: JetStream, _ number: UInt64, within bound: Duration = .seconds(60)) async throws -> Bool {
        let message = StreamPublish(
            subject: "l.a", payload: Array("m\(number)".utf8), stream: "L", id: "id-\(number)", expectedLast: number - 1)
        var isStored = false
        var attempts = 0
        try await eventually("message \(number) is stored", within: bound) {
            attempts += 1
            switch await js.publish(message, timeout: .seconds(1)) {
            case .stored(let sequence), .duplicate(let sequence):
                guard sequence == number else { throw Misplaced(number: number, sequence: sequence) }
                isStored = true
            case .wrongLastSequence:
                // Perhaps one's own: the stream says.
                guard let found = try? await js.message("L", at: number) else { return false }
                guard found.payload == message.payload else { throw Misplaced(number: number, sequence: found.sequence) }
                isStored = true
            case .inProcess, .noResponders, .silence, .notSent: break
            case .refused(let problem): throw Refused(problem: problem)
            }
            return isStored
        }
        return attempts == 1
    }

    struct Misplaced: Error { var number, sequence: UInt64 }
    struct Refused: Error { var problem: JetStreamProblem }

    @Test("the stream's server is killed: the reader goes on without a gap, every acknowledged message is there", .timeLimit(.minutes(4)))
    func killedLeader() async throws {
        try await withCluster { cluster in
            try await withClient(try configuration(cluster.servers)) { client in
                let js = JetStream(client, timeout: .seconds(2))
                _ = try await makeStream(js)
                let reader = OrderedReader(js, stream: "L", from: 1)
                let reading = Task { () -> [StoredMessage] in
                    var found: [StoredMessage] = []
                    while found.count < 90 { found.append(try await reader.next()) }
                    return found
                }
                for number in UInt64(1)...30 { _ = try await append(js, number) }
                let leader = try #require(cluster.named(try await js.streamInfo("L").cluster?.leader))
                leader.kill()
                for number in UInt64(31)...60 { _ = try await append(js, number) }
                try await leader.start()
                // The one that the client is connected to.
                guard case .connected(_, let address) = client.state, let mine = cluster.servers.first(where: { $0.port == address.port })
                else {
                    Issue.record("not connected")
                    return
                }
                mine.kill()
                for number in UInt64(61)...90 { _ = try await append(js, number) }
                let found = try await reading.value
                #expect(found.map(\.sequence) == Array(1...90))
                #expect(found.map(\.payload) == (1...90).map { Array("m\($0)".utf8) })
                await reader.stop()
            }
        }
    }

    @Test("without a quorum nobody answers, and what was sent is found in the stream afterwards", .timeLimit(.minutes(4)))
    func lostQuorum() async throws {
        try await withCluster { cluster in
            let first = try NATSClient(configuration(cluster.servers), logger: quietLogger())
            first.start()
            try await first.waitUntilConnected(within: .seconds(10))
            _ = try await makeStream(JetStream(first))
            let leader = try #require(cluster.named(try await JetStream(first).streamInfo("L").cluster?.leader))
            await first.shutdown()
            // A client of the leader's own server, which keeps its connection.
            try await withClient(try configuration([leader]) { $0.usesLearnedServers = false }) { client in
                let js = JetStream(client)
                #expect(try await append(js, 1))
                let others = cluster.servers.filter { $0.name != leader.name }
                for server in others { server.kill() }
                let outcome = await js.publish(
                    StreamPublish(subject: "l.a", payload: Array("m2".utf8), stream: "L", id: "id-2", expectedLast: 1), timeout: .seconds(1)
                )
                #expect(outcome == .silence(.timeout(.seconds(1))))
                for server in others { try await server.start() }
                // It was stored, and the retry says so.
                _ = try await append(js, 2)
                #expect(try await js.message("L", at: 2)?.payload == Array("m2".utf8))
                _ = try await append(js, 3)
                #expect(try await js.message("L", at: 3)?.payload == Array("m3".utf8))
            }
        }
    }

    @Test("a server that is stopped is noticed by its silence, and another one takes its place", .timeLimit(.minutes(4)))
    func stoppedServer() async throws {
        try await withCluster { cluster in
            try await withClient(
                try configuration(cluster.servers) {
                    $0.limits.pingSeconds = 0.2
                    $0.limits.connectSeconds = 1
                }
            ) { client in
                let js = JetStream(client, timeout: .seconds(2))
                _ = try await makeStream(js)
                #expect(try await append(js, 1))
                guard case .connected(_, let address) = client.state, let mine = cluster.servers.first(where: { $0.port == address.port })
                else {
                    Issue.record("not connected")
                    return
                }
                mine.signal(SIGSTOP)
                defer { mine.signal(SIGCONT) }
                try await eventually("another server is used") {
                    if case .connected(_, let now) = client.state { return now.port != address.port }
                    return false
                }
                _ = try await append(js, 2)
                #expect(try await js.message("L", at: 2)?.payload == Array("m2".utf8))
            }
        }
    }

    @Test("a server that goes away tells its clients, which leave before it closes", .timeLimit(.minutes(4)))
    func lameDuck() async throws {
        try await withCluster("lame_duck_grace_period: \"2s\"\nlame_duck_duration: \"30s\"") { cluster in
            // It knows one server and learns of the others.
            try await withClient(try configuration([cluster.servers[0]])) { client in
                let js = JetStream(client, timeout: .seconds(2))
                _ = try await makeStream(js)
                let subscription = try client.subscribe("news")
                let failures = Mutex(0)
                let isOver = Latch()
                // Requests go on all the while; none may be lost.
                let asking = Task {
                    while !isOver.isOpen {
                        do { _ = try await js.streamInfo("L") } catch { failures.withLock { $0 += 1 } }
                    }
                }
                cluster.servers[0].signal(SIGUSR2)
                try await eventually("another server is used") {
                    if case .connected(_, let now) = client.state { return now.port != cluster.servers[0].port }
                    return false
                }
                isOver.open()
                await asking.value
                #expect(failures.withLock { $0 } == 0)
                try client.publish("news", payload: [1])
                #expect(try await subscription.next().payload == [1])
                subscription.cancel()
            }
        }
    }

    private struct Consumer: Decodable {
        struct Cluster: Decodable { var leader: String? }
        var name: String
        var cluster: Cluster?
    }

    private struct Consumers: Decodable { var consumers: [Consumer]? }

    /// It says nothing: the missing heartbeats alone tell.
    @Test("the server of the consumer is killed, and neither the stream's leader nor the connection is there", .timeLimit(.minutes(4)))
    func killedConsumer() async throws {
        try await withCluster { cluster in
            let first = NATSClient(try configuration(cluster.servers), logger: quietLogger())
            first.start()
            try await first.waitUntilConnected(within: .seconds(10))
            _ = try await makeStream(JetStream(first))
            let leader = try #require(cluster.named(try await JetStream(first).streamInfo("L").cluster?.leader))
            await first.shutdown()
            try await withClient(try configuration([leader]) { $0.usesLearnedServers = false }) { client in
                let js = JetStream(client, timeout: .seconds(2))
                #expect(try await append(js, 1))
                var options = OrderedReader.Options()
                options.heartbeat = .milliseconds(200)
                // The server chooses where a consumer is: until one is on another server than the leader.
                var found: (reader: OrderedReader, host: NATSServer)?
                var tries = 0
                while found == nil, tries < 40 {
                    tries += 1
                    let reader = OrderedReader(js, stream: "L", from: 1, options: options)
                    #expect(try await reader.next().sequence == 1)
                    let consumers = try await js.ask("CONSUMER.LIST.L", as: Consumers.self).consumers ?? []
                    if let host = cluster.named(consumers.last?.cluster?.leader), consumers.count == 1, host.name != leader.name {
                        found = (reader, host)
                    } else {
                        await reader.stop()
                        try await eventually("it is gone") {
                            (try await js.ask("CONSUMER.LIST.L", as: Consumers.self).consumers ?? []).isEmpty
                        }
                    }
                }
                let (reader, host) = try #require(found)
                #expect(reader.remade == 0)
                host.kill()
                for number in UInt64(2)...10 { _ = try await append(js, number) }
                for number in UInt64(2)...10 { #expect(try await reader.next().sequence == number) }
                #expect(reader.remade >= 1)
                await reader.stop()
            }
        }
    }
}
