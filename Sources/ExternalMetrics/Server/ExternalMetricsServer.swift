package import HTTPServing
package import Logging
import System
import NIOCore
import NIOPosix
import Synchronization

// Who opens the port, and who closes it in good order?
//
// `start` reads the certificates, binds, and watches the files from then on. `stop` closes the port first, lets requests in flight
// finish within `drainSeconds`, then closes what is left. `ExternalMetricsService` runs the two under service-lifecycle.

package final class ExternalMetricsServer: Sendable {
    package let port: Int

    private let shared: ServerShared
    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let watch: Task<Void, Never>
    private let stopping = Mutex<Task<Void, Never>?>(nil)

    /// What keeps the port from being opened.
    package struct BindFault: Error, CustomStringConvertible {
        package var address: String
        package var problem: String
        package var description: String { "can't listen on \(address): \(problem)" }
    }

    // MARK: - Start

    /// - Parameters:
    ///   - access: asks the cluster about bearer tokens; nil refuses them all.
    ///   - trust: front proxies to begin with, where they aren't in the configuration.
    ///   - uptimeMicroseconds: a clock that never goes back, by which remembered reviews age.
    package static func start(
        _ configuration: ExternalMetricsConfiguration, source: any MetricSource, access: (any AccessReviewing)?, trust: FrontProxyTrust? = nil, log: Logger,
        uptimeMicroseconds: @escaping @Sendable () -> Int64 = MeasuringClock.microseconds
    ) async throws -> ExternalMetricsServer {
        try configuration.validate()
        let tls = try ReloadingTLSContext(configuration.tls)
        let control = AccessControl(
            frontProxy: configuration.frontProxy, reviewer: access, allowsAnonymousDiscovery: configuration.allowsAnonymousDiscovery,
            uptimeMicroseconds: uptimeMicroseconds)
        // Before the port is open: a connection is a proxy's, or not, from its handshake to its end.
        if let trust {
            _ = try tls.trustClients(of: trust.authorityPEM)
            control.believe(trust.proxy)
        }
        let shared = ServerShared(responder: Responder(access: control, source: source), limits: configuration.limits, tls: tls, log: log)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoops)
        do {
            let listener = try await bind(configuration, group, shared)
            return ExternalMetricsServer(shared: shared, group: group, listener: listener)
        } catch {
            try? await group.shutdownGracefully()
            throw BindFault(address: "\(configuration.host):\(configuration.port)", problem: "\(error): is another server there? name another port")
        }
    }

    private init(shared: ServerShared, group: MultiThreadedEventLoopGroup, listener: any Channel) {
        self.shared = shared
        self.group = group
        self.listener = listener
        port = listener.localAddress?.port ?? 0
        watch = Task { await shared.tls.watch(log: shared.log) }
    }

    private static func bind(
        _ configuration: ExternalMetricsConfiguration, _ group: MultiThreadedEventLoopGroup, _ shared: ServerShared
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            // A client that has asked all it will is still answered.
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel, shared) }
            }
            .bind(host: configuration.host, port: configuration.port).get()
    }

    private struct TooManyConnections: Error {}

    private static func accept(_ channel: any Channel, _ shared: ServerShared) throws {
        guard shared.connections.enter() else { throw TooManyConnections() }
        shared.add(channel)
        channel.closeFuture.whenComplete { _ in
            shared.remove(channel)
            shared.connections.leave()
        }
        try ConnectionPipeline.configure(channel, shared)
    }

    // MARK: - Stop

    /// Connections that are open now.
    package var connectionCount: Int { shared.connections.count }
    /// Requests that wait for a review or for the loop.
    var waitingRequestCount: Int { shared.waitingRequests.count }

    /// Believes front proxies as the cluster says now; nil believes none. Connections that are open were judged by what held before:
    /// they finish their requests and close, so that a proxy comes again and is known.
    package func believe(_ trust: FrontProxyTrust?) throws(TLSFiles.Fault) {
        _ = try shared.tls.trustClients(of: trust?.authorityPEM)
        shared.responder.access.believe(trust?.proxy)
        drainConnections()
    }

    /// Reads the certificates again without waiting for the next look; true where there are new ones.
    package func reloadCertificates() throws -> Bool { try shared.tls.reloadIfChanged() }

    /// Never takes much longer than `drainSeconds`. A second call waits for the first.
    package func stop() async {
        let work = stopping.withLock { stopping in
            let work = stopping ?? Task { await self.stopOnce() }
            stopping = work
            return work
        }
        await work.value
    }

    private func drainConnections() {
        for channel in shared.openChannels {
            channel.eventLoop.execute { (try? channel.pipeline.syncOperations.handler(type: ConnectionGuard.self))?.drain() }
        }
    }

    private func stopOnce() async {
        watch.cancel()
        try? await listener.close()
        drainConnections()
        let deadline = ContinuousClock.now + .seconds(shared.limits.drainSeconds)
        while shared.connections.count > 0, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(10)) }
        for channel in shared.openChannels { channel.close(promise: nil) }
        try? await group.shutdownGracefully()
    }
}
