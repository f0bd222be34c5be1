import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS

// On which connection does a call go to ateapi?
//
// Connections are made when calls need them, with so many streams as the server allows (100 where it doesn't say), and used until it says
// that it goes or they break. A connection is never pinged: ateapi ends connections that are. Everything here is confined to one event
// loop, the one that callers' connections live on, so a forwarded frame changes no thread. Always: `connections.count + dialing` is at
// most `connectionsMost`, and calls that wait for a connection are at most `waitingMost`.

final class UpstreamPool {
    typealias Opened = (Result<any Channel, UpstreamFault>) -> Void

    static let connectionsMost = 128
    static let waitingMost = 20_000
    /// Where the server doesn't say how many streams it takes: NIO's own assumption.
    static let streamsAssumed = 100
    static let dialSeconds: Int64 = 5

    private final class Connection {
        let channel: any Channel
        let streams: NIOHTTP2Handler.StreamMultiplexer
        var open = 0
        var limit = UpstreamPool.streamsAssumed
        var isGoing = false

        init(channel: any Channel, streams: NIOHTTP2Handler.StreamMultiplexer) {
            self.channel = channel
            self.streams = streams
        }
    }

    private struct Waiting {
        var handler: any ChannelHandler
        var opened: Opened
    }

    private let eventLoop: any EventLoop
    private let settings: GatewayConfiguration.Upstream
    private let tls: UpstreamTLS
    private var connections: [Connection] = []
    private var dialing = 0
    private var waiting: CircularBuffer<Waiting> = []
    private var isClosed = false

    init(_ eventLoop: any EventLoop, _ settings: GatewayConfiguration.Upstream, tls: UpstreamTLS) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.tls = tls
    }

    var address: String { settings.address }
    var connectionCount: Int { connections.count }

    /// Opens a stream with `handler` in its pipeline; `opened` is called once, maybe before this returns.
    func open(_ handler: any ChannelHandler, _ opened: @escaping Opened) {
        eventLoop.preconditionInEventLoop()
        guard !isClosed else { return opened(.failure(.stopping)) }
        if waiting.isEmpty, let connection = connections.first(where: { !$0.isGoing && $0.open < $0.limit }) {
            return open(handler, on: connection, opened)
        }
        guard waiting.count < Self.waitingMost else {
            return opened(.failure(.tooMany("calls that wait for a connection", Self.waitingMost)))
        }
        waiting.append(Waiting(handler: handler, opened: opened))
        dialAsNeeded()
    }

    func close() {
        isClosed = true
        failWaiting(.stopping)
        for connection in connections { connection.channel.close(promise: nil) }
        connections = []
    }

    private func open(_ handler: any ChannelHandler, on connection: Connection, _ opened: @escaping Opened) {
        connection.open += 1
        let promise = eventLoop.makePromise(of: (any Channel).self)
        let bound = NIOLoopBound(handler, eventLoop: eventLoop)
        let (pool, used) = (NIOLoopBound(self, eventLoop: eventLoop), NIOLoopBound(connection, eventLoop: eventLoop))
        promise.futureResult.assumeIsolated().whenComplete { [address] result in
            switch result {
            case .success(let channel):
                channel.closeFuture.assumeIsolated().whenComplete { _ in pool.value.closed(on: used.value) }
                opened(.success(channel))
            case .failure:
                pool.value.closed(on: used.value)
                opened(.failure(.lost(address)))
            }
        }
        connection.streams.createStreamChannel(promise: promise) { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
        }
    }

    private func closed(on connection: Connection) {
        connection.open -= 1
        if connection.isGoing, connection.open == 0 { connection.channel.close(promise: nil) }
        serveWaiting()
    }

    // MARK: - Connections

    private func serveWaiting() {
        while !waiting.isEmpty, let connection = connections.first(where: { !$0.isGoing && $0.open < $0.limit }) {
            let next = waiting.removeFirst()
            open(next.handler, on: connection, next.opened)
        }
        if !waiting.isEmpty { dialAsNeeded() }
    }

    private func dialAsNeeded() {
        // As many as those who wait will fill, and no more.
        let wanted = (waiting.count + Self.streamsAssumed - 1) / Self.streamsAssumed
        while !isClosed, dialing < wanted, connections.count + dialing < Self.connectionsMost { dial() }
    }

    private func dial() {
        dialing += 1
        let pool = NIOLoopBound(self, eventLoop: eventLoop)
        let handshake = NIOLoopBound(HandshakeWait(eventLoop), eventLoop: eventLoop)
        let tls = self.tls
        let bootstrap = Self.watched(ClientBootstrap(group: eventLoop))
            .connectTimeout(.seconds(Self.dialSeconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try pool.value.configure(channel, tls, handshake.value) }
            }
        let connected = bootstrap.connect(host: settings.host, port: settings.port)
        connected.flatMap { channel in handshake.value.done.map { channel } }.assumeIsolated().whenComplete { result in
            pool.value.dialed(result)
        }
    }

    /// A host that is gone without a word is noticed: what was sent to it stays unacknowledged.
    private static func watched(_ bootstrap: ClientBootstrap) -> ClientBootstrap {
        #if os(Linux)
            // TCP_USER_TIMEOUT, in milliseconds.
            let unacknowledgedMost = ChannelOptions.Types.SocketOption(level: .tcp, name: NIOBSDSocket.Option(rawValue: 18))
            return bootstrap.channelOption(unacknowledgedMost, value: 30_000)
        #else
            return bootstrap
        #endif
    }

    private func configure(_ channel: any Channel, _ tls: UpstreamTLS, _ handshake: HandshakeWait) throws {
        let pipeline = channel.pipeline.syncOperations
        if let context = try tls.context() {
            try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: tls.serverName))
            try pipeline.addHandler(handshake)
        } else {
            handshake.succeed()
        }
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        // Pages of a thousand actors, for some callers at once.
        connection.targetWindowSize = 4 << 20
        connection.initialSettings = [
            HTTP2Setting(parameter: .enablePush, value: 0), HTTP2Setting(parameter: .maxHeaderListSize, value: 64 << 10),
            HTTP2Setting(parameter: .initialWindowSize, value: 1 << 20),
        ]
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.targetWindowSize = 1 << 20
        stream.outboundBufferSizeHighWatermark = 256 << 10
        stream.outboundBufferSizeLowWatermark = 64 << 10
        // Callers leave as they please.
        stream.streamResetFrameRateLimit.maximumCount = .max
        let handler = NIOHTTP2Handler(
            mode: .client, eventLoop: eventLoop, connectionConfiguration: connection, streamConfiguration: stream
        ) { pushed in
            // It was told not to.
            pushed.close()
        }
        try pipeline.addHandlers([handler, ConnectionNews(self, channel)])
    }

    private func dialed(_ result: Result<any Channel, any Error>) {
        dialing -= 1
        do {
            let channel = try result.get()
            guard !isClosed, channel.isActive else {
                channel.close(promise: nil)
                throw ChannelError.ioOnClosedChannel
            }
            let streams = try channel.pipeline.syncOperations.handler(type: NIOHTTP2Handler.self).syncMultiplexer()
            connections.append(Connection(channel: channel, streams: streams))
            serveWaiting()
        } catch {
            // The next call tries anew.
            if dialing == 0, !connections.contains(where: { !$0.isGoing }) { failWaiting(.unreachable(address, error)) }
        }
    }

    private func failWaiting(_ fault: UpstreamFault) {
        let failed = waiting
        waiting = []
        for one in failed { one.opened(.failure(fault)) }
    }

    private func connection(of channel: any Channel) -> Connection? { connections.first { $0.channel === channel } }

    fileprivate func allowed(_ streams: Int, on channel: any Channel) {
        connection(of: channel)?.limit = max(streams, 1)
        serveWaiting()
    }

    fileprivate func isGoing(_ channel: any Channel) {
        guard let connection = connection(of: channel) else { return }
        connection.isGoing = true
        if connection.open == 0 { connection.channel.close(promise: nil) }
    }

    fileprivate func ended(_ channel: any Channel) { connections.removeAll { $0.channel === channel } }
}

/// Is TLS settled, or why not?
private final class HandshakeWait: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let done: EventLoopFuture<Void>
    private let promise: EventLoopPromise<Void>
    private var isDone = false

    init(_ eventLoop: any EventLoop) {
        promise = eventLoop.makePromise()
        done = promise.futureResult
    }

    func succeed() {
        guard !isDone else { return }
        isDone = true
        promise.succeed()
    }

    private func fail(_ error: any Error) {
        guard !isDone else { return }
        isDone = true
        promise.fail(error)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error)
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(ChannelError.eof)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { fail(ChannelError.eof) }

    deinit { fail(ChannelError.eof) }
}

/// What the connection itself is told.
private final class ConnectionNews: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    private weak var pool: UpstreamPool?
    private let channel: any Channel

    init(_ pool: UpstreamPool, _ channel: any Channel) {
        self.pool = pool
        self.channel = channel
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data).payload {
        case .settings(.settings(let settings)):
            if let most = settings.last(where: { $0.parameter == .maxConcurrentStreams }) { pool?.allowed(most.value, on: channel) }
        case .goAway: pool?.isGoing(channel)
        default: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        pool?.ended(channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A stream's own fault ends the stream alone.
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }
}
