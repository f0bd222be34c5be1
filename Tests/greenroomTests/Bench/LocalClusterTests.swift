import Foundation
import LocalCluster
import Machine
import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite struct LocalClusterTests {
    @Test func aServersVersionIsRead() throws {
        let version = try #require(NATSProgram.version(in: "nats-server: v2.14.0\n"))
        #expect(version == (2, 14))
        #expect(NATSProgram.version(in: "nats-server: v2.9.10")?.minor == 9)
        #expect(NATSProgram.version(in: "something else") == nil)
    }

    /// A wrong program is said as such, before anything is started.
    @Test func aProgramThatIsNoServerIsRefused() {
        #expect(throws: (any Error).self) { try NATSProgram.find("/bin/true") }
        #expect(throws: (any Error).self) { try NATSProgram.find("/nowhere/nats-server") }
    }

    @Test func aChildEndsByItselfAndByASignal() async throws {
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-child-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: log) }
        let short = try ChildProcess(["/bin/sh", "-c", "echo \"$WORD\""], log: log, environment: ["WORD": "said"])
        try await eventually("it ends by itself", within: .seconds(20)) { !short.isRunning }
        #expect(try String(contentsOfFile: log, encoding: .utf8) == "said\n")
        let long = try ChildProcess(["/bin/sleep", "300"], log: log)
        #expect(long.isRunning)
        long.signal(SIGTERM)
        try await eventually("it ends when it is told to", within: .seconds(20)) { !long.isRunning }
        let killed = try ChildProcess(["/bin/sleep", "300"], log: log)
        killed.kill()
        #expect(!killed.isRunning)
        #expect(Foundation.kill(killed.pid, 0) != 0)
    }

    /// A connection goes to the next of them that takes it.
    @Test func theFrontLeadsToWhoIsThere() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let front = try await Front.open(port: 0, targets: [try LocalPort.free(), port])
        for _ in 0..<4 {
            let answered = Latch()
            let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Waiting { answered.open() }) }
                }
                .connect(host: "127.0.0.1", port: front.port).get()
            try await client.writeAndFlush(ByteBuffer(string: "hello"))
            await answered.wait()
            try await client.close()
        }
        await front.close()
        try await server.close()
    }
}

private final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
}

private final class Waiting: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let done: () -> Void

    init(_ done: @escaping () -> Void) { self.done = done }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { done() }
}
