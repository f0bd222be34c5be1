public import Logging
public import ServiceLifecycle

// How does the server live under service-lifecycle?
//
// It starts when it is run, says where it listens, and stops in good order when the group shuts down.

public struct ExternalMetricsService: Service {
    private let configuration: ExternalMetricsConfiguration
    private let source: any MetricSource
    private let access: (any AccessReviewing)?
    private let log: Logger

    public init(_ configuration: ExternalMetricsConfiguration, source: any MetricSource, access: (any AccessReviewing)?, log: Logger) {
        self.configuration = configuration
        self.source = source
        self.access = access
        self.log = log
    }

    public func run() async throws {
        let server = try await ExternalMetricsServer.start(configuration, source: source, access: access, log: log)
        log.notice("external metrics are served", metadata: ["https": "\(server.port)"])
        // A cancelled task stops the server as a graceful shutdown does.
        try? await gracefulShutdown()
        await server.stop()
    }
}
