import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL
import Output
import ServiceClient
import Machine

// How soon is an HPA answered?
//
// A service of its own in another process with pools whose actors wait, asked as an aggregator asks: TLS with the front proxy's
// certificate, HTTP/1.1, connections kept, at a fixed rate whatever comes back. A request counts from when it was due where its
// connection was still busy then, and from when it was sent otherwise, so that waiting behind another is not left out.

package struct MetricsBench: Sendable {
    package var rate: Double
    package var seconds: Double
    package var connections: Int
    package var pools: Int

    package struct Figures: Sendable {
        package var latency = LatencyHistogram()
        package var failures = 0
        package var seconds = 0.0
        package var serverProcessorSeconds = 0.0
        /// What the service itself counted: the bound that 99 % don't exceed.
        package var servedP99Seconds: Double?
    }

    /// Waiting in each pool.
    private static let waiting = 21
    private static let eventsAtATime = 1_000
    private static let warmUpSeconds = 2.0

    package init(rate: Double, seconds: Double, connections: Int, pools: Int) {
        self.rate = rate
        self.seconds = seconds
        self.connections = connections
        self.pools = pools
    }

    package func measure() async throws -> Figures {
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let certificates = try BenchCertificates(in: folder)
        let port = try LocalPort.free()
        let server = try await ServerProcess(
            adding: """
                externalMetrics:
                  listen: 127.0.0.1:\(port)
                  tls: {certificate: \(certificates.server), key: \(certificates.serverKey)}
                  frontProxy: {clientCA: \(certificates.authority), allowedNames: [\(BenchCertificates.proxyName)]}

                """)
        let http = try certificates.client(connections)
        let result: Result<Figures, any Error>
        do { result = .success(try await measure(server, http, port)) } catch { result = .failure(error) }
        try? await http.shutdown()
        await server.stop()
        return try result.get()
    }

    private func measure(_ server: ServerProcess, _ http: HTTPClient, _ port: Int) async throws -> Figures {
        try await fill(server, http)
        _ = try await run(http, port, seconds: Self.warmUpSeconds)
        let before = ProcessUse(server.processID)?.processorSeconds ?? 0
        let start = ContinuousClock.now
        var figures = try await run(http, port, seconds: seconds)
        figures.seconds = (ContinuousClock.now - start) / .seconds(1)
        figures.serverProcessorSeconds = (ProcessUse(server.processID)?.processorSeconds ?? 0) - before
        let text = try await http.execute(HTTPClientRequest(url: "\(server.url)/metrics"), timeout: .seconds(10)).body.collect(
            upTo: 16 << 20)
        figures.servedP99Seconds = ServedHistogram("greenroom_external_metrics_request_seconds", inMetrics: String(buffer: text)).bound(
            ofQuantile: 0.99)
        return figures
    }

    /// Actors that wait, in every pool.
    private func fill(_ server: ServerProcess, _ http: HTTPClient) async throws {
        let events = (0..<pools * Self.waiting).map { number in
            #"{"specversion":"1.0","type":"dev.greenroom.actor.requested","source":"/bench","id":"\#(number)","subject":"a\#(number)","data":{"pool":"default/p\#(number % pools)"}}"#
        }
        for start in stride(from: 0, to: events.count, by: Self.eventsAtATime) {
            var request = HTTPClientRequest(url: "\(server.url)/v1/events")
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/cloudevents-batch+json")
            request.body = .bytes(
                ByteBuffer(string: "[\(events[start..<min(start + Self.eventsAtATime, events.count)].joined(separator: ","))]"))
            let response = try await http.execute(request, timeout: .seconds(30))
            guard response.status == .ok else { throw Fault(.unreachable, "the service answered \(response.status) to the bench's events") }
            _ = try await response.body.collect(upTo: 1 << 20)
        }
    }

    private func run(_ http: HTTPClient, _ port: Int, seconds: Double) async throws -> Figures {
        let interval = Duration.seconds(Double(connections) / rate)
        let count = max(1, Int(seconds * rate) / connections)
        let start = ContinuousClock.now + .milliseconds(50)
        return await withTaskGroup(of: Figures.self) { group in
            for lane in 0..<connections {
                let first = start + interval * (Double(lane) / Double(connections))
                group.addTask { await query(http, port, lane, from: first, every: interval, count) }
            }
            return await group.reduce(into: Figures()) { all, lane in
                all.latency.merge(lane.latency)
                all.failures += lane.failures
            }
        }
    }

    private func query(
        _ http: HTTPClient, _ port: Int, _ lane: Int, from first: ContinuousClock.Instant, every interval: Duration, _ count: Int
    ) async -> Figures {
        var figures = Figures()
        for number in 0..<count {
            let due = first + interval * Double(number)
            let wasFree = ContinuousClock.now < due
            if wasFree { try? await Task.sleep(until: due, tolerance: .zero) }
            let begun = wasFree ? ContinuousClock.now : due
            let answered = await isAnswered(http, port, pool: (lane + number * connections) % pools)
            if !answered { figures.failures += 1 }
            figures.latency.record(microseconds: Int64((ContinuousClock.now - begun) / .microseconds(1)))
        }
        return figures
    }

    private func isAnswered(_ http: HTTPClient, _ port: Int, pool: Int) async -> Bool {
        let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/greenroom_queue_depth"
        var request = HTTPClientRequest(
            url: "https://127.0.0.1:\(port)\(path)?labelSelector=pool%3Dp\(pool)%2Cstate+in+%28blocked%2Cresident%29")
        request.headers.add(name: "Accept", value: "application/vnd.kubernetes.protobuf, */*")
        request.headers.add(name: "X-Remote-User", value: "system:serviceaccount:kube-system:horizontal-pod-autoscaler")
        request.headers.add(name: "X-Remote-Group", value: "system:authenticated")
        guard let response = try? await http.execute(request, timeout: .seconds(10)), response.status == .ok else { return false }
        return (try? await response.body.collect(upTo: 1 << 20))?.readableBytes ?? 0 > 0
    }
}

/// Certificates for one run, made by openssl.
struct BenchCertificates {
    static let proxyName = "front-proxy-client"

    let authority, server, serverKey: String
    private let proxy, proxyKey: String

    init(in folder: ScratchFolder) throws {
        authority = folder.path("ca.pem")
        server = folder.path("server.pem")
        serverKey = folder.path("server.key")
        proxy = folder.path("proxy.pem")
        proxyKey = folder.path("proxy.key")
        let authorityKey = folder.path("ca.key")
        try Self.make(authority, authorityKey, ["-subj", "/CN=bench authority"])
        let issued = ["-CA", authority, "-CAkey", authorityKey, "-addext", "basicConstraints=critical,CA:FALSE"]
        try Self.make(server, serverKey, ["-subj", "/CN=greenroom", "-addext", "subjectAltName=IP:127.0.0.1"] + issued)
        try Self.make(proxy, proxyKey, ["-subj", "/CN=\(Self.proxyName)"] + issued)
    }

    private static func make(_ certificate: String, _ key: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-keyout",
                key, "-out", certificate,
            ] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Fault(.unreachable, "openssl made no certificate", do: "install openssl 3") }
    }

    /// Who comes as the front proxy.
    func client(_ connections: Int) throws -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .file(authority)
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile(proxy).map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: proxyKey, format: .pem))
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }
}
