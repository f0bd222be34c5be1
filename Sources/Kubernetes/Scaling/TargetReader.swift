import Autoscaling
import Domain
package import ControlLoop

// Where is a pool's target, and what does its `/scale` say?

/// A scale target in the API. Its namespace is the pool's.
package struct KubernetesTarget: Hashable, Sendable, CustomStringConvertible {
    package var resource: KubernetesResource
    package var kind: String
    package var namespace: String
    package var name: String
    package var description: String { "\(kind) \(namespace)/\(name)" }
    /// StatefulSets end their highest ordinals, whatever their pods cost.
    var removesHighestOrdinal: Bool { ScaleTarget.endsHighestOrdinal(kind: kind) }
    /// agent-substrate's.
    var isWorkerPool: Bool { resource.group == "ate.dev" && kind == "WorkerPool" }
    var isReplicationController: Bool { resource.group.isEmpty && kind == "ReplicationController" }
    /// Kubernetes' own, agent-substrate's and Agent Sandbox' kinds; of others only `/scale` knows where their replicas are.
    var keepsReplicasInSpec: Bool { isReplicationController || ["apps", "ate.dev", "extensions.agents.x-k8s.io"].contains(resource.group) }
    /// They leave `status.readyReplicas` out where it is 0; with others that means that they don't say.
    var leavesZeroOut: Bool { isReplicationController || ["apps", "extensions.agents.x-k8s.io"].contains(resource.group) }
}

/// `autoscaling/v1 Scale`.
package struct Scale: Hashable, Sendable {
    package var object: KubernetesObject
    package var specReplicas: Int
    package var statusReplicas: Int
    /// Which pods are its; empty where it doesn't say.
    package var selector: String

    init(_ object: KubernetesObject) {
        self.object = object
        // A zero is left out of what Kubernetes' own types write.
        specReplicas = object["spec"]["replicas"].replicas ?? 0
        statusReplicas = object["status"]["replicas"].replicas ?? 0
        selector = object["status"]["selector"].string ?? ""
    }
}

package struct TargetReader: Sendable {
    let client: KubernetesClient
    let discovery: ResourceDiscovery

    package init(_ client: KubernetesClient) {
        self.client = client
        discovery = ResourceDiscovery(client)
    }

    /// The pool's own.
    func namespace(of pool: ActuatedPool) -> String {
        pool.name.split(separator: "/", maxSplits: 1).first.map(String.init) ?? client.access.namespace
    }

    package func target(of pool: ActuatedPool) async throws(KubernetesError) -> KubernetesTarget {
        let found = try await discovery.find(apiVersion: pool.target.apiVersion, kind: pool.target.kind, needsScale: true)
        guard found.hasScale else {
            let message = "\(pool.target.kind) in \(pool.target.apiVersion) has no /scale subresource, so its size can't be set"
            throw KubernetesError("scale of \(pool.name)", .status(.init(code: 404, reason: KubernetesError.noScale, message: message)))
        }
        return KubernetesTarget(resource: found.resource, kind: pool.target.kind, namespace: namespace(of: pool), name: pool.target.name)
    }

    package func scale(of target: KubernetesTarget) async throws(KubernetesError) -> Scale {
        Scale(try await client.get(target.resource, namespace: target.namespace, name: target.name, subresource: "scale"))
    }

    func object(of target: KubernetesTarget) async throws(KubernetesError) -> KubernetesObject {
        try await client.get(target.resource, namespace: target.namespace, name: target.name)
    }
}

extension KubernetesObject {
    /// What a target of this kind says of its ready workers; nil where it doesn't say. Its `status.replicas` may count pods that aren't
    /// started yet.
    func readyReplicas(of target: KubernetesTarget) -> Int? { self["status"]["readyReplicas"].replicas ?? (target.leavesZeroOut ? 0 : nil) }
}

extension JSONValue {
    /// A number of replicas, which Kubernetes holds in 31 bits: a custom resource may hold any number there.
    var replicas: Int? { int.map { min(max($0, 0), Int(Int32.max)) } }
}
