import Views
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import ServiceLifecycle

@testable import KEDAScaler

// A scaler on a free port of this machine, and a client of it, over real sockets.

struct ScalerHarness {
    typealias Client = Externalscaler_ExternalScaler.Client<HTTP2ClientTransport.Posix>

    let client: Client
    let port: Int
    /// Stops the scaler in good order; the group ends once it did.
    let stop: @Sendable () async -> Void

    @discardableResult
    static func run<Answer: Sendable>(
        _ plane: any PoolWatching, security: HTTP2ClientTransport.Posix.TransportSecurity = .plaintext,
        knows: @escaping @Sendable (String) async -> Bool = { _ in false }, configure: (inout KEDAScalerConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (ScalerHarness) async throws -> Answer
    ) async throws -> Answer {
        var configuration = KEDAScalerConfiguration(address: .init(host: "127.0.0.1", port: 0))
        configuration.limits.drainSeconds = 1
        configure(&configuration)
        let (ports, feed) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let logger = Logger(label: "keda-tests", factory: { _ in SwiftLogNoOpLogHandler() })
        let service = KEDAScalerService(
            configuration: configuration, plane: plane, knows: knows, logger: logger, onStart: { feed.yield($0) })
        let group = ServiceGroup(configuration: .init(services: [.init(service: service)], logger: logger))
        let running = Task {
            defer { feed.finish() }
            try await group.run()
        }
        guard let port = await ports.first(where: { _ in true }) else {
            try await running.value
            throw CancellationError()
        }
        let answer = await Result {
            let transport = try HTTP2ClientTransport.Posix(target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: security)
            return try await withGRPCClient(transport: transport) { client in
                try await body(ScalerHarness(client: Client(wrapping: client), port: port, stop: { await group.triggerGracefulShutdown() }))
            }
        }
        await group.triggerGracefulShutdown()
        try await running.value
        return try answer.get()
    }
}

/// A stream that stays open until `close`, and what it said.
struct OpenStream<Answer: Sendable> {
    let answers: AsyncStream<Answer>
    private let reading: Task<Void, any Error>

    private init(_ read: @escaping @Sendable (AsyncStream<Answer>.Continuation) async throws -> Void) {
        let (answers, feed) = AsyncStream.makeStream(of: Answer.self, bufferingPolicy: .bufferingNewest(1_000))
        self.answers = answers
        reading = Task {
            defer { feed.finish() }
            try await read(feed)
        }
    }

    func close() { reading.cancel() }

    /// How it ended; nil where its client ended it, or it ended well.
    var fault: RPCError? {
        get async {
            do { try await reading.value } catch { return error as? RPCError }
            return nil
        }
    }
}

extension OpenStream<Bool> {
    static func isActive(_ client: ScalerHarness.Client, _ object: Externalscaler_ScaledObjectRef) -> Self {
        Self { feed in
            try await client.streamIsActive(object) { response in
                for try await answer in response.messages { feed.yield(answer.result) }
            }
        }
    }
}

extension OpenStream<Externalscaler_GetMetricSpecResponse> {
    static func specs(_ client: ScalerHarness.Client, _ object: Externalscaler_ScaledObjectRef) -> Self {
        Self { feed in
            try await client.streamMetricSpec(object) { response in
                for try await answer in response.messages { feed.yield(answer) }
            }
        }
    }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}

extension Externalscaler_ScaledObjectRef {
    static func of(_ pool: String, namespace: String = "ns", _ metadata: [String: String] = [:]) -> Self {
        .with {
            $0.name = "agent-scaler"
            $0.namespace = namespace
            $0.scalerMetadata = metadata.merging(["scalerAddress": "greenroom:9090", "pool": pool]) { $1 }
        }
    }
}

extension Externalscaler_GetMetricsRequest {
    static func of(_ object: Externalscaler_ScaledObjectRef, _ metric: String) -> Self {
        .with {
            $0.scaledObjectRef = object
            $0.metricName = metric
        }
    }
}
