import Machine
package import HTTPTransport
package import Logging

// Who opens the port, and who closes it in good order?
//
// `start` reads the certificates and binds; the transport reads them again, and stops in good order. `ExternalMetricsService` runs it
// under service-lifecycle.

package final class ExternalMetricsServer: Sendable {
    package typealias BindFault = HTTPTransport.BindFault

    package let port: Int

    private let transport: TransportServer
    private let shared: MetricsShared
    private let tls: ReloadingTLSContext

    // MARK: - Start

    /// - Parameters:
    ///   - access: asks the cluster about bearer tokens; nil refuses them all.
    ///   - trust: front proxies to begin with, where they aren't in the configuration.
    ///   - uptimeMicroseconds: a clock that never goes back, by which remembered reviews age.
    package static func start(
        _ configuration: ExternalMetricsConfiguration, source: any MetricSource, access: (any AccessReviewing)?,
        trust: FrontProxyTrust? = nil, log: Logger,
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
        let shared = MetricsShared(
            api: MetricsAPI(access: control, source: source), waitingRequests: SharedLimit(limit: configuration.limits.waitingRequests),
            metrics: RequestMetrics(), log: log)
        let transport = try await TransportServer.start(
            [.init(host: configuration.host, port: configuration.port, tls: tls)], eventLoops: configuration.eventLoops,
            limits: configuration.limits.ofTransport, log: log
        ) { _ in MetricsResponder(shared) }
        return ExternalMetricsServer(transport, shared, tls)
    }

    private init(_ transport: TransportServer, _ shared: MetricsShared, _ tls: ReloadingTLSContext) {
        self.transport = transport
        self.shared = shared
        self.tls = tls
        port = transport.ports.first ?? 0
    }

    // MARK: - What is alive

    /// Connections that are open now.
    package var connectionCount: Int { transport.connectionCount }
    /// Requests that wait for a review or for the loop.
    var waitingRequestCount: Int { shared.waitingRequests.count }
    /// What is alive now, for tests of what an attack leaves behind.
    package func living() async throws -> TransportServer.Living { try await transport.living() }

    // MARK: - Front proxies and certificates

    /// Believes front proxies as the cluster says now; nil believes none. Connections that are open were judged by what held before:
    /// they finish their requests and close, so that a proxy comes again and is known.
    package func believe(_ trust: FrontProxyTrust?) throws(TLSFiles.Fault) {
        _ = try tls.trustClients(of: trust?.authorityPEM)
        shared.api.access.believe(trust?.proxy)
        transport.drainConnections()
    }

    /// Reads the certificates again without waiting for the next look; true where there are new ones.
    package func reloadCertificates() throws -> Bool { try tls.reloadIfChanged() }

    /// Never takes much longer than `drainSeconds`. A second call waits for the first.
    package func stop() async { await transport.stop() }
}
