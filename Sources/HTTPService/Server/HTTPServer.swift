package import HTTPTransport
package import Logging
import Metrics

// Who opens the API's ports, and who closes them in good order?
//
// `start` reads tokens and certificates and binds both ports or none; `stop` is the transport's. `HTTPServerService` runs the two
// under service-lifecycle.

package final class HTTPServer: Sendable {
    package typealias BindFault = HTTPTransport.BindFault

    /// Where the server listens: the ports that were bound.
    package let cleartextPort: Int?
    package let tlsPort: Int?

    private let transport: TransportServer
    private let watch: Task<Void, Never>

    // MARK: - Start

    package static func start(_ configuration: ServerConfiguration, parts: ServiceParts, log: Logger) async throws -> HTTPServer {
        try configuration.validate()
        HealthResponses.start()
        let tokens = try configuration.tokensFile.map { path throws(TokenFile.Fault) in try TokenFile(path: path) }
        let shared = ServiceShared(parts: parts, configuration: configuration, tokens: tokens, log: log)
        var listeners: [TransportServer.Listener] = []
        if let address = configuration.cleartext { listeners.append(.init(host: address.host, port: address.port)) }
        if let tls = configuration.tls {
            let files = TLSFiles(certificateFile: tls.certificateFile, keyFile: tls.keyFile)
            listeners.append(.init(host: tls.address.host, port: tls.address.port, tls: try ReloadingTLSContext(files)))
        }
        let transport = try await TransportServer.start(
            listeners, eventLoops: configuration.eventLoops, limits: configuration.limits.transport, log: log
        ) { loop in APIResponder(shared, loop) }
        return HTTPServer(configuration, transport, tokens, log)
    }

    private init(_ configuration: ServerConfiguration, _ transport: TransportServer, _ tokens: TokenFile?, _ log: Logger) {
        self.transport = transport
        cleartextPort = configuration.cleartext == nil ? nil : transport.ports.first
        tlsPort = configuration.tls == nil ? nil : transport.ports.last
        watch = Task { await Self.watchTokens(tokens, log) }
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

    // MARK: - What is alive

    /// Connections that are open now.
    package var connectionCount: Int { transport.connectionCount }

    /// What is alive now, for tests of what an attack leaves behind.
    package func living() async throws -> TransportServer.Living { try await transport.living() }

    /// Bytes held now of bodies that are being received.
    package func bodyBytes() async throws -> Int { try await transport.bodyBytes() }

    // MARK: - Stop

    /// Stops accepting, lets requests in flight finish, and closes. Never takes much longer than `drainSeconds`. A second call
    /// waits for the first.
    package func stop() async {
        watch.cancel()
        await transport.stop()
    }
}
