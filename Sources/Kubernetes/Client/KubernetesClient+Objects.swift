import Basics
package import Domain

// What can be done with objects?
//
// The verbs of the API: get, list, create, update, patch, delete. An update is conditional where its object carries a
// resourceVersion; so is a patch. Lists come page by page and stop at a limit.

extension KubernetesClient {
    /// Objects of one list taken together, at most.
    package static let listItems = 200_000

    package func get(_ resource: KubernetesResource, namespace: String? = nil, name: String, subresource: String? = nil)
        async throws(KubernetesError) -> KubernetesObject
    {
        KubernetesObject(
            try await send(Request(method: .GET, path: resource.path(namespace: namespace, name: name, subresource: subresource))))
    }

    /// One page.
    package func page(
        _ resource: KubernetesResource, namespace: String? = nil, selection: Selection = Selection(), limit: Int, after next: String? = nil
    ) async throws(KubernetesError) -> KubernetesList {
        var query = selection.query
        query.append(("limit", "\(limit)"))
        if let next { query.append(("continue", next)) }
        return KubernetesList(try await send(Request(method: .GET, path: resource.path(namespace: namespace) + PercentCoding.query(query))))
    }

    /// All pages: what the server held at the first one's resource version. Begins anew once where the pages ran out of time.
    package func list(_ resource: KubernetesResource, namespace: String? = nil, selection: Selection = Selection())
        async throws(KubernetesError) -> KubernetesList
    {
        do throws(KubernetesError) { return try await pages(resource, namespace, selection) } catch {
            guard error.isExpired else { throw error }
            return try await pages(resource, namespace, selection)
        }
    }

    private func pages(_ resource: KubernetesResource, _ namespace: String?, _ selection: Selection) async throws(KubernetesError)
        -> KubernetesList
    {
        var list = try await page(resource, namespace: namespace, selection: selection, limit: limits.pageItems)
        while let next = list.next {
            let more = try await page(resource, namespace: namespace, selection: selection, limit: limits.pageItems, after: next)
            guard list.items.count + more.items.count <= Self.listItems else {
                throw KubernetesError(
                    "list \(resource.qualifiedName)", .malformed("more than \(Self.listItems) objects: narrow the selector"))
            }
            list.items += more.items
            list.next = more.next
        }
        return list
    }

    package func create(_ resource: KubernetesResource, namespace: String? = nil, _ object: JSONValue) async throws(KubernetesError)
        -> KubernetesObject
    {
        KubernetesObject(try await send(Request(method: .POST, path: resource.path(namespace: namespace), body: object)))
    }

    package func update(
        _ resource: KubernetesResource, namespace: String? = nil, name: String, subresource: String? = nil, _ object: JSONValue
    ) async throws(KubernetesError) -> KubernetesObject {
        KubernetesObject(
            try await send(
                Request(method: .PUT, path: resource.path(namespace: namespace, name: name, subresource: subresource), body: object)))
    }

    /// JSON merge patch (RFC 7386).
    package func patch(
        _ resource: KubernetesResource, namespace: String? = nil, name: String, subresource: String? = nil, _ patch: JSONValue
    ) async throws(KubernetesError) -> KubernetesObject {
        let path = resource.path(namespace: namespace, name: name, subresource: subresource)
        return KubernetesObject(
            try await send(Request(method: .PATCH, path: path, body: patch, contentType: "application/merge-patch+json")))
    }

    package func delete(_ resource: KubernetesResource, namespace: String? = nil, name: String) async throws(KubernetesError) {
        _ = try await send(Request(method: .DELETE, path: resource.path(namespace: namespace, name: name)))
    }

    /// Only if it still is this very object, in this version; else a conflict.
    package func delete(_ resource: KubernetesResource, namespace: String? = nil, exactly object: KubernetesObject)
        async throws(KubernetesError)
    {
        let options: JSONValue = [
            "apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": ["uid": .string(object.uid), "resourceVersion": .string(object.resourceVersion)],
        ]
        _ = try await send(Request(method: .DELETE, path: resource.path(namespace: namespace, name: object.name), body: options))
    }

    /// Which objects of a resource.
    package struct Selection: Hashable, Sendable {
        package var labels: String?
        package var fields: String?

        package init(labels: String? = nil, fields: String? = nil) {
            self.labels = labels
            self.fields = fields
        }

        package static func named(_ name: String) -> Selection { Selection(fields: "metadata.name=\(name)") }

        var query: [(name: String, value: String)] {
            var query: [(name: String, value: String)] = []
            if let labels, !labels.isEmpty { query.append(("labelSelector", labels)) }
            if let fields, !fields.isEmpty { query.append(("fieldSelector", fields)) }
            return query
        }
    }
}
