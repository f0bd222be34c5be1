import Domain
import Synchronization

// Which plural does this kind have, and can it be scaled?
//
// Asked of the server once per group and version, and kept: names of resources don't change while a cluster runs. A kind that
// isn't there, or has no `/scale` where that is needed, is asked for again each time: a custom resource may be installed or
// amended later.

package final class ResourceDiscovery: Sendable {
    /// Group versions kept.
    package static let groupsKept = 256

    package struct Found: Hashable, Sendable {
        package var resource: KubernetesResource
        package var hasScale: Bool
    }

    private let client: KubernetesClient
    private let known = Mutex<[GroupVersion: [String: Found]]>([:])

    package init(_ client: KubernetesClient) { self.client = client }

    /// - Parameter needsScale: whether what is kept does only where it has a `/scale`.
    package func find(apiVersion: String, kind: String, needsScale: Bool = false) async throws(KubernetesError) -> Found {
        let group = GroupVersion(apiVersion)
        if let found = known.withLock({ $0[group]?[kind] }), found.hasScale || !needsScale { return found }
        let request = KubernetesClient.Request(method: .GET, path: group.path)
        let list: JSONValue
        do throws(KubernetesError) { list = try await client.send(request) } catch {
            guard error.isNotFound else { throw error }
            throw KubernetesError(
                request.operation,
                .status(.init(code: 404, reason: KubernetesError.unknownKind, message: "the server serves no \(apiVersion)")))
        }
        let found = Self.kinds(of: list, group)
        known.withLock { known in
            if known.count >= Self.groupsKept { known = [:] }
            known[group] = found
        }
        if let found = found[kind] { return found }
        let message = "no kind \(kind) in \(apiVersion)"
        throw KubernetesError(request.operation, .status(.init(code: 404, reason: KubernetesError.unknownKind, message: message)))
    }

    private static func kinds(of list: JSONValue, _ group: GroupVersion) -> [String: Found] {
        let resources = list["resources"].array
        let scaled = Set(resources.compactMap { $0["name"].string }.filter { $0.hasSuffix("/scale") }.map { String($0.dropLast(6)) })
        var kinds: [String: Found] = [:]
        for resource in resources {
            guard let name = resource["name"].string, let kind = resource["kind"].string, !name.contains("/") else { continue }
            let isNamespaced = resource["namespaced"].bool ?? true
            kinds[kind] = Found(
                resource: KubernetesResource(group: group.group, version: group.version, plural: name, isNamespaced: isNamespaced),
                hasScale: scaled.contains(name))
        }
        return kinds
    }
}
