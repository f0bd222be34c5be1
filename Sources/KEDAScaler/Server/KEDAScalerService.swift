package import Views
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import HTTPTransport
package import Logging
import ServiceLifecycle

// How does the scaler live under service-lifecycle?
//
// It listens when it is run and says where. At a graceful shutdown it takes no more calls and ends its streams with OK, so that
// KEDA opens them again at once; after an error KEDA would wait first. Calls in flight get the drain time.

package struct KEDAScalerService: Service {
    private let configuration: KEDAScalerConfiguration
    private let plane: any PoolWatching
    private let knows: @Sendable (_ pool: String) async -> Bool
    private let logger: Logger
    private let onStart: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - knows: whether the configuration or a policy names this pool, though nothing has been heard of it yet.
    ///   - onStart: called with the port once it is open.
    package init(
        configuration: KEDAScalerConfiguration, plane: any PoolWatching,
        knows: @escaping @Sendable (_ pool: String) async -> Bool = { _ in false },
        logger: Logger,
        onStart: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.plane = plane
        self.knows = knows
        self.logger = logger
        self.onStart = onStart
    }

    /// - Throws: `KEDAScalerConfiguration.Fault` where the configuration or the port can't be.
    package func run() async throws {
        try configuration.validate()
        let streams = OpenStreams(limit: configuration.limits.streams)
        let identity = try identity()
        let watching = identity.map { identity in Task { [logger] in await identity.tls.watch(log: logger) } }
        defer { watching?.cancel() }
        let transport = try HTTP2ServerTransport.Posix(configuration, identity: identity)
        let server = GRPCServer(transport: transport, services: [ExternalScaler(plane: plane, streams: streams, knows: knows)])
        let fault = await withTaskGroup(of: Ending.self) { group -> KEDAScalerConfiguration.Fault? in
            group.addTask {
                do { try await server.serve() } catch { return .served(error) }
                return .served(nil)
            }
            group.addTask {
                await announce(transport)
                // A cancelled task stops the server as a graceful shutdown does.
                try? await gracefulShutdown()
                streams.stop()
                server.beginGracefulShutdown()
                try? await Task.sleep(for: .seconds(configuration.limits.drainSeconds))
                return .drained
            }
            let first = await group.next()
            group.cancelAll()
            if case .served(let error?)? = first, !Task.isCancelled { return self.fault(error) }
            return nil
        }
        if let fault { throw fault }
        logger.info("scaler for KEDA stopped")
    }

    private func identity() throws(KEDAScalerConfiguration.Fault) -> ReloadedIdentity? {
        guard let tls = configuration.tls else { return nil }
        do throws(TLSFiles.Fault) { return try ReloadedIdentity(tls) } catch {
            throw KEDAScalerConfiguration.Fault(field: "tls", problem: "\(error): name PEM files that belong together")
        }
    }

    private enum Ending: Sendable {
        case served((any Error)?)
        case drained
    }

    private func announce(_ transport: HTTP2ServerTransport.Posix) async {
        guard let port = try? await transport.listeningAddress.port else { return }
        logger.notice(
            "scaler for KEDA listening",
            metadata: [
                "port": "\(port)",
                "tls": "\(configuration.tls == nil ? "no" : configuration.tls?.clientAuthorityFile == nil ? "yes" : "mutual")",
            ])
        await onStart(port)
    }

    private func fault(_ error: any Error) -> KEDAScalerConfiguration.Fault {
        let cause =
            (error as? RuntimeError)?.cause.map { cause in (cause as? RuntimeError)?.cause.map { "\($0)" } ?? "\(cause)" } ?? "\(error)"
        let remedy =
            configuration.tls == nil
            ? "stop what listens there, or name another address"
            : "stop what listens there, or name another address; check that the certificate and key files are PEM and belong together"
        return KEDAScalerConfiguration.Fault(field: "address", problem: "can't serve on \(configuration.address): \(cause): \(remedy)")
    }
}
