package import HTTPTypes
package import NIOCore
import NIOHTTP1
package import NIOHTTP2
package import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOHTTPTypesHTTP2
import NIOPosix
import NIOTLS

// One client for every wire: the same request over HTTP/1.1 and HTTP/2, with and without TLS.

package enum Wire: String, CaseIterable, Sendable {
    case http1, http2, tlsHTTP1, tlsHTTP2

    package var isSecure: Bool { self == .tlsHTTP1 || self == .tlsHTTP2 }
    package var isHTTP2: Bool { self == .http2 || self == .tlsHTTP2 }
    package static let cleartext: [Wire] = [.http1, .http2]
}

package struct TestResponse: Sendable {
    package var status: Int
    package var fields: HTTPFields
    package var body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }
    package func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { fields[$0] } }
}

package struct TestClient: Sendable {
    package typealias Stream = NIOAsyncChannel<HTTPResponsePart, HTTPRequestPart>
    package typealias Parts = NIOAsyncChannelInboundStream<HTTPResponsePart>.AsyncIterator
    package typealias Writer = NIOAsyncChannelOutboundWriter<HTTPRequestPart>

    package struct Closed: Error {
        package init() {}
    }

    package let wire: Wire
    package let port: Int
    package var token: String?

    package init(wire: Wire, port: Int, token: String? = nil) {
        self.wire = wire
        self.port = port
        self.token = token
    }

    // MARK: - Whole requests

    package func send(_ method: String, _ path: String, _ headers: [(String, String)] = [], body: [UInt8] = []) async throws -> TestResponse
    {
        try await exchange(method, path, headers, length: body.isEmpty ? nil : body.count) { parts, writer in
            // A server may answer and close before it has all: its answer counts, not what couldn't be sent any more.
            if !body.isEmpty { try? await writer.write(.body(ByteBuffer(bytes: body))) }
            try? await writer.write(.end(nil))
            return try await Self.response(&parts)
        }
    }

    package func get(_ path: String, _ headers: [(String, String)] = []) async throws -> TestResponse {
        try await send("GET", path, headers)
    }

    package func post(_ type: String, _ body: String, _ headers: [(String, String)] = []) async throws -> TestResponse {
        try await send("POST", "/v1/events", [("content-type", type)] + headers, body: Array(body.utf8))
    }

    /// On a stream of a connection that others use too.
    package func get(_ path: String, on multiplexer: NIOHTTP2Handler.AsyncStreamMultiplexer<Void>) async throws -> TestResponse {
        try await Self.openStream(multiplexer).executeThenClose { inbound, outbound in
            try await outbound.write(.head(head("GET", path, [], length: nil)))
            try await outbound.write(.end(nil))
            var parts = inbound.makeAsyncIterator()
            return try await Self.response(&parts)
        }
    }

    package static func response(_ parts: inout Parts) async throws -> TestResponse {
        let head = try await head(&parts)
        var body: [UInt8] = []
        while let part = try await parts.next() {
            switch part {
            case .body(let bytes): body.append(contentsOf: bytes.readableBytesView)
            case .end: return TestResponse(status: head.status.code, fields: head.headerFields, body: body)
            case .head: throw Closed()
            }
        }
        throw Closed()
    }

    package static func head(_ parts: inout Parts) async throws -> HTTPResponse {
        while let part = try await parts.next() {
            guard case .head(let head) = part else { throw Closed() }
            if head.status.kind != .informational { return head }
        }
        throw Closed()
    }

    // MARK: - Requests in parts

    package func exchange<Value: Sendable>(
        _ method: String, _ path: String, _ headers: [(String, String)] = [], length: Int? = nil,
        _ body: (inout Parts, Writer) async throws -> Value
    ) async throws -> Value {
        let (connection, stream) = try await open()
        defer { connection.close(promise: nil) }
        return try await stream.executeThenClose { inbound, outbound in
            try await outbound.write(.head(head(method, path, headers, length: length)))
            var parts = inbound.makeAsyncIterator()
            return try await body(&parts, outbound)
        }
    }

    private func head(_ method: String, _ path: String, _ headers: [(String, String)], length: Int?) -> HTTPRequest {
        var head = HTTPRequest(
            method: HTTPRequest.Method(rawValue: method)!, scheme: wire.isSecure ? "https" : "http", authority: "127.0.0.1:\(port)",
            path: path)
        for (name, value) in headers { head.headerFields.append(HTTPField(name: HTTPField.Name(name)!, value: value)) }
        if let token { head.headerFields[.authorization] = "Bearer \(token)" }
        if let length, head.headerFields[.contentLength] == nil { head.headerFields[.contentLength] = String(length) }
        return head
    }

    package func open() async throws -> (any Channel, Stream) {
        wire.isHTTP2 ? try await openHTTP2() : try await openHTTP1()
    }

    private var bootstrap: ClientBootstrap {
        ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // What waits in the kernel counts as sent: little shall.
            .channelOption(.socketOption(.so_sndbuf), value: 65_536)
    }

    private func addTLS(_ channel: any Channel) throws {
        if wire.isSecure { try channel.pipeline.syncOperations.addHandler(TestTLS.handler(wire.isHTTP2 ? "h2" : "http/1.1")) }
    }

    private func openHTTP1() async throws -> (any Channel, Stream) {
        let stream = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                try addTLS(channel)
                try pipeline.addHTTPClientHandlers()
                try pipeline.addHandler(HTTP1ToHTTPClientCodec())
                return try Stream(wrappingChannelSynchronously: channel)
            }
        }
        return (stream.channel, stream)
    }

    private func openHTTP2() async throws -> (any Channel, Stream) {
        let (connection, multiplexer) = try await openConnection()
        return (connection, try await Self.openStream(multiplexer))
    }

    package func openConnection() async throws -> (any Channel, NIOHTTP2Handler.AsyncStreamMultiplexer<Void>) {
        try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                try addTLS(channel)
                let multiplexer = try pipeline.configureAsyncHTTP2Pipeline(mode: .client) { $0.close() }
                return (channel as any Channel, multiplexer)
            }
        }
    }

    package static func openStream(_ multiplexer: NIOHTTP2Handler.AsyncStreamMultiplexer<Void>) async throws -> Stream {
        try await multiplexer.openStream { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTPClientCodec())
                return try Stream(wrappingChannelSynchronously: channel)
            }
        }
    }

    // MARK: - Bytes as they are

    /// Sends bytes and answers what came back until the server closed, or `until` is in it.
    package func raw(_ text: String, until: String? = nil) async throws -> String {
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try addTLS(channel)
                return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            var received = ""
            do {
                try await outbound.write(ByteBuffer(string: text))
                for try await bytes in inbound {
                    received += String(buffer: bytes)
                    if let until, received.contains(until) { break }
                }
            } catch {
                // A connection that was reset has closed, too.
            }
            return received
        }
    }

    /// Sends bytes in the clear and says that nothing more will come; what came back until the server closed.
    package func finishing(_ text: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var received = ""
            do {
                try await outbound.write(ByteBuffer(string: text))
                outbound.finish()
                for try await bytes in inbound { received += String(buffer: bytes) }
            } catch {
                // A connection that was reset has closed, too.
            }
            return received
        }
    }

    /// Sends bytes and counts what comes back, up to a number.
    package func pipelined(_ text: String, until bytes: Int) async throws -> Int {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port) {
            channel in
            channel.eventLoop.makeCompletedFuture {
                try addTLS(channel)
                return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            async let sent: Void = outbound.write(ByteBuffer(string: text))
            var count = 0
            for try await part in inbound {
                count += part.readableBytes
                if count >= bytes { break }
            }
            try await sent
            return count
        }
    }

    /// A connection over which the client sends and never reads.
    package func deaf() async throws -> any Channel {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.socketOption(.so_rcvbuf), value: 16_384)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try addTLS(channel)
                    if wire.isSecure { try channel.pipeline.syncOperations.addHandler(DeafOnceShaken()) }
                }
            }
            .channelOption(.autoRead, value: wire.isSecure)
            .connect(host: "127.0.0.1", port: port).get()
    }
}

/// Reads until the TLS handshake is done, and nothing after it.
private final class DeafOnceShaken: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is TLSUserEvent { _ = context.channel.setOption(.autoRead, value: false) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
