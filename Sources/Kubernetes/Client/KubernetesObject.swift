// Which object is this, and in which version?
//
// Any object of the API server: its metadata by name, the rest as it came.

public struct KubernetesObject: Hashable, Sendable {
    public var json: JSONValue

    public init(_ json: JSONValue) { self.json = json }

    public subscript(_ name: String) -> JSONValue {
        get { json[name] }
        set { json[name] = newValue }
    }

    public var metadata: JSONValue { json["metadata"] }
    public var name: String { metadata["name"].string ?? "" }
    public var namespace: String { metadata["namespace"].string ?? "" }
    public var uid: String { metadata["uid"].string ?? "" }
    /// Opaque: only good for asking whether it is the same, and to be given back.
    public var resourceVersion: String { metadata["resourceVersion"].string ?? "" }
    public var labels: [String: String] { metadata["labels"].strings }
    public var annotations: [String: String] { metadata["annotations"].strings }
    public var isBeingDeleted: Bool { !metadata["deletionTimestamp"].isNull }
    /// What tells it from others of its kind.
    public var key: String { namespace.isEmpty ? name : "\(namespace)/\(name)" }
}

/// One page of a list.
public struct KubernetesList: Sendable {
    public var items: [KubernetesObject]
    public var resourceVersion: String
    /// Where the next page begins; nil after the last.
    public var next: String?

    init(_ json: JSONValue) {
        items = json["items"].array.map(KubernetesObject.init)
        resourceVersion = json["metadata"]["resourceVersion"].string ?? ""
        next = json["metadata"]["continue"].string.flatMap { $0.isEmpty ? nil : $0 }
    }
}
