import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOHTTPTypesHTTP2
import NIOPosix
import NIOSSL

// One client for every wire: the same request over HTTP/1.1 and HTTP/2, with and without TLS.

enum Wire: String, CaseIterable, Sendable {
    case http1, http2, tlsHTTP1, tlsHTTP2

    var isSecure: Bool { self == .tlsHTTP1 || self == .tlsHTTP2 }
    var isHTTP2: Bool { self == .http2 || self == .tlsHTTP2 }
    static let cleartext: [Wire] = [.http1, .http2]
}

struct TestAnswer: Sendable {
    var status: Int
    var fields: HTTPFields
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    func field(_ name: String) -> String? { HTTPField.Name(name).flatMap { fields[$0] } }
}

struct TestClient: Sendable {
    typealias Stream = NIOAsyncChannel<HTTPResponsePart, HTTPRequestPart>
    typealias Parts = NIOAsyncChannelInboundStream<HTTPResponsePart>.AsyncIterator
    typealias Writer = NIOAsyncChannelOutboundWriter<HTTPRequestPart>

    struct Closed: Error {}

    let wire: Wire
    let port: Int
    var token: String?

    // MARK: - Whole requests

    func send(_ method: String, _ path: String, _ headers: [(String, String)] = [], body: [UInt8] = []) async throws -> TestAnswer {
        try await exchange(method, path, headers, length: body.isEmpty ? nil : body.count) { parts, writer in
            // A server may answer and close before it has all: its answer counts, not what couldn't be sent any more.
            if !body.isEmpty { try? await writer.write(.body(ByteBuffer(bytes: body))) }
            try? await writer.write(.end(nil))
            return try await Self.answer(&parts)
        }
    }

    func get(_ path: String, _ headers: [(String, String)] = []) async throws -> TestAnswer { try await send("GET", path, headers) }

    func post(_ type: String, _ body: String, _ headers: [(String, String)] = []) async throws -> TestAnswer {
        try await send("POST", "/v1/events", [("content-type", type)] + headers, body: Array(body.utf8))
    }

    /// On a stream of a connection that others use too.
    func get(_ path: String, on multiplexer: NIOHTTP2Handler.AsyncStreamMultiplexer<Void>) async throws -> TestAnswer {
        try await Self.openStream(multiplexer).executeThenClose { inbound, outbound in
            try await outbound.write(.head(head("GET", path, [], length: nil)))
            try await outbound.write(.end(nil))
            var parts = inbound.makeAsyncIterator()
            return try await Self.answer(&parts)
        }
    }

    static func answer(_ parts: inout Parts) async throws -> TestAnswer {
        let head = try await head(&parts)
        var body: [UInt8] = []
        while let part = try await parts.next() {
            switch part {
            case .body(let bytes): body.append(contentsOf: bytes.readableBytesView)
            case .end: return TestAnswer(status: head.status.code, fields: head.headerFields, body: body)
            case .head: throw Closed()
            }
        }
        throw Closed()
    }

    static func head(_ parts: inout Parts) async throws -> HTTPResponse {
        while let part = try await parts.next() {
            guard case .head(let head) = part else { throw Closed() }
            if head.status.kind != .informational { return head }
        }
        throw Closed()
    }

    // MARK: - Requests in parts

    func exchange<Value: Sendable>(
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
            method: HTTPRequest.Method(rawValue: method)!, scheme: wire.isSecure ? "https" : "http", authority: "127.0.0.1:\(port)", path: path)
        for (name, value) in headers { head.headerFields.append(HTTPField(name: HTTPField.Name(name)!, value: value)) }
        if let token { head.headerFields[.authorization] = "Bearer \(token)" }
        if let length, head.headerFields[.contentLength] == nil { head.headerFields[.contentLength] = String(length) }
        return head
    }

    func open() async throws -> (any Channel, Stream) {
        wire.isHTTP2 ? try await openHTTP2() : try await openHTTP1()
    }

    private var bootstrap: ClientBootstrap {
        ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // What waits in the kernel counts as sent: little shall.
            .channelOption(.socketOption(.so_sndbuf), value: 65_536)
    }

    private func tls() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.applicationProtocols = wire.isHTTP2 ? ["h2"] : ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    private func openHTTP1() async throws -> (any Channel, Stream) {
        let context = try wire.isSecure ? tls() : nil
        let stream = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let context { try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil)) }
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

    func openConnection() async throws -> (any Channel, NIOHTTP2Handler.AsyncStreamMultiplexer<Void>) {
        let context = try wire.isSecure ? tls() : nil
        return try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let context { try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil)) }
                let multiplexer = try pipeline.configureAsyncHTTP2Pipeline(mode: .client) { $0.close() }
                return (channel as any Channel, multiplexer)
            }
        }
    }

    static func openStream(_ multiplexer: NIOHTTP2Handler.AsyncStreamMultiplexer<Void>) async throws -> Stream {
        try await multiplexer.openStream { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(HTTP2FramePayloadToHTTPClientCodec())
                return try Stream(wrappingChannelSynchronously: channel)
            }
        }
    }

    // MARK: - Bytes as they are

    /// Sends bytes over TCP and answers what came back until the server closed, or `until` is in it.
    func raw(_ text: String, until: String? = nil) async throws -> String {
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
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
}
