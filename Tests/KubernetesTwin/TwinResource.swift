import Kubernetes

// Which resources does the twin serve, and how do they differ?

package struct TwinResource: Hashable, Sendable {
    package var group: String
    package var version: String
    package var plural: String
    package var kind: String
    package var isNamespaced = true
    /// A custom resource: its lists carry `continue`, its items their kind, and updates must name a version.
    package var isCustom = false
    package var hasScale = false
    /// Where its CRD says that `/scale` finds the selector; without it `/scale` has none.
    package var hasSelectorPath = false
    /// `metadata.generation` rises with the spec.
    package var hasGeneration = false

    package init(
        _ group: String, _ version: String, _ plural: String, _ kind: String, isNamespaced: Bool = true, isCustom: Bool = false,
        hasScale: Bool = false,
        hasSelectorPath: Bool = false, hasGeneration: Bool = false
    ) {
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
        self.isNamespaced = isNamespaced
        self.isCustom = isCustom
        self.hasScale = hasScale
        self.hasSelectorPath = hasSelectorPath
        self.hasGeneration = hasGeneration
    }

    package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }
    var qualified: String { group.isEmpty ? plural : "\(plural).\(group)" }
    var qualifiedKind: String { group.isEmpty ? kind : "\(kind).\(group)" }

    /// Its CRD declares no labelSelectorPath.
    package static let workerPools = TwinResource(
        "ate.dev", "v1alpha1", "workerpools", "WorkerPool", isCustom: true, hasScale: true, hasGeneration: true)
    package static let sandboxWarmPools = TwinResource(
        "extensions.agents.x-k8s.io", "v1alpha1", "sandboxwarmpools", "SandboxWarmPool", isCustom: true, hasScale: true,
        hasSelectorPath: true, hasGeneration: true)
    package static let sandboxes = TwinResource("agents.x-k8s.io", "v1beta1", "sandboxes", "Sandbox", isCustom: true, hasGeneration: true)
    /// Their stored version; the pools above are served in the older one as well.
    package static let sandboxClaims = TwinResource(
        "extensions.agents.x-k8s.io", "v1beta1", "sandboxclaims", "SandboxClaim", isCustom: true, hasGeneration: true)
    package static let deployments = TwinResource("apps", "v1", "deployments", "Deployment", hasScale: true, hasGeneration: true)
    package static let statefulSets = TwinResource("apps", "v1", "statefulsets", "StatefulSet", hasScale: true, hasGeneration: true)
    package static let replicaSets = TwinResource("apps", "v1", "replicasets", "ReplicaSet", hasScale: true, hasGeneration: true)
    package static let pods = TwinResource("", "v1", "pods", "Pod", hasGeneration: true)
    package static let nodes = TwinResource("", "v1", "nodes", "Node", isNamespaced: false)
    package static let leases = TwinResource("coordination.k8s.io", "v1", "leases", "Lease")
    package static let events = TwinResource("events.k8s.io", "v1", "events", "Event")
    /// The same objects as a real server's; here a store of their own.
    package static let coreEvents = TwinResource("", "v1", "events", "Event")
    package static let autoscalers = TwinResource(
        "greenroom.dev", "v1", "workerpoolautoscalers", "WorkerPoolAutoscaler", isCustom: true, hasGeneration: true)

    package static let configMaps = TwinResource("", "v1", "configmaps", "ConfigMap")
    package static let apiServices = TwinResource("apiregistration.k8s.io", "v1", "apiservices", "APIService", isNamespaced: false)

    package static let all = [
        workerPools, sandboxWarmPools, sandboxClaims, sandboxes, deployments, replicaSets, statefulSets, pods, nodes, leases, events,
        coreEvents,
        autoscalers, configMaps, apiServices,
    ]
}

/// A request's place: a resource, and perhaps an object and a subresource.
struct TwinPlace: Sendable {
    var resource: TwinResource
    /// nil for all namespaces, and for what has none.
    var namespace: String?
    var name: String?
    var subresource: String?

    /// nil where nothing of the kind is served.
    init?(path: String, resources: [TwinResource]) {
        var parts = path.split(separator: "/").map { $0.removingPercent }[...]
        let root = parts.popFirst()
        guard root == "api" || root == "apis" else { return nil }
        let group = root == "api" ? "" : parts.popFirst() ?? ""
        guard let version = parts.popFirst(), !parts.isEmpty else { return nil }
        if parts.first == "namespaces", parts.count > 2 {
            parts = parts.dropFirst()
            namespace = parts.popFirst()
        }
        let plural = parts.popFirst()
        guard let found = resources.first(where: { $0.group == group && $0.version == version && $0.plural == plural }) else { return nil }
        resource = found
        name = parts.popFirst()
        subresource = parts.popFirst()
        guard parts.isEmpty, subresource == nil || subresource == "status" || (subresource == "scale" && found.hasScale) else { return nil }
    }
}

extension StringProtocol {
    /// Percent escapes undone; broken ones stay.
    var removingPercent: String {
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
