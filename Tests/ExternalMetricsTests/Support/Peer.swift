import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS
import TestSupport

// A client as the aggregator is one: TLS, with or without a certificate of its own, HTTP/1.1 or HTTP/2.

struct PeerResponse: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: String
}

enum Wire: String, CaseIterable, Sendable {
    case http1 = "http/1.1"
    case http2 = "h2"
}

final class PeerConnection: Sendable {
    struct Lost: Error {}

    private let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.StreamMultiplexer?
    /// DER.
    let serverCertificate: [UInt8]

    static func open(port: Int, authority: String, identity: CertificateIdentity? = nil, wire: Wire = .http1) async throws -> PeerConnection
    {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .file(authority)
        configuration.applicationProtocols = [wire.rawValue]
        if let identity {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(identity.certificate).map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: identity.key, format: .pem))
        }
        let context = try NIOSSLContext(configuration: configuration)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(5)).channelInitializer
        { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(try NIOSSLClientHandler(context: context, serverHostname: "localhost"))
                try pipeline.addHandler(HandshakeWatch(channel.eventLoop.makePromise()))
                guard wire == .http2 else {
                    try pipeline.addHTTPClientHandlers()
                    return try pipeline.addHandler(ResponseCollector())
                }
                // At once: the server speaks first.
                _ = try pipeline.configureHTTP2Pipeline(
                    mode: .client, connectionConfiguration: .init(), streamConfiguration: .init(),
                    inboundStreamInitializer: { $0.eventLoop.makeSucceededVoidFuture() })
            }
        }.connect(host: "127.0.0.1", port: port).get()
        let handshake = try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: HandshakeWatch.self).ready.futureResult
        }.get()
        try await handshake.get()
        let multiplexer: NIOHTTP2Handler.StreamMultiplexer? = try await channel.eventLoop.submit {
            wire == .http2 ? try channel.pipeline.syncOperations.handler(type: NIOHTTP2Handler.self).syncMultiplexer() : nil
        }.get()
        let der = try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self).peerCertificate?.toDERBytes() ?? []
        }.get()
        return PeerConnection(channel, multiplexer, der)
    }

    private init(_ channel: any Channel, _ multiplexer: NIOHTTP2Handler.StreamMultiplexer?, _ serverCertificate: [UInt8]) {
        self.channel = channel
        self.multiplexer = multiplexer
        self.serverCertificate = serverCertificate
    }

    /// One request and its answer; over HTTP/1.1 one after another.
    func send(_ method: HTTPMethod = .GET, _ path: String, _ headers: [(String, String)] = [], body: String = "", ends: Bool = true)
        async throws -> PeerResponse
    {
        let exchange = try await exchangeChannel()
        var fields = HTTPHeaders(headers)
        if !fields.contains(name: "host") { fields.add(name: "host", value: "localhost") }
        if !body.isEmpty, !fields.contains(name: "content-length") { fields.add(name: "content-length", value: String(body.utf8.count)) }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: fields)
        let response = try await exchange.eventLoop.submit {
            let response = try exchange.pipeline.syncOperations.handler(type: ResponseCollector.self).next(on: exchange.eventLoop)
            exchange.write(HTTPClientRequestPart.head(head), promise: nil)
            if !body.isEmpty { exchange.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil) }
            if ends { exchange.write(HTTPClientRequestPart.end(nil), promise: nil) }
            exchange.flush()
            return response
        }.get()
        return try await response.get()
    }

    private func exchangeChannel() async throws -> any Channel {
        guard let multiplexer else { return channel }
        let stream = channel.eventLoop.makePromise(of: (any Channel).self)
        multiplexer.createStreamChannel(promise: stream) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandlers([
                    HTTP2FramePayloadToHTTP1ClientCodec(httpProtocol: .https), ResponseCollector(),
                ])
            }
        }
        return try await stream.futureResult.get()
    }

    /// Bytes as they are, past HTTP.
    func write(raw text: String) async throws {
        let channel = channel
        try await channel.eventLoop.flatSubmit {
            channel.pipeline.context(handlerType: NIOSSLClientHandler.self).flatMap { _ in
                do {
                    let tls = try channel.pipeline.syncOperations.context(handlerType: HandshakeWatch.self)
                    let written = channel.eventLoop.makePromise(of: Void.self)
                    tls.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: written)
                    return written.futureResult
                } catch { return channel.eventLoop.makeFailedFuture(error) }
            }
        }.get()
    }

    func waitUntilClosed() async throws { try await channel.closeFuture.get() }
    var isOpen: Bool { channel.isActive }
    func close() async { try? await channel.close() }

    static func get(
        port: Int, authority: String, identity: CertificateIdentity? = nil, wire: Wire = .http1, _ path: String,
        _ headers: [(String, String)] = []
    ) async throws -> PeerResponse {
        let connection = try await open(port: port, authority: authority, identity: identity, wire: wire)
        do {
            let response = try await connection.send(.GET, path, headers)
            await connection.close()
            return response
        } catch {
            await connection.close()
            throw error
        }
    }
}

private final class HandshakeWatch: ChannelInboundHandler, ChannelOutboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    let ready: EventLoopPromise<Void>

    init(_ ready: EventLoopPromise<Void>) { self.ready = ready }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is TLSUserEvent { ready.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ready.fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        ready.fail(PeerConnection.Lost())
        context.fireChannelInactive()
    }
}

private final class ResponseCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var waiting: [EventLoopPromise<PeerResponse>] = []
    private var response = PeerResponse(status: 0, headers: [:], body: "")
    private var failure: (any Error)?

    func next(on eventLoop: any EventLoop) -> EventLoopFuture<PeerResponse> {
        let promise = eventLoop.makePromise(of: PeerResponse.self)
        if let failure { promise.fail(failure) } else { waiting.append(promise) }
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): response = PeerResponse(status: Int(head.status.code), headers: head.headers, body: "")
        case .body(let bytes): response.body += String(buffer: bytes)
        case .end: if !waiting.isEmpty { waiting.removeFirst().succeed(response) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(PeerConnection.Lost())
        context.fireChannelInactive()
    }

    private func fail(_ error: any Error) {
        failure = failure ?? error
        for promise in waiting { promise.fail(error) }
        waiting = []
    }
}
