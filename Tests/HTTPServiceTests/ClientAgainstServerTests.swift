import Benchmarks
import Domain
import Foundation
import HTTPTestSupport
import Logging
import ServiceClient
import ServiceLifecycle
import Synchronization
import Testing

@testable import HTTPService

@Suite("Our own client and our own server")
struct ClientAgainstServerTests {
    private static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test(arguments: [false, true])
    func eventsGoInAndComeBack(_ isSecure: Bool) async throws {
        try await TestService.run(tls: isSecure) { service in
            let port = isSecure ? service.server.tlsPort : service.server.cleartextPort
            var configuration = ClientConfiguration(url: BaseURL(isSecure: isSecure, host: "127.0.0.1", port: port ?? 0))
            // It vouches for itself.
            let files = try TestCertificate.write()
            defer { files.remove() }
            configuration.trustFile = files.certificate
            let client = ServiceClient(configuration, log: Self.quiet)
            let response = try await client.request(.events(Array(Event.batch(["a", "b"]).utf8), isBatch: true))
            #expect(response.body == Array(#"{"accepted":2,"duplicates":0,"firstSeq":1,"lastSeq":2}"#.utf8))
            let refused = await #expect(throws: ClientError.self) { try await client.request(.events(Array("{}".utf8), isBatch: false)) }
            guard case .refused(400, let problem) = refused else { return #expect(Bool(false), "\(String(describing: refused))") }
            #expect(problem.kind == "invalid-event")
            let seen = Seen()
            try await client.follow(after: 1) { seq, line in
                seen.add(seq)
                if seq == 2 { _ = try? await client.request(.events(Array(Event.json("c").utf8), isBatch: false)) }
                return seq < 3
            }
            #expect(seen.positions == [2, 3])
            await client.close()
        }
    }

    @Test func aCertificateThatNothingVouchesForIsRefused() async throws {
        try await TestService.run(tls: true) { service in
            var configuration = ClientConfiguration(url: BaseURL(isSecure: true, host: "127.0.0.1", port: service.server.tlsPort ?? 0))
            configuration.limits.attempts = 1
            let client = ServiceClient(configuration, log: Self.quiet)
            let error = await #expect(throws: ClientError.self) { try await client.request(.get("/healthz")) }
            guard case .unreachable(_, let reason) = error else { return #expect(Bool(false), "\(String(describing: error))") }
            #expect(reason.contains("TLS failed"))
            await client.close()
        }
    }

    @Test func aLoadIsAcknowledgedToTheLastEvent() async throws {
        try await TestService.run { service in
            var plan = LoadPlan(url: BaseURL(host: "127.0.0.1", port: service.server.cleartextPort ?? 0)) { _, number, body in
                body.writeString(Event.json("id-\(number)"))
            }
            plan.requests = 500
            let report = try await LoadDriver.run(plan)
            #expect(report.statuses == [200: 500])
            #expect(service.log.eventCount == 500)
        }
    }

    @Test func theServiceLivesAsLongAsItsGroup() async throws {
        var configuration = ServerConfiguration()
        configuration.cleartext = .init(host: "127.0.0.1", port: 0)
        let parts = ServiceParts(log: MemoryLog(), plane: TwinPlane()) { (_: String) throws(PolicyProblems) in [] }
        let (started, starting) = AsyncStream.makeStream(of: HTTPServer.self)
        let group = ServiceGroup(
            configuration: .init(
                services: [HTTPServerService(configuration, parts: parts, log: Self.quiet) { starting.yield($0) }], logger: Self.quiet))
        let running = Task {
            defer { starting.finish() }
            try await group.run()
        }
        var iterator = started.makeAsyncIterator()
        guard let server = await iterator.next() else {
            try await running.value
            throw CancellationError()
        }
        let response = try await TestClient(wire: .http2, port: server.cleartextPort ?? 0).get("/healthz")
        #expect(response.status == 200)
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(server.connectionCount == 0)
    }

    @Test func aPortThatIsTakenIsNamed() async throws {
        try await TestService.run { service in
            var configuration = ServerConfiguration()
            configuration.cleartext = .init(host: "127.0.0.1", port: service.server.cleartextPort ?? 0)
            let parts = ServiceParts(log: MemoryLog(), plane: TwinPlane()) { (_: String) throws(PolicyProblems) in [] }
            let fault = await #expect(throws: HTTPServer.BindFault.self) {
                try await HTTPServer.start(configuration, parts: parts, log: Self.quiet)
            }
            #expect(fault?.description.contains("127.0.0.1:\(service.server.cleartextPort ?? 0)") == true)
            // The port of the first is still served.
            let response = try await service.client().get("/healthz")
            #expect(response.status == 200)
        }
    }

    private final class Seen: Sendable {
        private let state = Mutex<[Position]>([])
        func add(_ position: Position) { state.withLock { $0.append(position) } }
        var positions: [Position] { state.withLock { $0 } }
    }
}
