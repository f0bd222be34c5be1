package import NIOCore
import NIOHPACK
import NIOPosix

// A request over HTTP/2 whose header is as large as one likes: frames written by hand, as curl and nghttp2 would.

package enum RawHTTP2 {
    /// GET `path` with `fields`, sent before the server's settings are read; the status, or nil where the connection ended.
    package static func firstStatus(port: Int, isSecure: Bool = false, path: String = "/healthz", fields: [(String, String)]) async throws
        -> Int?
    {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port) {
            channel in
            channel.eventLoop.makeCompletedFuture {
                if isSecure { try channel.pipeline.syncOperations.addHandler(TestTLS.handler("h2")) }
                return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            do {
                try await outbound.write(request(path, fields))
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

    private static func request(_ path: String, _ fields: [(String, String)]) throws -> ByteBuffer {
        var headers = HPACKHeaders([(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", path)])
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

    package static func frame(_ out: inout ByteBuffer, type: UInt8, flags: UInt8, stream: Int32, _ payload: ByteBuffer) {
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
