import Machine
import NIOCore
import NIOPosix
import Testing
import TestSupport

@testable import NATSClient

// How often does it try a server that is of no use? By a clock moved by hand.

@Suite struct ReconnectTests {
    /// Says something to each connection and closes it.
    private final class Greeter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let text: String
        private let accepted: Locked<Int>

        init(_ text: String, _ accepted: Locked<Int>) {
            self.text = text
            self.accepted = accepted
        }

        func channelActive(context: ChannelHandlerContext) {
            accepted.withValue { $0 += 1 }
            context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: text)), promise: nil)
            if !text.hasPrefix("INFO") { context.close(promise: nil) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            // CONNECT and PING: it greets, and goes.
            context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: "PONG\r\n")), promise: nil)
            context.close(promise: nil)
        }
    }

    @Test(
        "a server that closes at once, one that talks nonsense, and one that greets and goes: each is tried after a pause, which grows",
        .timeLimit(.minutes(1)), arguments: ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "INFO {\"version\":\"2.14.0\",\"headers\":true}\r\n"])
    func pauses(_ text: String) async throws {
        let accepted = Locked(0)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Greeter(text, accepted)) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let clock = ManualClock()
        var configuration = NATSConfiguration(servers: [NATSAddress(host: "127.0.0.1", port: server.localAddress?.port ?? 0)])
        configuration.limits.backoffFirstSeconds = 1
        configuration.limits.backoffLastSeconds = 8
        let client = NATSClient(
            configuration, logger: quietLogger(), clock: MonotonicClock(now: { clock.now }, sleep: { try await clock.sleep($0) }))
        client.start()
        for attempt in 1...8 {
            try await eventually("it rests after attempt \(attempt)") { accepted.value == attempt && clock.waits.count == 1 }
            // While it rests, the state says why.
            guard case .connecting(let problem?) = client.state else {
                Issue.record("the state doesn't say why")
                return
            }
            #expect(!"\(problem)".isEmpty)
            let pause = try #require(clock.waits.first)
            #expect(pause <= .seconds(min(8, 1 << (attempt - 1))))
            // Not a moment before.
            if pause > .milliseconds(2) {
                clock.advance(pause - .milliseconds(1))
                #expect(accepted.value == attempt && clock.waits.count == 1)
            }
            clock.advance(.milliseconds(2))
        }
        await client.shutdown()
        try await server.close()
    }
}
