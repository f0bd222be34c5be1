package import NIOCore
import NIOHPACK
import NIOPosix
import Synchronization

// An HTTP/2 client that says frame by frame what it likes, and hears frame by frame.

package final class FrameClient: Sendable {
    package struct Frame: Hashable, Sendable {
        package var type: UInt8
        package var flags: UInt8
        package var stream: Int32
        package var payload: [UInt8]
        /// Of a header block.
        package var status: Int?

        package var errorCode: UInt32? {
            let bytes: ArraySlice<UInt8> = type == 3 ? payload.prefix(4) : type == 7 ? payload.dropFirst(4).prefix(4) : []
            return bytes.count == 4 ? bytes.reduce(0) { $0 << 8 | UInt32($1) } : nil
        }
    }

    package static let headers: UInt8 = 1
    package static let reset: UInt8 = 3
    package static let goAway: UInt8 = 7

    private let channel: any Channel
    private let received = Mutex<(bytes: [UInt8], isClosed: Bool)>(([], false))

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        weak var client: FrameClient?
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(unwrapInboundIn(data).readableBytesView)
            client?.received.withLock { $0.bytes += bytes }
        }
        func channelInactive(context: ChannelHandlerContext) { client?.received.withLock { $0.isClosed = true } }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .inputClosed? = event as? ChannelEvent { client?.received.withLock { $0.isClosed = true } }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    /// - Parameter window: of each stream; 0 takes no byte of any body.
    package init(port: Int, isSecure: Bool = false, window: UInt32 = 65_535) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if isSecure { try channel.pipeline.syncOperations.addHandler(TestTLS.handler("h2")) }
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let channel = channel
        try await channel.eventLoop.submit { [weak self] in
            let collector = Collector()
            collector.client = self
            try channel.pipeline.syncOperations.addHandler(collector)
        }.get()
        var out = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        var settings = ByteBuffer()
        settings.writeInteger(UInt16(4))
        settings.writeInteger(window)
        RawHTTP2.frame(&out, type: 4, flags: 0, stream: 0, settings)
        try await channel.writeAndFlush(out)
    }

    package static func request(
        _ stream: Int32, _ path: String, _ fields: [(String, String)] = [], method: String = "GET", authority: String? = "localhost",
        ends: Bool = true
    ) throws -> ByteBuffer {
        var headers = HPACKHeaders([(":method", method), (":scheme", "http"), (":path", path)])
        if let authority { headers.add(name: ":authority", value: authority, indexing: .nonIndexable) }
        for (name, value) in fields { headers.add(name: name, value: value, indexing: .nonIndexable) }
        var block = ByteBuffer()
        // Without its table: each block stands for itself.
        for (name, value, _) in headers {
            block.writeInteger(UInt8(0))
            for text in [name, value] {
                precondition(text.utf8.count < 127)
                block.writeInteger(UInt8(text.utf8.count))
                block.writeString(text)
            }
        }
        var out = ByteBuffer()
        RawHTTP2.frame(&out, type: Self.headers, flags: ends ? 5 : 4, stream: stream, block)
        return out
    }

    package func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }
    /// Says no more, and listens.
    package func finish() async throws { try await channel.close(mode: .output) }
    package func close() async { try? await channel.close() }

    package var isClosed: Bool { received.withLock { $0.isClosed } }

    package var frames: [Frame] {
        var rest = ByteBuffer(bytes: received.withLock { $0.bytes })
        var frames: [Frame] = []
        // One for all: each block may go by what the ones before have put into the table.
        var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
        while rest.readableBytes >= 9, let high = rest.readInteger(as: UInt16.self), let low = rest.readInteger(as: UInt8.self),
            let type = rest.readInteger(as: UInt8.self), let flags = rest.readInteger(as: UInt8.self),
            let stream = rest.readInteger(as: Int32.self),
            let payload = rest.readBytes(length: Int(high) << 8 | Int(low))
        {
            var frame = Frame(type: type, flags: flags, stream: stream, payload: payload)
            if type == Self.headers {
                var block = ByteBuffer(bytes: payload)
                frame.status = (try? decoder.decodeHeaders(from: &block))?.first(name: ":status").flatMap { Int($0) }
            }
            frames.append(frame)
        }
        return frames
    }
}
