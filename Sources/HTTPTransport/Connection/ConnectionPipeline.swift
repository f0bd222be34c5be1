import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOHTTPTypesHTTP1
import NIOHTTPTypesHTTP2
import NIOSSL

// Which handlers does a connection have, from the socket up?
//
//     (TLS) → Connection → sniffer ─┬→ feed → HTTP/2 → its stream: merger, codec, Exchange
//                                   └→ HTTP/1.1: parser and pipelining (HTTP1Front) → persistence → codec → Exchange

enum ConnectionPipeline {
    static func configure(_ channel: any Channel, _ connection: Connection, tls: NIOSSLContext?) throws {
        let pipeline = channel.pipeline.syncOperations
        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
        try pipeline.addHandler(connection)
        let isSecure = tls != nil
        try pipeline.addHandler(
            ProtocolSniffingHandler { channel, version in
                connection.settled(version) { isSecure ? certificate(of: channel) : nil }
                switch version {
                case .http2: try configureHTTP2(channel, connection)
                case .http1, .unknown: try configureHTTP1(channel, connection, isSecure: isSecure)
                }
            })
    }

    /// What the client showed. A certificate that is there has been verified: TLS ends the handshake of one that can't be.
    private static func certificate(of channel: any Channel) -> [UInt8]? {
        guard let tls = try? channel.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self) else { return nil }
        return try? tls.peerCertificate?.toDERBytes()
    }

    // MARK: - HTTP/2

    private static func configureHTTP2(_ channel: any Channel, _ connection: Connection) throws {
        let eventLoop = channel.eventLoop
        let limits = connection.loop.limits
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: eventLoop,
            configuration: .init(
                maxIdleTime: nil, maxAge: nil, maxGraceTime: nil,
                keepalive: .init(pingInterval: .seconds(max(limits.idleSeconds, 1)), ackTimeout: .seconds(max(limits.writeStallSeconds, 1)))
            ))
        let bound = NIOLoopBound(connection, eventLoop: eventLoop)
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: eventLoop, connectionConfiguration: connectionConfiguration(limits),
            streamConfiguration: streamConfiguration(), streamDelegate: manager.http2StreamDelegate
        ) { stream in
            let connection = bound.value
            do {
                try stream.pipeline.syncOperations.addHandlers([
                    EndOfStreamMerger(), HTTP2FramePayloadToHTTPServerCodec(),
                    Exchange(loop: connection.loop, connection: connection),
                ])
                return stream.eventLoop.makeSucceededVoidFuture()
            } catch {
                return stream.eventLoop.makeFailedFuture(error)
            }
        }
        try channel.pipeline.syncOperations.addHandlers([
            StreamFeed(connection.loop.turns), EarlySettingsHandler(), AdvertisedStreams(limit: limits.streamsPerConnection), handler,
            manager, CloseOnError(connection),
        ])
    }

    /// Room for the bodies of a busy producer, so that it doesn't wait for the window to open after every other batch.
    private static let streamWindowBytes = 256 << 10
    private static let connectionWindowBytes = 1 << 20

    private static func connectionConfiguration(_ limits: TransportLimits) -> NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: StreamCount.handlerLimit(for: limits.streamsPerConnection)),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headerBlockBytes),
            HTTP2Setting(parameter: .initialWindowSize, value: streamWindowBytes),
        ]
        // A header block comes in frames of 16 KiB.
        configuration.maximumSequentialContinuationFrames = max(limits.headerBlockBytes >> 14, 5)
        configuration.targetWindowSize = connectionWindowBytes
        return configuration
    }

    private static func streamConfiguration() -> NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        configuration.targetWindowSize = streamWindowBytes
        configuration.outboundBufferSizeHighWatermark = ResponseWriter.partBytes
        configuration.outboundBufferSizeLowWatermark = ResponseWriter.partBytes / 2
        return configuration
    }

    // MARK: - HTTP/1.1

    private static func configureHTTP1(_ channel: any Channel, _ connection: Connection, isSecure: Bool) throws {
        let limits = connection.loop.limits
        var parsing = NIOHTTPDecoderLimitConfiguration()
        parsing.maxHeaderFieldCount = limits.headerCount
        parsing.maxHeaderListSize = limits.headerBytes
        parsing.maxHeaderFieldSize = limits.headerBytes
        let (front, pacing) = HTTP1Front.handlers(parsing, turns: connection.loop.turns)
        try channel.pipeline.syncOperations.addHandlers(
            front + [
                HTTP1Persistence(connection: connection, pacing: pacing, lingerSeconds: limits.lingerSeconds),
                HTTP1ToHTTPServerCodec(secure: isSecure),
                Exchange(loop: connection.loop, connection: connection),
            ])
    }
}

/// A connection whose protocol broke is closed; what broke was told to the peer by the handler that found it.
private final class CloseOnError: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A stream's own fault ends the stream alone.
        if error is NIOHTTP2Errors.StreamError { return }
        // Of a connection that is over: its last answer may be held back still, and must be with the client first.
        if error is NIOHTTP2Errors.IOOnClosedConnection { return connection.closeOnceWritten() }
        context.close(promise: nil)
    }
}
