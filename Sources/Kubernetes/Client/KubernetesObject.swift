package import Domain

// Which object is this, and in which version?
//
// Any object of the API server: its metadata by name, the rest as it came.

package struct KubernetesObject: Hashable, Sendable {
    package var json: JSONValue

    package init(_ json: JSONValue) { self.json = json }

    package subscript(_ name: String) -> JSONValue {
        get { json[name] }
        set { json[name] = newValue }
    }

    package var metadata: JSONValue { json["metadata"] }
    package var name: String { metadata["name"].string ?? "" }
    package var namespace: String { metadata["namespace"].string ?? "" }
    package var uid: String { metadata["uid"].string ?? "" }
    /// Opaque: only good for asking whether it is the same, and to be given back.
    package var resourceVersion: String { metadata["resourceVersion"].string ?? "" }
    package var labels: [String: String] { metadata["labels"].strings }
    package var annotations: [String: String] { metadata["annotations"].strings }
    package var isBeingDeleted: Bool { !metadata["deletionTimestamp"].isNull }
    /// What tells it from others of its kind.
    package var key: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}

/// One page of a list.
package struct KubernetesList: Sendable {
    package var items: [KubernetesObject]
    package var resourceVersion: String
    /// Where the next page begins; nil after the last.
    package var next: String?

    init(_ json: JSONValue) {
        items = json["items"].array.map(KubernetesObject.init)
        resourceVersion = json["metadata"]["resourceVersion"].string ?? ""
        next = json["metadata"]["continue"].string.flatMap { $0.isEmpty ? nil : $0 }
    }
}
