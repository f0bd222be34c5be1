import HTTPServing
package import Logging
import Metrics
import NIOCore
import NIOPosix
import Synchronization

// Who opens the ports, and who closes them in good order?
//
// `start` binds both ports or none. `stop` closes the ports first, lets requests in flight finish within
// `drainSeconds`, then closes what is left. `HTTPServerService` runs the two under service-lifecycle.

package final class HTTPServer: Sendable {
    /// Where the server listens: the ports that were bound.
    package let cleartextPort: Int?
    package let tlsPort: Int?

    private let shared: ServerShared
    private let group: MultiThreadedEventLoopGroup
    private let listeners: [any Channel]
    private let loops: [LoopHandle]
    private let watch: Task<Void, Never>
    private let stopping = Mutex<Task<Void, Never>?>(nil)

    private struct LoopHandle: Sendable {
        let eventLoop: any EventLoop
        let state: NIOLoopBound<EventLoopState>
        let sweeping: RepeatedTask
    }

    // MARK: - Start

    package static func start(_ configuration: ServerConfiguration, parts: ServiceParts, log: Logger) async throws -> HTTPServer {
        try configuration.validate()
        HealthAnswers.start()
        let tokens = try configuration.tokensFile.map { path throws(TokenFile.Fault) in try TokenFile(path: path) }
        let tls = try configuration.tls.map { try ReloadingTLSContext(TLSFiles(certificateFile: $0.certificateFile, keyFile: $0.keyFile)) }
        let shared = ServerShared(parts: parts, configuration: configuration, tokens: tokens, log: log)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoops)
        do {
            let loops = try await makeLoops(group, shared, count: configuration.eventLoops)
            return try await HTTPServer(configuration, shared: shared, group: group, loops: loops, tls: tls, tokens: tokens)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func makeLoops(_ group: MultiThreadedEventLoopGroup, _ shared: ServerShared, count: Int) async throws -> [LoopHandle] {
        var handles: [LoopHandle] = []
        for eventLoop in group.makeIterator() {
            let handle = try await eventLoop.submit {
                let state = EventLoopState(eventLoop: eventLoop, shared: shared, loops: count)
                let bound = NIOLoopBound(state, eventLoop: eventLoop)
                let period = TimeAmount.seconds(shared.limits.sweepSeconds)
                let sweeping = eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in bound.value.sweep() }
                return LoopHandle(eventLoop: eventLoop, state: bound, sweeping: sweeping)
            }.get()
            handles.append(handle)
        }
        return handles
    }

    private init(
        _ configuration: ServerConfiguration, shared: ServerShared, group: MultiThreadedEventLoopGroup, loops: [LoopHandle],
        tls: ReloadingTLSContext?, tokens: TokenFile?
    ) async throws {
        var listeners: [any Channel] = []
        var cleartextPort: Int?
        var tlsPort: Int?
        do {
            if let address = configuration.cleartext {
                let listener = try await Self.bind(address, tls: nil, shared, group, loops)
                listeners.append(listener)
                cleartextPort = listener.localAddress?.port
            }
            if let address = configuration.tls?.address {
                let listener = try await Self.bind(address, tls: tls, shared, group, loops)
                listeners.append(listener)
                tlsPort = listener.localAddress?.port
            }
        } catch {
            for listener in listeners { try? await listener.close() }
            throw error
        }
        self.shared = shared
        self.group = group
        self.loops = loops
        self.listeners = listeners
        self.cleartextPort = cleartextPort
        self.tlsPort = tlsPort
        watch = Task {
            async let tokensWatched: Void = Self.watchTokens(tokens, shared.log)
            async let certificateWatched: Void? = tls?.watch(log: shared.log)
            _ = await (tokensWatched, certificateWatched)
        }
    }

    /// What keeps a port from being opened.
    package struct BindFault: Error, CustomStringConvertible {
        package var address: String
        package var problem: String
        package var description: String { "can't listen on \(address): \(problem)" }
    }

    private static func bind(
        _ address: ServerConfiguration.Address, tls: ReloadingTLSContext?, _ shared: ServerShared, _ group: MultiThreadedEventLoopGroup, _ loops: [LoopHandle]
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A client that has asked all it will is still answered.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2_048, initial: 16_384, maximum: 65_536))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel, tls: tls, shared, loops) }
            }
        do {
            return try await bootstrap.bind(host: address.host, port: address.port).get()
        } catch let error as IOError {
            throw BindFault(address: address.description, problem: "\(error): is another server there? name another port")
        } catch {
            throw BindFault(address: address.description, problem: "\(error)")
        }
    }

    private struct TooManyConnections: Error {}

    private static func accept(_ channel: any Channel, tls: ReloadingTLSContext?, _ shared: ServerShared, _ loops: [LoopHandle]) throws {
        guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else { preconditionFailure("a connection on a foreign event loop") }
        let state = loop.state.value
        guard let (place, isReserve) = takePlace(shared, state) else { throw TooManyConnections() }
        let connection = Connection(state: state, place: place, isReserve: isReserve, isSecure: tls != nil)
        channel.closeFuture.whenComplete { _ in place.leave() }
        try ConnectionPipeline.configure(channel, connection, tls: tls?.current)
    }

    /// Where every place is taken, the one that has been idle longest gives way, so that connections without a request keep nobody out.
    private static func takePlace(_ shared: ServerShared, _ state: EventLoopState) -> (Place, isReserve: Bool)? {
        if let place = Place(behind: shared.connections) { return (place, false) }
        if let idle = state.longestIdle {
            idle.giveWay()
            if let place = Place(behind: shared.connections) { return (place, false) }
        }
        return Place(behind: shared.reservedConnections).map { ($0, true) }
    }

    /// Looks once a second whether the tokens changed.
    private static func watchTokens(_ tokens: TokenFile?, _ log: Logger) async {
        let faulty = Gauge(label: "greenroom_tokens_file_faulty")
        faulty.record(0)
        guard let tokens else { return }
        var lastFault: TokenFile.Fault?
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            do throws(TokenFile.Fault) {
                if try tokens.reloadIfChanged() { log.notice("tokens were read again", metadata: ["file": "\(tokens.path)"]) }
                lastFault = nil
            } catch {
                // Said once, not every second; the gauge says it as long as it stands.
                if error != lastFault { log.error("\(error)") }
                lastFault = error
            }
            faulty.record(lastFault == nil ? 0 : 1)
        }
    }

    // MARK: - Stop

    /// Connections that are open now.
    package var connectionCount: Int { shared.connections.count + shared.reservedConnections.count }

    /// What is alive now, for tests of what an attack leaves behind.
    struct Living: Hashable, Sendable {
        var connections = 0
        var streams = 0
        var keptStreams = 0
        var answerBytes = 0
        var questions = 0
    }

    func living() async throws -> Living {
        var living = Living(
            connections: connectionCount, streams: shared.streams.count, answerBytes: shared.answerBytes.count,
            questions: shared.questions.count + shared.healthQuestions.count + shared.waitingPlacements.count + shared.followStreams.count)
        for loop in loops { living.keptStreams += try await loop.eventLoop.submit { loop.state.value.keptStreams }.get() }
        return living
    }

    /// Bytes held now of bodies that are being received.
    func bodyBytes() async throws -> Int {
        var bytes = 0
        for loop in loops { bytes += try await loop.eventLoop.submit { loop.state.value.bodyBytes }.get() }
        return bytes
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
        for listener in listeners { try? await listener.close() }
        for loop in loops { loop.eventLoop.execute { loop.state.value.drain() } }
        await waitUntil(shared.limits.drainSeconds) { connectionCount == 0 }
        if connectionCount > 0 {
            shared.log.warning("requests did not finish in time and were cut off", metadata: ["connections": "\(connectionCount)"])
        }
        for loop in loops {
            try? await loop.eventLoop.submit {
                loop.sweeping.cancel()
                loop.state.value.closeAll()
            }.get()
        }
        // Their tasks are cancelled, and say so to their event loop, which must be there to hear it.
        await waitUntil(shared.limits.lingerSeconds) { [shared.questions, shared.healthQuestions, shared.waitingPlacements, shared.followStreams].allSatisfy { $0.count == 0 } }
        try? await group.shutdownGracefully()
    }

    private func waitUntil(_ seconds: Double, _ isDone: () -> Bool) async {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !isDone(), ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(10)) }
    }
}
