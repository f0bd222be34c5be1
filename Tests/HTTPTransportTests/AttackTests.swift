import HTTPTestSupport
import HTTPTransport
import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite("Memory and work don't follow a client, on any port", .serialized)
struct AttackTests {
    private func one(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nhost: localhost\r\n\r\n" }

    // MARK: - Answers that nobody takes

    @Test(arguments: Port.allCases)
    func pipelinedRequestsWaitUntilAnswersAreTaken(_ port: Port) async throws {
        try await port.run {
            $0.writeStallSeconds = 0.5
        } _: { running in
            let channel = try await running.http1.deaf()
            let one = one(port.large)
            let before = Memory.residentBytes
            // 20,000 answers of some 20 KB would be 400 MB.
            for _ in 0..<20 { channel.writeAndFlush(ByteBuffer(string: String(repeating: one, count: 1_000)), promise: nil) }
            try await eventually("the server lets go") { running.connectionCount() == 0 }
            #expect(Memory.residentBytes - before < 64 << 20)
            try? await channel.close()
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    @Test(arguments: Port.allCases)
    func pipelinedRequestsAreAllAnsweredToWhoReads(_ port: Port) async throws {
        try await port.run { running in
            let count = 2_000
            let expected = try await running.http1.get(port.large).body.count
            #expect(expected > 10_000)
            let received = try await running.http1.pipelined(String(repeating: one(port.large), count: count), until: count * expected)
            #expect(received >= count * expected)
        }
    }

    @Test(arguments: Port.allCases)
    func streamsWhoseAnswersAreNotTakenEnd(_ port: Port) async throws {
        try await port.run {
            $0.writeStallSeconds = 0.5
        } _: { running in
            let client = try await running.frames(window: 0)
            for number in 0..<20 { try await client.send(try running.request(2 * number + 1, number % 2 == 0 ? port.large : port.small)) }
            try await eventually("all are answered") { client.frames.filter { $0.status == 200 }.count == 20 }
            #expect(try await running.living().answerBytes > 0)
            try await eventually("each is ended") { client.frames.filter { $0.type == FrameClient.reset }.count == 20 }
            try await eventually("nothing of them is left") {
                let living = try await running.living()
                return living.streams == 0 && living.keptStreams == 0 && living.answerBytes == 0
            }
            // The connection is as good as before.
            try await client.send(try running.request(101, port.small))
            try await eventually("it answers") { client.frames.contains { $0.stream == 101 && $0.status == 200 } }
            await client.close()
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    @Test(arguments: Port.allCases)
    func answersHaveOneBudget(_ port: Port) async throws {
        try await port.run {
            $0.answerBytes = 100_000
        } _: { running in
            var clients: [FrameClient] = []
            for _ in 0..<3 {
                let client = try await running.frames(window: 0)
                for number in 0..<10 { try await client.send(try running.request(2 * number + 1, port.large)) }
                try await eventually("all are answered") { client.frames.compactMap(\.status).count == 10 }
                clients.append(client)
            }
            #expect(try await running.living().answerBytes <= 100_000)
            #expect(clients[2].frames.contains { $0.status == 503 })
            for client in clients { await client.close() }
            try await eventually("nothing is left") { try await running.isEmpty }
            #expect(try await running.http2.get(port.large).status == 200)
        }
    }

    // MARK: - Connections

    @Test(arguments: Port.allCases)
    func whoIsIdleLongestGivesWayToAnother(_ port: Port) async throws {
        try await port.run {
            $0.connections = 2
        } _: { running in
            let first = try await running.http2.openConnection().0
            try await eventually("one is in") { running.connectionCount() == 1 }
            let second = try await running.http2.openConnection().0
            try await eventually("both are in") { running.connectionCount() == 2 }
            #expect(try await running.http1.get(port.large).status == 200)
            try await first.closeFuture.get()
            #expect(second.isActive)
            // Over TLS a client that closes first may miss the server's last word.
            try? await second.close()
        }
    }

    @Test(arguments: Port.secure)
    func idleHandshakesGiveWayOneAfterAnother(_ port: Port) async throws {
        try await port.run {
            $0.connections = 4
        } _: { running in
            var idle: [any Channel] = []
            for _ in 0..<12 { idle.append(try await TestClient(wire: .http1, port: running.number).deaf()) }
            #expect(try await running.http2.get(port.small).status == 200)
            #expect(try await running.http2.get(port.large).status == 200)
            for channel in idle { try? await channel.close() }
        }
    }

    // MARK: - Streams

    @Test(arguments: Port.allCases)
    func aStreamTooManyIsRefusedAndTheOthersAreAnswered(_ port: Port) async throws {
        try await port.run {
            $0.streamsPerConnection = 8
        } _: { running in
            let client = try await running.frames()
            for number in 0..<12 { try await client.send(try running.request(2 * number + 1, port.small, ends: false)) }
            try await eventually("four are refused") { client.frames.filter { $0.type == FrameClient.reset }.count == 4 }
            #expect(client.frames.filter { $0.type == FrameClient.reset }.allSatisfy { $0.errorCode == 7 && $0.stream > 16 })
            for number in 0..<8 {
                var end = ByteBuffer()
                RawHTTP2.frame(&end, type: 0, flags: 1, stream: Int32(2 * number + 1), ByteBuffer())
                try await client.send(end)
            }
            try await eventually("eight are answered") { client.frames.filter { $0.status == 200 }.count == 8 }
            #expect(!client.isClosed && !client.frames.contains { $0.type == FrameClient.goAway })
            // Whoever is refused may come again.
            try await client.send(try running.request(101, port.small))
            try await eventually("it answers") { client.frames.contains { $0.stream == 101 && $0.status == 200 } }
            await client.close()
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    @Test(arguments: Port.allCases)
    func whoNeverStopsOpeningStreamsIsCutOff(_ port: Port) async throws {
        try await port.run {
            $0.streamsPerConnection = 4
        } _: { running in
            let client = try await running.frames()
            var bytes = ByteBuffer()
            for number in 0..<4_000 { bytes.writeImmutableBuffer(try running.request(2 * number + 1, port.small, ends: false)) }
            try? await client.send(bytes)
            try await eventually("it is cut off") { client.isClosed }
            await client.close()
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    @Test(arguments: Port.allCases)
    func streamsThatAreResetAtOnceLeaveNothing(_ port: Port) async throws {
        try await port.run { running in
            let client = try await running.frames()
            for round in 0..<20 {
                var bytes = ByteBuffer()
                for number in 0..<100 {
                    let stream = 2 * (round * 100 + number) + 1
                    bytes.writeImmutableBuffer(try running.request(stream, port.large))
                    RawHTTP2.frame(&bytes, type: FrameClient.reset, flags: 0, stream: Int32(stream), ByteBuffer(integer: UInt32(8)))
                }
                try? await client.send(bytes)
            }
            await client.close()
            try await eventually("nothing is left") { try await running.isEmpty }
            #expect(try await running.http2.get(port.small).status == 200)
        }
    }

    @Test(arguments: Port.allCases)
    func aConnectionThatBreaksTheProtocolInTheReadThatOpensAStreamLeavesNothing(_ port: Port) async throws {
        try await port.run { running in
            func attack(_ count: Int) async throws {
                for _ in 0..<count {
                    let client = try await running.frames()
                    var bytes = try running.request(1, port.small)
                    // A PING of four bytes.
                    RawHTTP2.frame(&bytes, type: 6, flags: 0, stream: 0, ByteBuffer(string: "ping"))
                    try? await client.send(bytes)
                    try await eventually("it is closed") { client.isClosed }
                    await client.close()
                }
            }
            // A handshake takes its time.
            let rounds = port.isSecure ? 400 : 2_000
            try await attack(rounds)
            let before = Memory.residentBytes
            try await attack(rounds)
            // Over TLS the clients, which live in this process too, keep more than the server.
            if !port.isSecure { #expect(Memory.residentBytes - before < rounds * 20_000, "\((Memory.residentBytes - before) >> 20) MiB") }
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    // MARK: - Half a connection

    @Test(arguments: Port.allCases)
    func whoSaysNoMoreIsStillAnswered(_ port: Port) async throws {
        if port.isSecure { return }
        try await port.run { running in
            let text = try await running.http1.finishing(one(port.large) + one(port.small))
            #expect(text.components(separatedBy: "HTTP/1.1 200 ").count == 3, "\(text)")
            let client = try await running.frames()
            try await client.send(try running.request(1, port.large))
            try await client.finish()
            try await eventually("it is answered") {
                client.frames.contains { $0.status == 200 } && client.frames.contains { $0.type == 0 && $0.flags & 1 == 1 }
            }
            try await eventually("and the connection ends") { client.isClosed }
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    // MARK: - TLS

    @Test(arguments: Port.secure)
    func aHandshakeHasItsTime(_ port: Port) async throws {
        try await port.run {
            $0.handshakeSeconds = 0.2
        } _: { running in
            // A client hello that never ends.
            let received = try await TestClient(wire: .http1, port: running.number).raw("\u{16}\u{3}\u{1}\u{2}")
            #expect(received.isEmpty || received.utf8.first == 0x15)
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    @Test(arguments: Port.secure)
    func whoSpeaksNoTLSIsSentAway(_ port: Port) async throws {
        try await port.run { running in
            let received = try await TestClient(wire: .http1, port: running.number).raw(one(port.small))
            #expect(!received.contains("HTTP/1.1"))
            try await eventually("nothing is left") { try await running.isEmpty }
        }
    }

    @Test(arguments: Port.secure)
    func whoAgreedOnHTTP2IsAnsweredInHTTP2(_ port: Port) async throws {
        try await port.run { running in
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
                host: "127.0.0.1", port: running.number
            ) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(TestTLS.handler("h2"))
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
            let received = try await channel.executeThenClose { inbound, outbound in
                var received: [UInt8] = []
                do {
                    try await outbound.write(ByteBuffer(string: one(port.small)))
                    for try await bytes in inbound { received += bytes.readableBytesView }
                } catch {}
                return received
            }
            #expect(!String(decoding: received, as: UTF8.self).contains("HTTP/1.1"))
            #expect(received.count >= 9 && received[3] == 4)
        }
    }
}
