public import ControlLoop

// Where is a pool's target, and what does its `/scale` say?

/// A scale target in the API. Its namespace is the pool's.
public struct KubernetesTarget: Hashable, Sendable, CustomStringConvertible {
    public var resource: KubernetesResource
    public var kind: String
    public var namespace: String
    public var name: String
    public var description: String { "\(kind) \(namespace)/\(name)" }
    /// StatefulSets end their highest ordinals, whatever their pods cost.
    var removesHighestOrdinal: Bool { kind == "StatefulSet" }
}

/// `autoscaling/v1 Scale`.
public struct Scale: Hashable, Sendable {
    public var object: KubernetesObject
    public var specReplicas: Int
    public var statusReplicas: Int
    /// Which pods are its; empty where it doesn't say.
    public var selector: String

    init(_ object: KubernetesObject) {
        self.object = object
        // A zero is left out of what Kubernetes' own types write.
        specReplicas = object["spec"]["replicas"].replicas ?? 0
        statusReplicas = object["status"]["replicas"].replicas ?? 0
        selector = object["status"]["selector"].string ?? ""
    }
}

public struct TargetReader: Sendable {
    let client: KubernetesClient
    let discovery: ResourceDiscovery

    public init(_ client: KubernetesClient) {
        self.client = client
        discovery = ResourceDiscovery(client)
    }

    public func target(of pool: ActuatedPool) async throws(KubernetesError) -> KubernetesTarget {
        let found = try await discovery.find(apiVersion: pool.target.apiVersion, kind: pool.target.kind)
        guard found.hasScale else {
            let message = "\(pool.target.kind) in \(pool.target.apiVersion) has no /scale subresource, so its size can't be set"
            throw KubernetesError("scale of \(pool.name)", .status(.init(code: 404, reason: "NotFound", message: message)))
        }
        let namespace = pool.name.split(separator: "/", maxSplits: 1).first.map(String.init) ?? client.access.namespace
        return KubernetesTarget(resource: found.resource, kind: pool.target.kind, namespace: namespace, name: pool.target.name)
    }

    public func scale(of target: KubernetesTarget) async throws(KubernetesError) -> Scale {
        Scale(try await client.get(target.resource, namespace: target.namespace, name: target.name, subresource: "scale"))
    }

    func object(of target: KubernetesTarget) async throws(KubernetesError) -> KubernetesObject {
        try await client.get(target.resource, namespace: target.namespace, name: target.name)
    }
}

extension KubernetesObject {
    /// What the target says of its ready workers. Kubernetes' own kinds leave a zero out; a custom resource without the field
    /// has only its replicas to say.
    var readyReplicas: Int {
        let status = self["status"]
        if let ready = status["readyReplicas"].replicas { return ready }
        return self["apiVersion"].string?.hasPrefix("apps/") == true ? 0 : status["replicas"].replicas ?? 0
    }
}

extension JSONValue {
    /// A number of replicas, which Kubernetes holds in 31 bits: a custom resource may hold any number there.
    var replicas: Int? { int.map { min(max($0, 0), Int(Int32.max)) } }
}
