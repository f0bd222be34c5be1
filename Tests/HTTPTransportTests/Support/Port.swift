import Domain
import EventLog
import ExternalMetrics
import Foundation
import HTTPService
import HTTPTestSupport
import HTTPTransport
import Logging
import NIOCore
import Testing

// The ports of Greenroom that are served by the transport, each as it runs, on a free port of the loopback interface.
//
// What a client may do to one it may do to all: a test of the transport runs over every port.

enum Port: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case api
    case secureAPI = "API over TLS"
    case externalMetrics = "external metrics"

    var testDescription: String { rawValue }
    var isSecure: Bool { self != .api }

    /// Answered to anybody in some hundred bytes, and in some thousand.
    var small: String { self == .externalMetrics ? "/apis/external.metrics.k8s.io" : "/livez" }
    var large: String { self == .externalMetrics ? "/apis/external.metrics.k8s.io/v1beta1" : "/v1/policies" }

    /// Without TLS there is no handshake.
    static let secure: [Port] = [.secureAPI, .externalMetrics]

    var http1: Wire { isSecure ? .tlsHTTP1 : .http1 }
    var http2: Wire { isSecure ? .tlsHTTP2 : .http2 }
    var wires: [Wire] { [http1, http2] }
}

/// What both servers let a deployment bound.
struct Bounds {
    var bodyBytes: Int?
    var answerBytes: Int?
    var connections: Int?
    var streamsPerConnection: Int?
    var handshakeSeconds: Double?
    var requestSeconds: Double?
    var writeStallSeconds: Double?
    var lingerSeconds: Double?
    var idleSeconds: Double?
    var drainSeconds: Double? = 2
}

struct Running: Sendable {
    let port: Port
    let number: Int
    let connectionCount: @Sendable () -> Int
    let living: @Sendable () async throws -> TransportServer.Living
    let stop: @Sendable () async -> Void

    func client(_ wire: Wire) -> TestClient { TestClient(wire: wire, port: number) }
    var http1: TestClient { client(port.http1) }
    var http2: TestClient { client(port.http2) }

    func frames(window: UInt32 = 65_535) async throws -> FrameClient {
        try await FrameClient(port: number, isSecure: port.isSecure, window: window)
    }
    func request(_ stream: Int, _ path: String, ends: Bool = true) throws -> ByteBuffer {
        try FrameClient.request(Int32(stream), path, authority: "localhost", ends: ends)
    }

    var isEmpty: Bool { get async throws { try await living() == TransportServer.Living() } }
}

extension Port {
    func run(_ edit: (inout Bounds) -> Void = { _ in }, _ body: (Running) async throws -> Void) async throws {
        var bounds = Bounds()
        edit(&bounds)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-transport-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let certificate = try TestCertificate.write()
        defer { certificate.remove() }
        let log = try EventLog.open(EventLog.Configuration(path: folder.appendingPathComponent("log.db").path))
        defer { log.close() }
        let running = try await self == .externalMetrics ? startMetrics(bounds, certificate) : startAPI(bounds, certificate, log)
        do { try await body(running) } catch {
            await running.stop()
            throw error
        }
        await running.stop()
    }

    private func startAPI(_ bounds: Bounds, _ certificate: TestCertificate.Files, _ log: EventLog) async throws -> Running {
        let address = ServerConfiguration.Address(host: "127.0.0.1", port: 0)
        var configuration = ServerConfiguration()
        configuration.cleartext = isSecure ? nil : address
        if isSecure { configuration.tls = .init(address: address, certificateFile: certificate.certificate, keyFile: certificate.key) }
        set(bounds.bodyBytes, &configuration.limits.transport.bodyBytes)
        set(bounds.answerBytes, &configuration.limits.transport.answerBytes)
        set(bounds.connections, &configuration.limits.transport.connections)
        set(bounds.streamsPerConnection, &configuration.limits.transport.streamsPerConnection)
        set(bounds.handshakeSeconds, &configuration.limits.transport.handshakeSeconds)
        set(bounds.requestSeconds, &configuration.limits.transport.requestSeconds)
        set(bounds.requestSeconds, &configuration.limits.transport.stallSeconds)
        set(bounds.writeStallSeconds, &configuration.limits.transport.writeStallSeconds)
        set(bounds.lingerSeconds, &configuration.limits.transport.lingerSeconds)
        set(bounds.idleSeconds, &configuration.limits.transport.idleSeconds)
        set(bounds.drainSeconds, &configuration.limits.transport.drainSeconds)
        let server = try await HTTPServer.start(
            configuration, parts: ServiceParts(log: log, plane: QuietPlane(policyBytes: 30_000)), log: Self.quiet)
        return Running(
            port: self, number: server.tlsPort ?? server.cleartextPort ?? 0, connectionCount: { server.connectionCount },
            living: { try await server.living() }, stop: { await server.stop() })
    }

    private func startMetrics(_ bounds: Bounds, _ certificate: TestCertificate.Files) async throws -> Running {
        var configuration = ExternalMetricsConfiguration(
            host: "127.0.0.1", port: 0, tls: TLSFiles(certificateFile: certificate.certificate, keyFile: certificate.key))
        configuration.allowsAnonymousDiscovery = true
        set(bounds.bodyBytes, &configuration.limits.bodyBytes)
        set(bounds.answerBytes, &configuration.limits.answerBytesInFlight)
        set(bounds.connections, &configuration.limits.connections)
        set(bounds.streamsPerConnection, &configuration.limits.streamsPerConnection)
        set(bounds.handshakeSeconds, &configuration.limits.handshakeSeconds)
        set(bounds.requestSeconds, &configuration.limits.requestSeconds)
        set(bounds.writeStallSeconds, &configuration.limits.writeStallSeconds)
        set(bounds.lingerSeconds, &configuration.limits.lingerSeconds)
        set(bounds.idleSeconds, &configuration.limits.idleSeconds)
        set(bounds.drainSeconds, &configuration.limits.drainSeconds)
        let server = try await ExternalMetricsServer.start(configuration, source: ManyMetrics(), access: nil, log: Self.quiet)
        return Running(
            port: self, number: server.port, connectionCount: { server.connectionCount }, living: { try await server.living() },
            stop: { await server.stop() })
    }

    private func set<Value>(_ value: Value?, _ limit: inout Value) {
        if let value { limit = value }
    }

    private static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
}

/// So many metrics that discovery has some twenty KB to tell.
private struct ManyMetrics: MetricSource {
    private static let snapshot: MetricSnapshot = {
        let series = [
            MetricSeries(labels: [:], value: MetricQuantity(milli: Int64(1_000)), at: LogTime(microseconds: 1_790_000_000_000_000))
        ]
        return MetricSnapshot(namespaces: ["default": Dictionary(uniqueKeysWithValues: (0..<200).map { ("metric_\($0)", series) })])
    }()

    func ready() -> MetricSnapshot? { Self.snapshot }
    func latest() -> MetricSnapshot? { Self.snapshot }
    func fresh() async -> MetricSnapshot { Self.snapshot }
}
