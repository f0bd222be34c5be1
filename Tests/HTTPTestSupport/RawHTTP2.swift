import NIOCore
import NIOHPACK
import NIOPosix
import Synchronization

// A request over HTTP/2 whose header is as large as one likes: frames written by hand, as curl and nghttp2 would.

enum RawHTTP2 {
    /// GET /healthz with `fields`, sent before the server's settings are read; the status, or nil where the connection ended.
    static func firstStatus(port: Int, fields: [(String, String)]) async throws -> Int? {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        return try await channel.executeThenClose { inbound, outbound in
            do {
                try await outbound.write(request(fields))
                var received = ByteBuffer()
                for try await var bytes in inbound {
                    received.writeBuffer(&bytes)
                    if let status = status(in: received) { return status }
                }
            } catch {
                // Reset is ended, too.
            }
            return nil
        }
    }

    private static func request(_ fields: [(String, String)]) throws -> ByteBuffer {
        var headers = HPACKHeaders([(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/healthz")])
        for (name, value) in fields { headers.add(name: name, value: value, indexing: .nonIndexable) }
        var block = ByteBuffer()
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
        try encoder.encode(headers: headers, to: &block)
        var out = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        frame(&out, type: 4, flags: 0, stream: 0, ByteBuffer())
        var isFirst = true
        repeat {
            let part = block.readSlice(length: min(16_384, block.readableBytes)) ?? ByteBuffer()
            let ends: UInt8 = block.readableBytes == 0 ? 4 : 0
            frame(&out, type: isFirst ? 1 : 9, flags: ends | (isFirst ? 1 : 0), stream: 1, part)
            isFirst = false
        } while block.readableBytes > 0
        return out
    }

    static func frame(_ out: inout ByteBuffer, type: UInt8, flags: UInt8, stream: Int32, _ payload: ByteBuffer) {
        out.writeInteger(UInt8(payload.readableBytes >> 16))
        out.writeInteger(UInt16(truncatingIfNeeded: payload.readableBytes))
        out.writeInteger(type)
        out.writeInteger(flags)
        out.writeInteger(stream)
        out.writeImmutableBuffer(payload)
    }

    private static func status(in received: ByteBuffer) -> Int? {
        var rest = received
        while rest.readableBytes >= 9, let high = rest.readInteger(as: UInt16.self), let low = rest.readInteger(as: UInt8.self),
            let type = rest.readInteger(as: UInt8.self), rest.readInteger(as: UInt8.self) != nil, rest.readInteger(as: Int32.self) != nil
        {
            guard var payload = rest.readSlice(length: Int(high) << 8 | Int(low)) else { return nil }
            guard type == 1 else { continue }
            var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
            return (try? decoder.decodeHeaders(from: &payload))?.first(name: ":status").flatMap { Int($0) }
        }
        return nil
    }
}

/// An HTTP/2 client that says frame by frame what it likes, and hears frame by frame.
final class FrameClient: Sendable {
    struct Frame: Hashable, Sendable {
        var type: UInt8
        var flags: UInt8
        var stream: Int32
        var payload: [UInt8]
        /// Of a header block.
        var status: Int?

        var errorCode: UInt32? {
            let bytes: ArraySlice<UInt8> = type == 3 ? payload.prefix(4) : type == 7 ? payload.dropFirst(4).prefix(4) : []
            return bytes.count == 4 ? bytes.reduce(0) { $0 << 8 | UInt32($1) } : nil
        }
    }

    static let headers: UInt8 = 1
    static let reset: UInt8 = 3
    static let goAway: UInt8 = 7

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
    init(port: Int, window: UInt32 = 65_535) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
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

    static func request(_ stream: Int32, _ path: String, _ fields: [(String, String)] = [], method: String = "GET", authority: String? = "localhost", ends: Bool = true) throws -> ByteBuffer {
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

    func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }
    /// Says no more, and listens.
    func finish() async throws { try await channel.close(mode: .output) }
    func close() async { try? await channel.close() }

    var isClosed: Bool { received.withLock { $0.isClosed } }

    var frames: [Frame] {
        var rest = ByteBuffer(bytes: received.withLock { $0.bytes })
        var frames: [Frame] = []
        // One for all: each block may go by what the ones before have put into the table.
        var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
        while rest.readableBytes >= 9, let high = rest.readInteger(as: UInt16.self), let low = rest.readInteger(as: UInt8.self),
            let type = rest.readInteger(as: UInt8.self), let flags = rest.readInteger(as: UInt8.self), let stream = rest.readInteger(as: Int32.self),
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
