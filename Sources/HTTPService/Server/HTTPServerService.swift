package import Logging
import ServiceLifecycle

// How does the server live under service-lifecycle?
//
// It starts when it is run, says where it listens, and stops in good order when the group shuts down.

package struct HTTPServerService: Service {
    private let configuration: ServerConfiguration
    private let parts: ServiceParts
    private let log: Logger
    private let onStart: @Sendable (HTTPServer) async -> Void

    /// - Parameter onStart: called once the ports are open.
    package init(
        _ configuration: ServerConfiguration, parts: ServiceParts, log: Logger,
        onStart: @escaping @Sendable (HTTPServer) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.parts = parts
        self.log = log
        self.onStart = onStart
    }

    package func run() async throws {
        let server = try await HTTPServer.start(configuration, parts: parts, log: log)
        var ports: Logger.Metadata = [:]
        if let port = server.cleartextPort { ports["http"] = "\(port)" }
        if let port = server.tlsPort { ports["https"] = "\(port)" }
        log.notice("listening", metadata: ports)
        await onStart(server)
        // A cancelled task stops the server as a graceful shutdown does.
        try? await gracefulShutdown()
        await server.stop()
    }
}
