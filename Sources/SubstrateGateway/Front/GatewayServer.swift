import HTTPTransport
import Logging
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS

// Who opens the gateway's port, and what lives on its event loop?
//
// One event loop: callers' connections, those to ateapi and the desk. So a forwarded frame is handed over where it was read. The rest of
// the service reaches it through `GatewayHandle`.

/// Confined to the event loop.
final class GatewayCore {
    let eventLoop: any EventLoop
    let pool: UpstreamPool
    let desk: ResumeDesk
    let notes: GatewayNotes
    private let tls: UpstreamTLS

    init(
        _ eventLoop: any EventLoop, _ settings: GatewayConfiguration, _ notes: GatewayNotes, _ metrics: GatewayMetrics,
        _ board: TroubleBoard,
        _ logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.notes = notes
        let tls = UpstreamTLS(settings.upstream)
        self.tls = tls
        pool = UpstreamPool(eventLoop, settings.upstream, tls: tls)
        desk = ResumeDesk(eventLoop, settings, pool, notes, metrics, board, logger) { tls.headers(.resumeActor) }
    }

    func saw(_ note: GatewayNote) {
        notes.add(note)
        switch note {
        case .suspended, .paused: desk.freed()
        default: break
        }
    }

    /// A call of the gateway's own.
    func call(_ method: Method, _ message: [UInt8], seconds: Int64, _ ended: @escaping UnaryCall.Ended) {
        UnaryCall.begin(on: pool, eventLoop, headers: tls.headers(method), body: GRPCWire.body(message), seconds: seconds, ended)
    }
}

/// The core, as others reach it.
struct GatewayHandle: Sendable {
    let eventLoop: any EventLoop
    private let core: NIOLoopBound<GatewayCore>

    init(_ core: GatewayCore) {
        eventLoop = core.eventLoop
        self.core = NIOLoopBound(core, eventLoop: core.eventLoop)
    }

    func query<Response: Sendable>(_ read: @escaping @Sendable (GatewayCore) -> Response) async throws -> Response {
        try await eventLoop.submit { read(core.value) }.get()
    }

    func tell(_ news: @escaping @Sendable (GatewayCore) -> Void) { eventLoop.execute { news(core.value) } }

    func call(_ method: Method, _ message: [UInt8], seconds: Int64) async throws -> GRPCResponse {
        let promise = eventLoop.makePromise(of: GRPCResponse.self)
        eventLoop.execute {
            core.value.call(method, message, seconds: seconds) { result in promise.completeWith(result.mapError { $0 as any Error }) }
        }
        return try await promise.futureResult.get()
    }
}

final class GatewayServer: Sendable {
    let port: Int
    let handle: GatewayHandle
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    private let connections: SharedLimit
    private let open: NIOLoopBound<OpenConnections>

    /// Confined to the event loop.
    private final class OpenConnections {
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private init(
        _ channel: any Channel, _ handle: GatewayHandle, _ group: MultiThreadedEventLoopGroup, _ connections: SharedLimit,
        _ open: NIOLoopBound<OpenConnections>
    ) {
        self.channel = channel
        self.handle = handle
        self.group = group
        self.connections = connections
        self.open = open
        port = channel.localAddress?.port ?? 0
    }

    static func start(
        _ settings: GatewayConfiguration, tls: ReloadingTLSContext?, _ notes: GatewayNotes, _ metrics: GatewayMetrics,
        _ board: TroubleBoard, _ logger: Logger
    ) async throws -> GatewayServer {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoop = group.next()
        let (connections, streams) = (SharedLimit(limit: settings.limits.connections), SharedLimit(limit: settings.limits.calls))
        do {
            let (handle, core, open) = try await eventLoop.submit {
                let core = GatewayCore(eventLoop, settings, notes, metrics, board, logger)
                core.desk.start()
                return (
                    GatewayHandle(core), NIOLoopBound(core, eventLoop: eventLoop), NIOLoopBound(OpenConnections(), eventLoop: eventLoop)
                )
            }.get()
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 1_024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard let place = Place(under: connections) else { throw ChannelError.ioOnClosedChannel }
                        let id = ObjectIdentifier(channel)
                        open.value.channels[id] = channel
                        channel.closeFuture.assumeIsolated().whenComplete { _ in
                            place.leave()
                            open.value.channels[id] = nil
                        }
                        try configure(channel, core, settings.limits, streams, tls?.current)
                    }
                }
                .bind(host: settings.host, port: settings.port).get()
            return GatewayServer(channel, handle, group, connections, open)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func configure(
        _ channel: any Channel, _ core: NIOLoopBound<GatewayCore>, _ limits: GatewayConfiguration.Limits, _ streams: SharedLimit,
        _ tls: NIOSSLContext?
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        let eventLoop = channel.eventLoop
        if let tls {
            try pipeline.addHandlers([NIOSSLServerHandler(context: tls), HandshakeDeadline(seconds: limits.handshakeSeconds)])
        }
        let manager = NIOHTTP2ServerConnectionManagementHandler(
            eventLoop: eventLoop,
            configuration: .init(
                maxIdleTime: nil, maxAge: nil, maxGraceTime: nil,
                keepalive: .init(pingInterval: .nanoseconds(Int64(limits.keepaliveSeconds * 1e9)), ackTimeout: .seconds(20))))
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: StreamCount.handlerLimit(for: limits.callsPerConnection)),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 64 << 10),
            HTTP2Setting(parameter: .initialWindowSize, value: 256 << 10),
        ]
        connection.targetWindowSize = 1 << 20
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = 256 << 10
        stream.outboundBufferSizeHighWatermark = 256 << 10
        stream.outboundBufferSizeLowWatermark = 64 << 10
        // Deadlines end calls by resets, and a router's health check has half a second.
        stream.streamResetFrameRateLimit.maximumCount = 100_000
        let handler = NIOHTTP2Handler(
            mode: .server, eventLoop: eventLoop, connectionConfiguration: connection, streamConfiguration: stream,
            streamDelegate: manager.http2StreamDelegate
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                guard let place = Place(under: streams) else {
                    try stream.pipeline.syncOperations.addHandler(Refusing(limits.calls))
                    return
                }
                try stream.pipeline.syncOperations.addHandler(CallerStream(core.value) { place.leave() })
            }
        }
        try pipeline.addHandlers([AdvertisedStreams(limit: limits.callsPerConnection), handler, manager, EndOfBrokenConnection()])
    }

    /// No new calls; parked callers hear what ateapi said. Resumes that are upstream get `seconds` to end: a cut one would stay half done.
    func stop(drainSeconds seconds: Double) async {
        try? await channel.close()
        try? await handle.query { $0.desk.stop() }
        try? await handle.eventLoop.submit { [open] in
            for channel in open.value.channels.values { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
        }.get()
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            let left = (try? await handle.query { $0.desk.upstreamCount }) ?? 0
            if left == 0, connections.count == 0 { break }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
        }
        // From here on every call of ours fails at once, so whoever makes some comes to an end.
        try? await handle.query { $0.pool.close() }
    }

    /// To be called once, after `stop`, and after all who use the handle have ended: the event loop takes no more work.
    func shutDown() async { try? await group.shutdownGracefully() }
}

/// One call too many.
private final class Refusing: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload
    private let limit: Int

    init(_ limit: Int) { self.limit = limit }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .headers = unwrapInboundIn(data) else { return }
        let headers = UpstreamFault.tooMany("calls", limit).response.headers
        context.writeAndFlush(wrapOutboundOut(.headers(.init(headers: headers, endStream: true))), promise: nil)
    }
}

/// A connection whose protocol broke is closed; a stream's own fault ends the stream alone.
private final class EndOfBrokenConnection: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }
}
