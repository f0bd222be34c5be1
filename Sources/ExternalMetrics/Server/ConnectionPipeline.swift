import HTTPServing
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOSSL
import NIOTLS

// Which handlers does a connection have, from the socket up?
//
//     TLS → ConnectionGuard → ALPN ─┬→ HTTP/2 → its stream: codec, ExchangeHandler
//                                   └→ HTTP/1.1: parser and pipelining (HTTP1Front) → ExchangeHandler
//
// Once the handshake is done it is known, once and for all of the connection's requests, whether a front proxy sent them.

enum ConnectionPipeline {
    static func configure(_ channel: any Channel, _ shared: ServerShared) throws {
        let pipeline = channel.pipeline.syncOperations
        let tls = NIOSSLServerHandler(context: shared.tls.current)
        let guardian = ConnectionGuard(shared: shared)
        try pipeline.addHandler(tls)
        try pipeline.addHandler(guardian)
        let negotiation = ApplicationProtocolNegotiationHandler { result, channel in
            channel.eventLoop.makeCompletedFuture {
                let version: ConnectionGuard.Version = result == .negotiated("h2") ? .http2 : .http1
                guardian.negotiated(version, isProxy: isProxy(tls, shared))
                if version == .http2 { try configureHTTP2(channel, guardian) } else { try configureHTTP1(channel, guardian) }
            }
        }
        try pipeline.addHandler(negotiation)
    }

    /// A certificate that is there has been verified: TLS ends the handshake of one that can't be.
    private static func isProxy(_ tls: NIOSSLServerHandler, _ shared: ServerShared) -> Bool {
        guard let der = try? tls.peerCertificate?.toDERBytes() else { return false }
        return shared.responder.access.trusts(certificate: der)
    }

    private static func configureHTTP2(_ channel: any Channel, _ guardian: ConnectionGuard) throws {
        let eventLoop = channel.eventLoop
        let limits = guardian.shared.limits
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: eventLoop,
            configuration: .init(maxIdleTime: nil, maxAge: nil, maxGraceTime: .seconds(limits.drainSeconds), keepalive: nil))
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: StreamCount.handlerLimit(for: limits.streamsPerConnection)),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headerBytes),
        ]
        let bound = NIOLoopBound(guardian, eventLoop: eventLoop)
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: eventLoop, connectionConfiguration: configuration, streamConfiguration: .init(),
            streamDelegate: manager.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                let isRefused = !bound.value.streamOpened()
                stream.closeFuture.whenComplete { _ in bound.value.streamClosed() }
                if isRefused { return try stream.pipeline.syncOperations.addHandler(StreamRefusal()) }
                try stream.pipeline.syncOperations.addHandlers([HTTP2FramePayloadToHTTP1ServerCodec(), ExchangeHandler(connection: bound.value)])
            }
        }
        try channel.pipeline.syncOperations.addHandlers([AdvertisedStreams(limit: limits.streamsPerConnection), handler, manager, CloseOnError()])
    }

    private static func configureHTTP1(_ channel: any Channel, _ guardian: ConnectionGuard) throws {
        let limits = guardian.shared.limits
        var parsing = NIOHTTPDecoderLimitConfiguration()
        parsing.maxHeaderFieldCount = limits.headerCount
        parsing.maxHeaderListSize = limits.headerBytes
        parsing.maxHeaderFieldSize = limits.headerBytes
        try channel.pipeline.syncOperations.addHandlers(HTTP1Front.handlers(parsing, turns: RequestTurns(channel.eventLoop)).handlers + [ExchangeHandler(connection: guardian)])
    }
}

/// A connection whose protocol broke is closed; what broke was told to the peer by the handler that found it.
private final class CloseOnError: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A stream's own fault ends the stream alone.
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }
}
