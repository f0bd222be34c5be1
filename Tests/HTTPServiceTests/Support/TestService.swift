import Autoscaling
import HTTPTestSupport
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import HTTPService

// A server on a free port of the loopback interface, with twins behind it, for the time of one test.

struct TestService: Sendable {
    let server: HTTPServer
    let log: MemoryLog
    let plane: TwinPlane

    func client(_ wire: Wire = .http2, token: String? = nil) -> TestClient {
        TestClient(wire: wire, port: (wire.isSecure ? server.tlsPort : server.cleartextPort) ?? 0, token: token)
    }

    static func run(
        plane: TwinPlane = TwinPlane(), tls: Bool = false, configure: (inout ServerConfiguration) -> Void = { _ in },
        parts edit: (inout ServiceParts) -> Void = { _ in }, _ body: (TestService) async throws -> Void
    ) async throws {
        let log = MemoryLog()
        var configuration = ServerConfiguration()
        configuration.cleartext = .init(host: "127.0.0.1", port: 0)
        configuration.limits.drainSeconds = 2
        let files = try tls ? TestCertificate.write() : nil
        defer { files?.remove() }
        if let files {
            configuration.tls = .init(address: .init(host: "127.0.0.1", port: 0), certificateFile: files.certificate, keyFile: files.key)
        }
        configure(&configuration)
        var parts = ServiceParts(log: log, plane: plane) { (text: String) throws(PolicyProblems) in
            if text.contains("broken") {
                throw PolicyProblems([.init(document: 1, line: 2, column: 3, path: "spec.broken", message: "unknown field")])
            }
            return [Policy(pool: "default/agents", target: ScaleTarget(apiVersion: "v1", kind: "Process", name: "agents"))]
        }
        edit(&parts)
        let server = try await HTTPServer.start(
            configuration, parts: parts, log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        do {
            try await body(TestService(server: server, log: log, plane: plane))
        } catch {
            log.release()
            await server.stop()
            throw error
        }
        log.release()
        await server.stop()
    }
}

/// Does again what failed, a few times: on a busy machine a connection can become idle before its first request.
func insisting<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    for _ in 0..<19 {
        if let value = try? await body() { return value }
    }
    return try await body()
}
