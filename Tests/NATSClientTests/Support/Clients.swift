import Logging
import Machine
import NATSServers
import Testing

@testable import NATSClient

// A client of a test's servers, and a stream to write to.

func quietLogger() -> Logger {
    var logger = Logger(label: "nats-test") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .trace
    return logger
}

func configuration(_ servers: [NATSServer], _ change: (inout NATSConfiguration) throws -> Void = { _ in }) throws -> NATSConfiguration {
    var configuration = NATSConfiguration(servers: try servers.map { try NATSAddress($0.address) })
    configuration.limits.backoffFirstSeconds = 0.02
    configuration.limits.backoffLastSeconds = 0.2
    try change(&configuration)
    return configuration
}

/// Runs with a connected client, which is shut down afterwards.
func withClient<Result>(
    _ configuration: NATSConfiguration, _ body: (NATSClient) async throws -> Result
) async throws -> Result {
    let client = NATSClient(configuration, logger: quietLogger())
    client.start()
    do {
        try await client.waitUntilConnected(within: .seconds(10))
        let result = try await body(client)
        await client.shutdown()
        return result
    } catch {
        await client.shutdown()
        throw error
    }
}

/// Runs with one server with JetStream; not at all where there is none to be had.
func withServer(_ extra: String = "", _ body: (NATSServer) async throws -> Void) async throws {
    guard let program = await NATSProgram.current() else { return }
    let server = try NATSServer(program) { NATSServer.jetStream($0, extra: extra) }
    defer { server.remove() }
    try await server.start()
    try await body(server)
}
