package import Domain
import Foundation
package import Kubernetes
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

// An API server in memory, over real TLS sockets.
//
// `KubernetesTwin` holds a `TwinAPI` under a lock and serves it on loopback. Tests seed it, change it behind the client's
// back, cut it off, slow it down, and look at what it was asked. Changes reach watches in order: their lines are handed to the
// watch's event loop while the lock is held.

package final class KubernetesTwin: Sendable {
    /// Requests remembered, at most; the oldest go.
    package static let requestsKept = 10_000

    package struct Configuration: Sendable {
        package var resources = TwinResource.all
        /// By token.
        package var users: [String: TwinUser] = ["admintoken": .admin, "viewertoken": .viewer]
        /// Only clients with a certificate of the twin's authority get in; without a token they are admin.
        package var requiresClientCertificate = false
        package var certificates: TwinCertificates?
        /// The version of the first write is the one after.
        package var firstVersion = 100
        package var bookmarksEvery = Duration.seconds(60)
        /// Makes pods for targets; nil leaves them to the test.
        package var controllerNodes: [String]?
        /// Pods that the controller makes are ready at once.
        package var makesPodsReady = true
        /// 0 lets the system choose.
        package var port = 0
        package init() {}
    }

    package let port: Int
    package let certificates: TwinCertificates
    private let core: TwinCore
    private let channel: any Channel

    package var server: String { "https://127.0.0.1:\(port)" }

    private init(_ core: TwinCore, _ channel: any Channel, _ certificates: TwinCertificates) {
        self.core = core
        self.channel = channel
        self.certificates = certificates
        port = channel.localAddress?.port ?? 0
    }

    package static func start(_ configuration: Configuration = Configuration()) async throws -> KubernetesTwin {
        let certificates = try configuration.certificates ?? TwinCertificates.shared()
        let core = TwinCore(configuration)
        let context = try NIOSSLContext(configuration: tls(certificates, configuration.requiresClientCertificate))
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    // Without it a connection goes on reading during a watch, and so hears that its client left.
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try channel.pipeline.syncOperations.addHandler(TwinConnection(core))
                    core.opened(channel)
                }
            }
            .bind(host: "127.0.0.1", port: configuration.port).get()
        return KubernetesTwin(core, channel, certificates)
    }

    private static func tls(_ certificates: TwinCertificates, _ requiresClient: Bool) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(certificates.server).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: certificates.serverKey, format: .pem)))
        if requiresClient {
            tls.certificateVerification = .noHostnameVerification
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(certificates.authority))
        }
        return tls
    }

    /// Closes every connection and stops listening.
    package func stop() async {
        try? await channel.close()
        core.closeConnections()
    }

    // MARK: - How clients reach it

    package func access(token: String = "admintoken", namespace: String = "default") -> ClusterAccess {
        ClusterAccess(server: server, namespace: namespace, trust: .authorities(certificates.authority), credential: .token(Secret(token)))
    }

    /// A kubeconfig that needs nothing beside it.
    package func kubeconfig(token: String = "admintoken", namespace: String = "default") -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: twin
        contexts: [{name: twin, context: {cluster: twin, user: user, namespace: \(namespace)}}]
        clusters: [{name: twin, cluster: {server: "\(server)", certificate-authority-data: \(Data(certificates.authority).base64EncodedString())}}]
        users: [{name: user, user: {token: \(token)}}]
        """
    }

    // MARK: - What is in it

    package var version: Int { core.read { $0.store.version } }

    package func object(_ resource: TwinResource, _ namespace: String? = "default", _ name: String) -> KubernetesObject? {
        core.read { $0.store.object(resource, namespace, name) }
    }

    package func objects(_ resource: TwinResource, _ namespace: String? = nil) -> [KubernetesObject] {
        core.read { api in (try? Selector(labels: nil, fields: nil)).map { api.store.list(resource, namespace, $0) } ?? [] }
    }

    /// Puts an object there as it is.
    package func seed(_ resource: TwinResource, _ object: JSONValue) { core.write { $0.store.seed(resource, object) } }

    /// Changes an object behind the clients' backs; status too. An object that isn't there stays so.
    package func edit(
        _ resource: TwinResource, _ namespace: String? = "default", _ name: String, _ change: (inout KubernetesObject) -> Void
    ) {
        core.write { api in
            _ = try? api.store.replace(resource, namespace, name, expected: nil) { before throws(TwinStatus) in
                var after = before
                change(&after)
                return after.json
            }
        }
    }

    package func delete(_ resource: TwinResource, _ namespace: String? = "default", _ name: String) {
        core.write { _ = try? $0.store.delete(resource, namespace, name) }
    }

    /// Scheduled, started and ready, as its kubelet would report.
    package func makeReady(pod name: String, _ namespace: String = "default", node: String, ip: String = "10.0.0.9") {
        edit(.pods, namespace, name) { $0 = PoolController.running($0, node: node, ip: ip) }
    }

    /// Forgets the past: watches can't begin there any more.
    package func compact() { core.write { $0.store.compact() } }
    /// As if something else had been written.
    package func skipVersions(_ count: Int) { core.write { $0.store.skipVersions(count) } }

    /// Requests for its group go to the extension from now on.
    package func register(_ aggregator: TwinAggregator?) { core.register(aggregator) }

    // MARK: - Trouble

    package func inject(_ fault: TwinFault) { core.inject(fault) }
    package func heal() { core.heal() }
    package func sendBookmarks() { core.sendBookmarks() }
    /// Ends watches: in good order, or in the middle of a line.
    package func endWatches(cut: Bool) { core.endWatches(cut: cut) }
    /// Cuts every connection there is.
    package func cutConnections() { core.closeConnections() }
    /// Requests whose answer was delayed and is still to come.
    package var underWay: Int { core.underWay }
    package var watchers: Int { core.watcherCount }
    /// TLS connections that it has accepted so far.
    package var connectionsOpened: Int { core.connectionsOpened }
    /// What it was asked of resources: `VERB GROUP RESOURCE`, as RBAC has them.
    package var rightsUsed: Set<String> {
        let resources = core.read { $0.resources }
        return Set(
            requests.compactMap { request in
                TwinPlace(path: request.path, resources: resources).map { place in
                    "\(TwinAPI.verb(request, place)) \(place.resource.group) \(place.resource.plural)\(place.subresource.map { "/\($0)" } ?? "")"
                }
            })
    }

    /// Creates an object as `kubectl create` would, or replaces its spec.
    package func apply(_ resource: TwinResource, _ object: JSONValue) {
        let wanted = KubernetesObject(object)
        guard self.object(resource, wanted.namespace, wanted.name) == nil else {
            return edit(resource, wanted.namespace, wanted.name) { $0["spec"] = object["spec"] }
        }
        core.write { api in _ = try? api.store.create(resource, wanted.namespace, object, at: String(api.time().rfc3339.prefix(19)) + "Z") }
    }

    /// What it was asked, oldest first.
    package var requests: [TwinRequest] { core.requests }
}
