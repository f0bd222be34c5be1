import Basics
import Domain

// Where in the API does something lie?
//
// Resources are addressed by plural name, not by kind; which plural a kind has is the server's to say (`ResourceDiscovery`).
// Every part of a path is percent-encoded, so that no name can leave its place in it.

package struct KubernetesResource: Hashable, Sendable {
    /// Empty for the core group.
    package var group: String
    package var version: String
    package var plural: String
    package var isNamespaced: Bool

    package init(group: String, version: String, plural: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.plural = plural
        self.isNamespaced = isNamespaced
    }

    package static let pods = KubernetesResource(group: "", version: "v1", plural: "pods")
    package static let nodes = KubernetesResource(group: "", version: "v1", plural: "nodes", isNamespaced: false)
    package static let leases = KubernetesResource(group: "coordination.k8s.io", version: "v1", plural: "leases")
    package static let configMaps = KubernetesResource(group: "", version: "v1", plural: "configmaps")
    package static let tokenReviews = KubernetesResource(
        group: "authentication.k8s.io", version: "v1", plural: "tokenreviews", isNamespaced: false)
    package static let subjectAccessReviews = KubernetesResource(
        group: "authorization.k8s.io", version: "v1", plural: "subjectaccessreviews", isNamespaced: false)
    /// Those of core/v1: of one Event both count and message may be raised.
    package static let events = KubernetesResource(group: "", version: "v1", plural: "events")
    /// Policies as objects.
    package static let autoscalers = KubernetesResource(group: "greenroom.dev", version: "v1", plural: "workerpoolautoscalers")

    /// As error texts name it: `workerpools.ate.dev`.
    package var qualifiedName: String { group.isEmpty ? plural : "\(plural).\(group)" }

    /// - Parameter namespace: nil for all namespaces, and for what has none.
    func path(namespace: String?, name: String? = nil, subresource: String? = nil) -> String {
        var parts = group.isEmpty ? ["api", version] : ["apis", group, version]
        if isNamespaced, let namespace { parts += ["namespaces", namespace] }
        parts.append(plural)
        if let name { parts.append(name) }
        if let subresource { parts.append(subresource) }
        return "/" + parts.map { PercentCoding.encode($0) }.joined(separator: "/")
    }
}

/// `GROUP/VERSION` or `VERSION`, as `apiVersion` has it.
struct GroupVersion: Hashable, Sendable {
    var group: String
    var version: String

    init(_ apiVersion: String) {
        let parts = apiVersion.split(separator: "/", maxSplits: 1).map(String.init)
        group = parts.count == 2 ? parts[0] : ""
        version = parts.last ?? ""
    }

    var path: String {
        "/" + (group.isEmpty ? ["api", version] : ["apis", group, version]).map { PercentCoding.encode($0) }.joined(separator: "/")
    }
}

extension PercentCoding {
    /// `?a=b&c=d`; nothing where there are no items.
    static func query(_ items: [(name: String, value: String)]) -> String {
        items.isEmpty ? "" : "?" + items.map { "\(encode($0.name))=\(encode($0.value))" }.joined(separator: "&")
    }
}
