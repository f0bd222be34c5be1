package import Logging
import NIOCore
import NIOPosix
import Synchronization

// Who opens the ports, and who closes them in good order?
//
// `start` binds all ports or none, and reads certificates again whenever their files change. `stop` closes the ports first, lets
// requests in flight finish within `drainSeconds`, then closes what is left.

package final class TransportServer: Sendable {
    /// A port to be opened.
    package struct Listener: Sendable {
        package var host: String
        /// 0 takes any free port.
        package var port: Int
        /// HTTP/2 and HTTP/1.1 by ALPN; nil for HTTP/2 with prior knowledge and HTTP/1.1.
        package var tls: ReloadingTLSContext?

        package init(host: String, port: Int, tls: ReloadingTLSContext? = nil) {
            self.host = host
            self.port = port
            self.tls = tls
        }

        var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// The ports that were bound, in the order of the listeners.
    package let ports: [Int]

    private let shared: TransportShared
    private let group: MultiThreadedEventLoopGroup
    private let channels: [any Channel]
    private let loops: [LoopHandle]
    private let watch: Task<Void, Never>
    private let stopping = Mutex<Task<Void, Never>?>(nil)

    private struct LoopHandle: Sendable {
        let eventLoop: any EventLoop
        let loop: NIOLoopBound<TransportLoop>
        let sweeping: RepeatedTask
    }

    // MARK: - Start

    /// - Parameter responder: makes the responder of one event loop, on that loop.
    package static func start(
        _ listeners: [Listener], eventLoops: Int, limits: TransportLimits, log: Logger,
        responder: @escaping @Sendable (TransportLoop) -> any Responder
    ) async throws -> TransportServer {
        let shared = TransportShared(limits: limits, log: log)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: eventLoops)
        var channels: [any Channel] = []
        do {
            let loops = try await makeLoops(group, shared, count: eventLoops, responder)
            for listener in listeners { channels.append(try await bind(listener, shared, group, loops)) }
            return TransportServer(listeners, shared, group, loops, channels)
        } catch {
            for channel in channels { try? await channel.close() }
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func makeLoops(
        _ group: MultiThreadedEventLoopGroup, _ shared: TransportShared, count: Int,
        _ responder: @escaping @Sendable (TransportLoop) -> any Responder
    ) async throws -> [LoopHandle] {
        var handles: [LoopHandle] = []
        for eventLoop in group.makeIterator() {
            let handle = try await eventLoop.submit {
                let loop = TransportLoop(eventLoop: eventLoop, shared: shared, loops: count, responder: responder)
                let bound = NIOLoopBound(loop, eventLoop: eventLoop)
                let period = TimeAmount.seconds(shared.limits.sweepSeconds)
                let sweeping = eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in bound.value.sweep() }
                return LoopHandle(eventLoop: eventLoop, loop: bound, sweeping: sweeping)
            }.get()
            handles.append(handle)
        }
        return handles
    }

    private init(
        _ listeners: [Listener], _ shared: TransportShared, _ group: MultiThreadedEventLoopGroup, _ loops: [LoopHandle],
        _ channels: [any Channel]
    ) {
        self.shared = shared
        self.group = group
        self.loops = loops
        self.channels = channels
        ports = channels.map { $0.localAddress?.port ?? 0 }
        let certificates = listeners.compactMap(\.tls)
        watch = Task {
            await withDiscardingTaskGroup { group in
                for tls in certificates { group.addTask { await tls.watch(log: shared.log) } }
            }
        }
    }

    private static func bind(
        _ listener: Listener, _ shared: TransportShared, _ group: MultiThreadedEventLoopGroup, _ loops: [LoopHandle]
    ) async throws -> any Channel {
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A client that has asked all it will is still answered.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2_048, initial: 16_384, maximum: 65_536))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel, tls: listener.tls, shared, loops) }
            }
        #if os(Linux)
            // A peer whose machine is gone acknowledges nothing. Without a bound what is written to it counts as sent for a quarter of
            // an hour, and a dead worker as one that listens.
            let millis = Int(min(shared.limits.writeStallSeconds, 86_400) * 1_000)
            bootstrap = bootstrap.childChannelOption(.tcpOption(unacknowledgedTimeout), value: millis)
        #endif
        do {
            return try await bootstrap.bind(host: listener.host, port: listener.port).get()
        } catch let error as IOError {
            throw BindFault(address: listener.address, problem: "\(error): is another server there? name another port")
        } catch {
            throw BindFault(address: listener.address, problem: "\(error)")
        }
    }

    /// Linux' `TCP_USER_TIMEOUT`.
    private static let unacknowledgedTimeout = NIOBSDSocket.Option(rawValue: 18)

    private struct TooManyConnections: Error {}

    private static func accept(_ channel: any Channel, tls: ReloadingTLSContext?, _ shared: TransportShared, _ loops: [LoopHandle]) throws {
        guard let handle = loops.first(where: { $0.eventLoop === channel.eventLoop }) else {
            preconditionFailure("a connection on a foreign event loop")
        }
        let loop = handle.loop.value
        guard let (place, isReserve) = takePlace(shared, loop) else { throw TooManyConnections() }
        let connection = Connection(loop: loop, place: place, isReserve: isReserve, isSecure: tls != nil)
        channel.closeFuture.whenComplete { _ in place.leave() }
        try ConnectionPipeline.configure(channel, connection, tls: tls?.current)
    }

    /// Where every place is taken, the one that has been idle longest gives way, so that connections without a request keep nobody out.
    private static func takePlace(_ shared: TransportShared, _ loop: TransportLoop) -> (Place, isReserve: Bool)? {
        if let place = Place(under: shared.connections) { return (place, false) }
        if let idle = loop.longestIdle {
            idle.giveWay()
            if let place = Place(under: shared.connections) { return (place, false) }
        }
        return Place(under: shared.reservedConnections).map { ($0, true) }
    }

    // MARK: - What is alive

    /// Connections that are open now.
    package var connectionCount: Int { shared.connections.count + shared.reservedConnections.count }

    /// What is alive now, for tests of what an attack leaves behind.
    package struct Living: Hashable, Sendable {
        package var connections = 0
        package var streams = 0
        package var keptStreams = 0
        package var answerBytes = 0
        /// Tasks that answer.
        package var answers = 0

        package init() {}
    }

    package func living() async throws -> Living {
        var living = Living()
        living.connections = connectionCount
        living.streams = shared.streams.count
        living.answerBytes = shared.answerBytes.count
        living.answers = shared.running.count
        for handle in loops { living.keptStreams += try await handle.eventLoop.submit { handle.loop.value.keptStreams }.get() }
        return living
    }

    /// Bytes held now of bodies that are being received.
    package func bodyBytes() async throws -> Int {
        var bytes = 0
        for handle in loops { bytes += try await handle.eventLoop.submit { handle.loop.value.bodyBytes }.get() }
        return bytes
    }

    // MARK: - Stop

    /// Connections that are open now finish what they have begun and close; new ones may come.
    package func drainConnections() {
        for handle in loops { handle.eventLoop.execute { handle.loop.value.drainConnections() } }
    }

    /// Stops accepting, lets requests in flight finish, and closes. Never takes much longer than `drainSeconds`. A second call
    /// waits for the first.
    package func stop() async {
        let work = stopping.withLock { stopping in
            let work = stopping ?? Task { await self.stopOnce() }
            stopping = work
            return work
        }
        await work.value
    }

    private func stopOnce() async {
        watch.cancel()
        for channel in channels { try? await channel.close() }
        for handle in loops { handle.eventLoop.execute { handle.loop.value.drain() } }
        await waitUntil(shared.limits.drainSeconds) { connectionCount == 0 }
        if connectionCount > 0 {
            shared.log.warning("requests did not finish in time and were cut off", metadata: ["connections": "\(connectionCount)"])
        }
        for handle in loops {
            try? await handle.eventLoop.submit {
                handle.sweeping.cancel()
                handle.loop.value.closeAll()
            }.get()
        }
        // Their tasks are cancelled, and say so to their event loop, which must be there to hear it.
        await waitUntil(shared.limits.lingerSeconds) { shared.running.count == 0 }
        try? await group.shutdownGracefully()
    }

    private func waitUntil(_ seconds: Double, _ isDone: () -> Bool) async {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !isDone(), ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(10)) }
    }
}

/// What keeps a port from being opened.
package struct BindFault: Error, CustomStringConvertible {
    package var address: String
    package var problem: String
    package var description: String { "can't listen on \(address): \(problem)" }
}
