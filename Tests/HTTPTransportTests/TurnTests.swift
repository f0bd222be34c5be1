import HTTPTransport
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@Suite("A loop lets requests in by turns")
struct TurnTests {
    private static func frame(_ type: UInt8, _ payload: Int) -> [UInt8] {
        [UInt8(payload >> 16 & 255), UInt8(payload >> 8 & 255), UInt8(payload & 255), type, 5, 0, 0, 0, 1]
            + Array(repeating: 1, count: payload)
    }

    private static func flood(_ streams: Int) -> [UInt8] {
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0)
        for number in 0..<streams { bytes += frame(1, number % 30) + frame(0, number % 7) + frame(3, 4) }
        return bytes
    }

    private func taken(_ channel: EmbeddedChannel) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let part = try channel.readInbound(as: ByteBuffer.self) { bytes += Array(part.readableBytesView) }
        return bytes
    }

    private func headers(_ bytes: [UInt8]) -> Int {
        var walk = FrameWalk()
        return walk.walk(ByteBuffer(bytes: bytes).readableBytesView, headersMost: .max).headers
    }

    private func connection(_ turns: RequestTurns, on loop: EmbeddedEventLoop) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(loop: loop)
        try channel.pipeline.syncOperations.addHandler(StreamFeed(turns))
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    @Test(arguments: [1, 2, 5, 4_096, 1 << 20])
    func streamsComeInByTurnsAndAsTheyWere(_ reading: Int) throws {
        let loop = EmbeddedEventLoop()
        let channel = try connection(RequestTurns(loop), on: loop)
        let sent = Self.flood(1_000)
        var received: [UInt8] = []
        for start in stride(from: 0, to: sent.count, by: reading) {
            try channel.writeInbound(ByteBuffer(bytes: sent[start..<min(start + reading, sent.count)]))
        }
        received += try taken(channel)
        #expect(headers(received) == RequestTurns.requests)
        for turn in 2...8 {
            loop.advanceTime(by: .milliseconds(1))
            received += try taken(channel)
            #expect(headers(received) >= min(RequestTurns.requests * turn, 1_000))
        }
        #expect(received == sent)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test func whoComesLateWaitsForNoFlood() throws {
        let loop = EmbeddedEventLoop()
        let turns = RequestTurns(loop)
        let floods = try (0..<20).map { _ in try connection(turns, on: loop) }
        for flood in floods { try flood.writeInbound(ByteBuffer(bytes: Self.flood(1_000))) }
        let late = try connection(turns, on: loop)
        try late.writeInbound(ByteBuffer(bytes: Self.flood(1)))
        loop.advanceTime(by: .milliseconds(1))
        #expect(try headers(taken(late)) == 1)
        let before = try floods.map { try headers(taken($0)) }
        #expect(before.reduce(0, +) < RequestTurns.requests * 24 && before.allSatisfy { $0 > 0 })
        for channel in floods + [late] { _ = try channel.finish(acceptAlreadyClosed: true) }
    }

    @Test func aFloodThatIsGoneLeavesNothing() throws {
        let loop = EmbeddedEventLoop()
        let turns = RequestTurns(loop)
        let channel = try connection(turns, on: loop)
        try channel.writeInbound(ByteBuffer(bytes: Self.flood(1_000)))
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        _ = try taken(channel)
        // Not by `finish`, which calls off what the loop still has to do.
        channel.close(promise: nil)
        loop.run()
        loop.advanceTime(by: .milliseconds(1))
        #expect(try taken(channel).isEmpty)
        #expect(turns.room == RequestTurns.requests)
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        var answers = 0

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            answers += 1
            context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .noContent))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    @Test func pipelinedRequestsComeInByTurns() throws {
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(loop: loop)
        let answering = Answering()
        try channel.pipeline.syncOperations.addHandlers(HTTP1Front.handlers(.init(), turns: RequestTurns(loop)).handlers)
        try channel.pipeline.syncOperations.addHandler(answering)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.writeInbound(ByteBuffer(string: String(repeating: "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n", count: 1_000)))
        #expect((1..<400).contains(answering.answers), "\(answering.answers)")
        for _ in 0..<20 { loop.advanceTime(by: .milliseconds(1)) }
        #expect(answering.answers == 1_000)
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }
}
