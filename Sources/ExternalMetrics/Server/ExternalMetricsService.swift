package import HTTPTransport
package import Logging
import ServiceLifecycle

// How does the server live under service-lifecycle?
//
//     front proxies read → port open → front proxies read again and again → port closed
//
// It starts when it is run, says where it listens, and stops in good order when the group shuts down. A cluster that can't be
// asked just now keeps nobody from starting: bearer tokens and the API server come later. One that refuses does.

package struct ExternalMetricsService: Service {
    private let configuration: ExternalMetricsConfiguration
    private let source: any MetricSource
    private let access: (any AccessReviewing)?
    private let frontProxies: FrontProxySource?
    private let log: Logger
    private let onStart: @Sendable (_ port: Int) async -> Void

    /// - Parameters:
    ///   - access: asks the cluster about bearer tokens; nil refuses them all.
    ///   - frontProxies: who may speak for others, where it isn't in the configuration.
    ///   - onStart: called with the port once it is open.
    package init(
        _ configuration: ExternalMetricsConfiguration, source: any MetricSource, access: (any AccessReviewing)?,
        frontProxies: FrontProxySource? = nil,
        log: Logger, onStart: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.source = source
        self.access = access
        self.frontProxies = frontProxies
        self.log = log
        self.onStart = onStart
    }

    /// - Throws: `ExternalMetricsConfiguration.Fault`, `TLSFiles.Fault`, `ExternalMetricsServer.BindFault`, or a `FrontProxyFault` that time
    ///   alone won't mend.
    package func run() async throws {
        let first = try await frontProxiesAtStart()
        let server = try await ExternalMetricsServer.start(configuration, source: source, access: access, trust: first, log: log)
        let looking = Task { await lookAgain(server, known: first) }
        log.notice("external metrics are served", metadata: ["https": "\(server.port)"])
        await onStart(server.port)
        // A cancelled task stops the server as a graceful shutdown does.
        try? await gracefulShutdown()
        looking.cancel()
        await server.stop()
    }

    private func frontProxiesAtStart() async throws -> FrontProxyTrust? {
        guard let frontProxies else { return nil }
        do throws(FrontProxyFault) {
            let trust = try await frontProxies.read()
            if trust == nil { log.warning("the cluster names no front proxy: only bearer tokens are accepted for external metrics") }
            return trust
        } catch {
            guard error.isTransient else { throw error }
            log.warning("front proxies are not known yet; tried again every second: \(error)")
            return nil
        }
    }

    /// Until the task is cancelled.
    private func lookAgain(_ server: ExternalMetricsServer, known first: FrontProxyTrust?) async {
        guard let frontProxies else { return }
        var known = first
        var lastProblem: String?
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(known == nil ? FrontProxySource.retrySeconds : FrontProxySource.lookEverySeconds))
            guard !Task.isCancelled else { return }
            do {
                let trust = try await frontProxies.read()
                lastProblem = nil
                guard let trust, trust != known else { continue }
                try server.believe(trust)
                known = trust
                log.notice("front proxies were read again", metadata: ["allowedNames": "\(trust.proxy.allowedNames)"])
            } catch {
                // Said once, not at every look.
                if "\(error)" != lastProblem { log.error("front proxies from before stay in use: \(error)") }
                lastProblem = "\(error)"
            }
        }
    }
}
