import Domain
import Foundation
import Kubernetes
import KubernetesTwin
import Logging
import Machine
import Testing

/// Where contracts are tested: on the twin always, and on the server of `GREENROOM_TEST_KUBECONFIG` where that is set.
enum Backend: String, CustomStringConvertible, Sendable {
    case twin
    case real

    var description: String { rawValue }

    static let kubeconfig = ProcessInfo.processInfo.environment["GREENROOM_TEST_KUBECONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    static let available: [Backend] = kubeconfig == nil ? [.twin] : [.twin, .real]
}

/// A server and a client of it. `close()` it.
final class TestCluster: Sendable {
    let backend: Backend
    let twin: KubernetesTwin?
    let client: KubernetesClient
    /// Begins the names of everything a test makes.
    let prefix = "greenroom-\(UInt32.random(in: 0 ... .max))"

    init(_ backend: Backend = .twin, limits: KubernetesClientLimits = .quick) async throws {
        self.backend = backend
        var configuration = KubernetesTwin.Configuration()
        configuration.controllerNodes = ["node-a", "node-b"]
        configuration.makesPodsReady = false
        twin = backend == .twin ? try await KubernetesTwin.start(configuration) : nil
        let access = try twin?.access() ?? Kubeconfig.access(file: Backend.kubeconfig ?? "")
        client = try KubernetesClient(access, limits: limits, logger: .silent)
    }

    var namespace: String { client.access.namespace }

    func close() async {
        await client.close()
        await twin?.stop()
    }

    func createDeployment(_ name: String, replicas: Int) async throws -> KubernetesObject {
        let group = KubernetesResource(group: "apps", version: "v1", plural: "deployments")
        let labels: JSONValue = ["greenroom-test": .string(name)]
        return try await client.create(
            group, namespace: namespace,
            [
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": .string(name)],
                "spec": [
                    "replicas": JSONValue(replicas), "selector": ["matchLabels": labels],
                    "template": [
                        "metadata": ["labels": labels], "spec": ["containers": [["name": "c", "image": "registry.invalid/none"]]],
                    ],
                ],
            ])
    }
}

extension KubernetesClientLimits {
    static let quick: KubernetesClientLimits = {
        var limits = KubernetesClientLimits()
        limits.readTimeout = .seconds(10)
        limits.watchTimeout = .seconds(60)
        limits.watchGrace = .seconds(5)
        return limits
    }()
}

extension Logger {
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

extension KubernetesTwin {
    /// With a client of its own limits.
    func client(token: String = "admintoken", limits: KubernetesClientLimits = .quick, clock: MonotonicClock = .real) throws
        -> KubernetesClient
    {
        try KubernetesClient(access(token: token), limits: limits, clock: clock, logger: .silent)
    }
}
