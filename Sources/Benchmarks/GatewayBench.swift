import AsyncHTTPClient
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Machine
import Output
import SubstrateGateway

// What does the gateway for agent-substrate cost?
//
// A service of its own with a gateway, a stand-in for ateapi (`BenchUpstream`), and this client: three processes, TLS between them, and the
// client of grpc-swift. Each figure has the same without the gateway beside it: the same calls to the same stand-in.

package struct GatewayBench: Sendable {
    /// Calls one after another, each way.
    package var calls: Int
    /// Resumes that are parked, and workers that come at once.
    package var parked: Int
    /// Actors whose fleet is listed.
    package var actors: Int
    package var restoreMillis: Int

    package struct Figures: Sendable {
        package var direct = LatencyHistogram()
        package var through = LatencyHistogram()
        /// From the workers' coming to the last answer.
        package var parkedSeconds = 0.0
        /// As many resumes at once on free workers, without the gateway.
        package var directSeconds = 0.0
        /// Resumes that the stand-in was asked for, of `parked` that run, after the first refusals.
        package var tries = 0
        package var failures = 0
        package var lists = Lists()
    }

    package struct Lists: Sendable {
        package var looks = 0
        package var calls = 0
        package var bytes = 0
        /// The service's, while it looked so often.
        package var processorSeconds = 0.0
        package var seconds = 0.0
    }

    private static let rounds = 10
    private static let looksMeasured = 3
    private static let callSeconds: Int64 = 600
    private static let waitSeconds = 300.0

    package init(calls: Int, parked: Int, actors: Int, restoreMillis: Int) {
        self.calls = calls
        self.parked = parked
        self.actors = actors
        self.restoreMillis = restoreMillis
    }

    package func measure() async throws -> Figures {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let certificates = try BenchCertificates(in: folder)
        // One half of the actors is parked; the other is resumed directly.
        var figures = try await stage(certificates, actors: 2 * parked + 1, running: 1, reconcileSeconds: 3_600) { stage in
            var figures = Figures()
            try await passThrough(stage, &figures)
            try await release(stage, &figures)
            return figures
        }
        let listed = try await stage(certificates, actors: actors, running: actors / 10, reconcileSeconds: 5) { stage in
            try await looks(stage)
        }
        figures.lists = listed
        return figures
    }

    // MARK: - Calls that pass

    private func passThrough(_ stage: Stage, _ figures: inout Figures) async throws {
        let request: [UInt8] = try Ateapi_GetActorRequest.with {
            $0.actorRef.atespace = BenchUpstream.atespace
            $0.actorRef.name = "a0"
        }.serializedBytes()
        for client in [stage.direct, stage.through] {
            for _ in 0..<max(20, calls / Self.rounds) { _ = try await Self.timed(client, request) }
        }
        // By turns: what else the machine does meets both.
        for _ in 0..<Self.rounds {
            for _ in 0..<max(1, calls / Self.rounds) { figures.direct.record(microseconds: try await Self.timed(stage.direct, request)) }
            for _ in 0..<max(1, calls / Self.rounds) { figures.through.record(microseconds: try await Self.timed(stage.through, request)) }
        }
    }

    private static func timed(_ client: Client, _ request: [UInt8]) async throws -> Int64 {
        let began = ContinuousClock.now
        _ = try await query(client, "GetActor", request)
        return Int64((ContinuousClock.now - began) / .microseconds(1))
    }

    // MARK: - Resumes that wait

    private func release(_ stage: Stage, _ figures: inout Figures) async throws {
        let waiting = Task { await resume(stage.through, 1..<parked + 1) }
        try await stage.wait("\(parked) resumes are parked") {
            try await stage.metric("greenroom_gateway_parked_resumes") >= Double(parked)
        }
        let refused = try await stage.counts().resumes
        let began = ContinuousClock.now
        try await stage.addWorkers(parked)
        figures.failures += await waiting.value
        figures.parkedSeconds = (ContinuousClock.now - began) / .seconds(1)
        figures.tries = try await stage.counts().resumes - refused
        try await stage.addWorkers(parked)
        let begunDirectly = ContinuousClock.now
        figures.failures += await resume(stage.direct, parked + 1..<2 * parked + 1)
        figures.directSeconds = (ContinuousClock.now - begunDirectly) / .seconds(1)
    }

    /// All at once.
    ///
    /// - Returns: how many failed.
    private func resume(_ client: Client, _ numbers: Range<Int>) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for number in numbers {
                group.addTask {
                    let request = Ateapi_ResumeActorRequest.with {
                        $0.actorRef.atespace = BenchUpstream.atespace
                        $0.actorRef.name = "a\(number)"
                    }
                    guard let bytes: [UInt8] = try? request.serializedBytes() else { return false }
                    return (try? await Self.query(client, "ResumeActor", bytes)) != nil
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 0 : 1 }
        }
    }

    // MARK: - Lists

    private func looks(_ stage: Stage) async throws -> Lists {
        // The first look finds everything new, and the second confirms it.
        try await stage.wait("the fleet was listed") { try await stage.counts().lists >= 3 }
        let (before, began) = (try await stage.counts(), ContinuousClock.now)
        let used = ProcessUse(stage.processID)?.processorSeconds ?? 0
        try await stage.wait("the fleet was listed again") { try await stage.counts().lists >= before.lists + Self.looksMeasured }
        let after = try await stage.counts()
        return Lists(
            looks: after.lists - before.lists, calls: after.listCalls - before.listCalls, bytes: after.listBytes - before.listBytes,
            processorSeconds: (ProcessUse(stage.processID)?.processorSeconds ?? 0) - used,
            seconds: (ContinuousClock.now - began) / .seconds(1))
    }

    // MARK: - The stage

    typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

    private static func query(_ client: Client, _ method: String, _ message: [UInt8]) async throws -> [UInt8] {
        try await query(client, MethodDescriptor(fullyQualifiedService: "ateapi.Control", method: method), message)
    }

    fileprivate static func query(_ client: Client, _ method: MethodDescriptor, _ message: [UInt8]) async throws -> [UInt8] {
        var options = CallOptions.defaults
        options.timeout = .seconds(callSeconds)
        do {
            return try await client.unary(
                request: ClientRequest(message: message), descriptor: method, serializer: PlainBytes(), deserializer: PlainBytes(),
                options: options
            ) { try $0.message }
        } catch let error as RPCError {
            throw Fault(.unreachable, "\(method.method) failed: \(error.code) \(error.message)")
        }
    }

    private struct Stage: Sendable {
        let url: String
        let processID: Int32
        let http: HTTPClient
        let direct: Client
        let through: Client

        func counts() async throws -> BenchUpstreamCounts {
            try JSONDecoder().decode(BenchUpstreamCounts.self, from: Data(try await GatewayBench.query(direct, BenchUpstream.counts, [])))
        }

        func addWorkers(_ count: Int) async throws {
            _ = try await GatewayBench.query(direct, BenchUpstream.addWorkers, Array("\(count)".utf8))
        }

        /// Of the service, by its `/metrics`; 0 where it isn't there yet.
        func metric(_ name: String) async throws -> Double {
            let response = try await http.execute(HTTPClientRequest(url: "\(url)/metrics"), timeout: .seconds(10))
            let text = String(buffer: try await response.body.collect(upTo: 16 << 20))
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") || $0.hasPrefix(name + "{") }
            return line.flatMap { $0.split(separator: " ").last }.flatMap { Double($0) } ?? 0
        }

        func wait(_ what: String, _ condition: () async throws -> Bool) async throws {
            let deadline = ContinuousClock.now + .seconds(GatewayBench.waitSeconds)
            while try await !condition() {
                guard ContinuousClock.now < deadline else {
                    throw Fault(.unreachable, "it didn't happen within \(Int(GatewayBench.waitSeconds)) s that \(what)")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func stage<Figures: Sendable>(
        _ certificates: BenchCertificates, actors: Int, running: Int, reconcileSeconds: Int,
        _ body: @Sendable (Stage) async throws -> Figures
    ) async throws -> Figures {
        let pool = "\(BenchUpstream.pool.namespace)/\(BenchUpstream.pool.name)"
        let (upstreamPort, port) = (try LocalPort.free(), try LocalPort.free())
        let upstream = try UpstreamProcess(
            [
                "--port", "\(upstreamPort)", "--certificate", certificates.server, "--key", certificates.serverKey, "--actors", "\(actors)",
                "--running", "\(running)", "--restore-millis", "\(restoreMillis)",
            ])
        defer { upstream.end() }
        let server = try await ServerProcess(
            adding: """
                gateway:
                  listen: 127.0.0.1:\(port)
                  tls: {certificate: \(certificates.server), key: \(certificates.serverKey)}
                  upstream: {address: "127.0.0.1:\(upstreamPort)", ca: \(certificates.authority)}
                  pools: {\(BenchUpstream.pool.namespace)/\(BenchUpstream.template): \(pool)}
                  parkSeconds: 600
                  reconcileSeconds: \(reconcileSeconds)

                """)
        let http = HTTPClient(eventLoopGroupProvider: .singleton)
        let (url, processID) = (server.url, server.processID)
        let result: Result<Figures, any Error>
        do {
            let trust = HTTP2ClientTransport.Posix.TransportSecurity.tls {
                $0.trustRoots = .certificates([.file(path: certificates.authority, format: .pem)])
            }
            let near = try HTTP2ClientTransport.Posix(target: .ipv4(address: "127.0.0.1", port: port), transportSecurity: trust)
            let far = try HTTP2ClientTransport.Posix(target: .ipv4(address: "127.0.0.1", port: upstreamPort), transportSecurity: trust)
            let figures = try await withGRPCClient(transport: near) { through in
                try await withGRPCClient(transport: far) { direct in
                    try await body(Stage(url: url, processID: processID, http: http, direct: direct, through: through))
                }
            }
            result = .success(figures)
        } catch {
            result = .failure(error)
        }
        try? await http.shutdown()
        await server.stop()
        return try result.get()
    }
}

/// `bench upstream` in a process of its own: its standard input ends with this one.
private final class UpstreamProcess {
    private let process = Process()
    private let input = Pipe()

    init(_ arguments: [String]) throws {
        process.executableURL = try ServerProcess.executable()
        process.arguments = ["bench", "upstream"] + arguments
        process.standardInput = input
        process.standardOutput = FileHandle.standardError
        try process.run()
    }

    func end() {
        try? input.fileHandleForWriting.close()
        process.terminate()
        process.waitUntilExit()
    }
}
