import Autoscaling
import ControlLoop
import Views
import Domain
import EventLog
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import Logging
import SubstrateTwin
import SwiftProtobuf
import TestSupport

@testable import SubstrateGateway

// The gateway between a client and the twin of ateapi, over TLS both ways, with a log and a loop of its own and no cluster.

struct GatewayStage: Sendable {
    typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

    let twin: AteapiTwin
    let log: EventLog
    let loop: ControlLoop
    let port: Int
    let client: Client
    /// To the twin itself.
    let direct: Client
    let board: TroubleBoard

    static func run(
        twin behave: (inout AteapiTwin.Behaviour) -> Void = { _ in },
        configure: (inout GatewayConfiguration, _ folder: String) -> Void = { _, _ in },
        _ body: @escaping @Sendable (GatewayStage) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("greenroom-gateway-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let twin = try AteapiTwin()
        twin.behave(behave)
        try await twin.start()
        for (name, bytes) in [
            ("ca.pem", twin.certificates.authority), ("tls.crt", twin.certificates.server), ("tls.key", twin.certificates.serverKey),
            ("client.pem", twin.certificates.clientKey + twin.certificates.client),
        ] {
            try Data(bytes).write(to: folder.appendingPathComponent(name))
        }
        func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
        var upstream = GatewayConfiguration.Upstream(host: "127.0.0.1", port: twin.port)
        upstream.caFile = path("ca.pem")
        var configuration = GatewayConfiguration(host: "127.0.0.1", port: 0, upstream: upstream)
        configuration.tls = .init(certificateFile: path("tls.crt"), keyFile: path("tls.key"))
        configuration.pools = ["demo/counter": "demo/pool-a"]
        configuration.limits.drainSeconds = 2
        configure(&configuration, folder.path)

        var opening = EventLog.Configuration(path: path("log.db"))
        opening.durability = .off
        let log = try EventLog.open(opening)
        defer { log.close() }
        var settings = ControlLoop.Configuration(fence: Fence(1), actuators: [:])
        let news = PlacementNews(beside: SilentObserver()) { log.names.text(of: $0) }
        settings.observer = news
        let loop = ControlLoop(log: log, scheduler: RealScheduler(clock: { log.now }), configuration: settings)
        await loop.start()
        let logger = Logger(label: "gateway-tests") { _ in SwiftLogNoOpLogHandler() }
        let (ports, feed) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let catalog = PoolCatalog(configured: configuration.pools, defaultPool: configuration.defaultPool)
        let board = TroubleBoard()
        let service = SubstrateGatewayService(
            configuration: configuration,
            log: GatewayLog(plane: loop, append: { batch, done in log.append(batch, completion: done) }, run: "test"),
            catalog: catalog, news: news, tellsWorkers: true, board: board, logger: logger, onStart: { feed.yield($0) })
        let running = Task {
            defer { feed.finish() }
            try await service.run()
        }
        let outcome: Result<Void, any Error>
        if let port = await ports.first(where: { _ in true }) {
            let trust = HTTP2ClientTransport.Posix.TransportSecurity.tls {
                $0.trustRoots = .certificates([.file(path: path("ca.pem"), format: .pem)])
            }
            do {
                let near = try HTTP2ClientTransport.Posix(target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: trust)
                let far = try HTTP2ClientTransport.Posix(target: .ipv4(address: "127.0.0.1", port: twin.port), transportSecurity: trust)
                try await withGRPCClient(transport: near) { client in
                    try await withGRPCClient(transport: far) { direct in
                        try await body(
                            GatewayStage(twin: twin, log: log, loop: loop, port: port, client: client, direct: direct, board: board))
                    }
                }
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
        } else {
            // Without a port it has ended: its own fault first.
            outcome = await running.result.flatMap { _ in .failure(NeverHappened(what: "the gateway listens")) }
        }
        running.cancel()
        let ended = await running.result
        await loop.stop()
        await twin.stop()
        try outcome.get()
        try ended.get()
    }

    // MARK: - Calls

    /// What a client sees of one call.
    struct Response: Sendable, Hashable {
        var code: Int
        var text: String
        var message: [UInt8]
        var trailers: Set<String>
    }

    func call(
        _ method: String, _ request: some Message, on client: Client? = nil, seconds: Double? = nil, metadata: Metadata = [:]
    ) async throws -> Response {
        try await call("ateapi.Control", method, try request.serializedBytes(), on: client, seconds: seconds, metadata: metadata)
    }

    func call(
        _ service: String, _ method: String, _ message: [UInt8], on client: Client? = nil, seconds: Double? = nil, metadata: Metadata = [:]
    ) async throws -> Response {
        var options = CallOptions.defaults
        if let seconds { options.timeout = .milliseconds(Int64(seconds * 1_000)) }
        return try await (client ?? self.client).unary(
            request: ClientRequest(message: message, metadata: metadata),
            descriptor: MethodDescriptor(fullyQualifiedService: service, method: method), serializer: RawBytes(), deserializer: RawBytes(),
            options: options
        ) { response in
            func names(_ metadata: Metadata) -> Set<String> { Set(metadata.map(\.key)) }
            switch response.accepted {
            case .success(let contents):
                let trailers = names(contents.trailingMetadata)
                switch contents.message {
                case .success(let message): return Response(code: 0, text: "", message: message, trailers: trailers)
                case .failure(let error):
                    return Response(code: error.code.rawValue, text: error.message, message: [], trailers: names(error.metadata))
                }
            case .failure(let error):
                return Response(code: error.code.rawValue, text: error.message, message: [], trailers: names(error.metadata))
            }
        }
    }

    func resume(_ id: String, in atespace: String = "team-a", seconds: Double? = nil, metadata: Metadata = [:]) async throws -> Response {
        try await call("ResumeActor", Self.resumeRequest(id, atespace), seconds: seconds, metadata: metadata)
    }

    static func resumeRequest(_ id: String, _ atespace: String = "team-a") -> Ateapi_ResumeActorRequest {
        .with {
            $0.actorRef.atespace = atespace
            $0.actorRef.name = id
        }
    }

    // MARK: - What is so

    func status(_ id: String, in atespace: String = "team-a") -> Ateapi_Actor.Status? {
        twin.read { $0.actors[ActorKey(atespace: atespace, id: id)]?.status }
    }

    /// As the log has it.
    func logged(_ id: String, in atespace: String = "team-a") async -> ActorView? { await loop.actor("\(atespace)/\(id)") }

    func events(_ kind: EventKind, of id: String) throws -> Int {
        try log.read(after: 0, limitEvents: 1_000_000).reduce(0) { sum, batch in
            sum + batch.events.count { $0.kind == kind && log.names.text(of: $0.subject) == "team-a/\(id)" }
        }
    }

    func isParked(_ id: String) async -> Bool {
        await logged(id).map { $0.status == "STATUS_WAITING" || $0.status == "STATUS_RESUMING" } ?? false
    }

    /// What the log has of these actors, and of all workers, a line each.
    func history(of ids: Set<String>) throws -> [String] {
        func name(_ id: NameID) -> String { log.names.text(of: id) }
        return try log.read(after: 0, limitEvents: 1_000_000).flatMap { batch in
            batch.events.compactMap { event in
                let subject = name(event.subject)
                guard event.kind.subject == .worker || ids.contains(where: { subject.hasSuffix("/\($0)") }) else { return nil }
                return "\(event.seq) \(event.kind.name) \(subject) \(name(event.source)) \(name(event.worker)) \(batch.text(event.body))"
            }
        }
    }
}
