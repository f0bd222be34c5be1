package import SubstrateGateway
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import protocol NIOCore.Channel
package import KubernetesTwin
import SwiftProtobuf
import Synchronization

// ateapi in memory, over real TLS sockets, by an implementation of gRPC that isn't the gateway's.
//
// Its state outlives `restart`, as the real one's lies in Redis. A test says how long the node's agent takes and what it answers, looks at what was
// asked, and cuts connections. A resume whose caller goes away is cancelled, as the real one cancels it.

package final class AteapiTwin: Sendable {
    package struct Behaviour: Sendable {
        package var restore = Duration.milliseconds(20)
        package var checkpoint = Duration.milliseconds(10)
        /// Before every answer.
        package var latency = Duration.zero
        /// The real one's 28 s.
        package var whole = Duration.seconds(28)
        /// What the node's agent answers to the next restores of an actor, one each.
        package var restoreFaults: [ActorKey: [AteapiStore.Fault]] = [:]
        /// `Bearer` that is asked for; nil for none.
        package var token: String?
        /// Only clients with a certificate of the twin's authority get in; looked at when it starts.
        package var requiresClientCertificate = false
        package init() {}
    }

    package struct Call: Sendable {
        package var method: String
        package var metadata: [String: String]
    }

    private struct State {
        var store = AteapiStore()
        var behaviour = Behaviour()
        var calls: [Call] = []
        var running: (server: GRPCServer<HTTP2ServerTransport.Posix>, task: Task<Void, any Error>)?
        var port = 0
        /// Connections that were accepted since it started.
        var channels: [any Channel] = []
    }

    private let state = Mutex(State())
    package let certificates: TwinCertificates

    package init() throws { certificates = try TwinCertificates.shared() }

    // MARK: - Its life

    package var port: Int { state.withLock { $0.port } }

    package func start() async throws {
        let transport = HTTP2ServerTransport.Posix(
            address: .ipv4(host: "127.0.0.1", port: port),
            transportSecurity: security(),
            config: .defaults { config in
                config.http2.maxConcurrentStreams = 10_000
                config.connection.flushCoalescing = nil
                config.channelDebuggingCallbacks.onAcceptTCPConnection = { [weak self] channel in
                    self?.state.withLock { $0.channels.append(channel) }
                    return channel.eventLoop.makeSucceededVoidFuture()
                }
            })
        let server = GRPCServer(transport: transport, services: [AteapiService(twin: self), EchoService()])
        let task = Task { try await server.serve() }
        let address = try await transport.listeningAddress
        state.withLock { state in
            state.port = address.ipv4?.port ?? 0
            state.running = (server, task)
        }
    }

    private func security() -> HTTP2ServerTransport.Posix.TransportSecurity {
        let chain = [TLSConfig.CertificateSource.bytes(certificates.server, format: .pem)]
        let key = TLSConfig.PrivateKeySource.bytes(certificates.serverKey, format: .pem)
        guard behaviour.requiresClientCertificate else { return .tls(certificateChain: chain, privateKey: key) }
        return .mTLS(certificateChain: chain, privateKey: key) { [certificates] tls in
            tls.trustRoots = .certificates([.bytes(certificates.authority, format: .pem)])
            tls.clientCertificateVerification = .noHostnameVerification
        }
    }

    /// Ends it as a killed process does: calls under way are cut.
    package func kill() async {
        let running = state.withLock { state in
            defer { state.running = nil }
            return state.running
        }
        guard let running else { return }
        // Not by cancelling the server's task: NIO traps where a stream comes in at that moment.
        running.server.beginGracefulShutdown()
        let cutting = Task {
            while !Task.isCancelled {
                let channels = state.withLock { state in
                    defer { state.channels = [] }
                    return state.channels
                }
                for channel in channels { channel.close(promise: nil) }
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
        _ = await running.task.result
        cutting.cancel()
    }

    package func stop() async { await kill() }

    // MARK: - What a test changes and sees

    package func change<Response>(_ change: (inout AteapiStore) throws -> Response) rethrows -> Response {
        try state.withLock { try change(&$0.store) }
    }
    package func read<Response>(_ read: (AteapiStore) throws -> Response) rethrows -> Response { try state.withLock { try read($0.store) } }
    package func behave(_ change: (inout Behaviour) -> Void) { state.withLock { change(&$0.behaviour) } }
    package var behaviour: Behaviour { state.withLock { $0.behaviour } }
    package var running: Int { state.withLock { $0.store.actors.values.count { $0.status == .running } } }
    package var resuming: Int { state.withLock { $0.store.actors.values.count { $0.status == .resuming } } }
    package var calls: [Call] { state.withLock { $0.calls } }
    package func count(_ method: String) -> Int { state.withLock { $0.calls.count { $0.method == method } } }

    /// A template `demo/counter` and pools of one class and one label.
    package func seed(pools: [String] = ["demo/pool-a"], atespaces: [String] = ["team-a"], actors: Int = 0) {
        change { store in
            store.templates["demo/counter"] = .init(sandboxClass: "gvisor", selector: ["tier": "cpu"])
            for pool in pools { store.pools[pool] = .init(name: pool, sandboxClass: "gvisor", labels: ["tier": "cpu"]) }
            for atespace in atespaces { _ = try? store.createAtespace(atespace) }
            for number in 0..<actors {
                _ = try? store.create(
                    .with {
                        $0.actorRef.atespace = atespaces[0]
                        $0.actorRef.name = "a\(number)"
                        $0.actorTemplateNamespace = "demo"
                        $0.actorTemplateName = "counter"
                    })
            }
        }
    }

    package func addWorkers(_ count: Int, pool: String = "demo/pool-a", node: String = "node-a", prefix: String = "w") {
        let parts = pool.split(separator: "/").map(String.init)
        change { store in
            for number in 0..<count {
                store.register(
                    pod: "\(prefix)-\(number)", namespace: parts[0], pool: parts[1], node: node,
                    ip: "127.20.\(number / 250).\(number % 250)",
                    uid: "\(prefix)-uid-\(number)")
            }
        }
    }

    // MARK: - For the service

    func note(_ method: String, _ metadata: Metadata) {
        var kept: [String: String] = [:]
        for (key, value) in metadata {
            if case .string(let text) = value { kept[key] = text }
        }
        state.withLock { $0.calls.append(Call(method: method, metadata: kept)) }
    }

    func nextRestoreFault(_ key: ActorKey) -> AteapiStore.Fault? {
        state.withLock { state in
            guard var faults = state.behaviour.restoreFaults[key], !faults.isEmpty else { return nil }
            let fault = faults.removeFirst()
            state.behaviour.restoreFaults[key] = faults
            return fault
        }
    }
}
