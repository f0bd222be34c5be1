// Whose token is this, and what may they do?
//
// The two questions that a server of an aggregated API puts to the cluster: TokenReview and SubjectAccessReview. Nothing is
// stored by either and nothing is remembered here. A token is in the request's body alone: no error and no log has it.

/// Who somebody is, as the cluster knows them.
public struct ReviewedUser: Hashable, Sendable {
    public var name: String
    public var uid: String
    public var groups: [String]
    public var extra: [String: [String]]

    public init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
        self.name = name
        self.uid = uid
        self.groups = groups
        self.extra = extra
    }
}

/// What somebody wants to do with a resource.
public struct ReviewedAction: Hashable, Sendable {
    public var verb: String
    public var group: String
    public var version: String
    public var resource: String
    public var namespace: String

    public init(verb: String, group: String, version: String, resource: String, namespace: String) {
        self.verb = verb
        self.group = group
        self.version = version
        self.resource = resource
        self.namespace = namespace
    }
}

extension KubernetesClient {
    /// Who presents this bearer token; nil where the cluster knows nobody by it.
    public func reviewToken(_ token: Secret) async throws(KubernetesError) -> ReviewedUser? {
        let review = try await create(.tokenReviews, ["apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": ["token": .string(token.value)]])
        let status = review["status"]
        guard status["authenticated"].bool == true else { return nil }
        let user = status["user"]
        guard let name = user["username"].string, !name.isEmpty else { return nil }
        return ReviewedUser(
            name: name, uid: user["uid"].string ?? "", groups: user["groups"].array.compactMap(\.string),
            extra: user["extra"].members.mapValues { $0.array.compactMap(\.string) })
    }

    /// Whether the user may, and the cluster's own reason.
    public func reviewAccess(of user: ReviewedUser, to action: ReviewedAction) async throws(KubernetesError) -> (isAllowed: Bool, reason: String) {
        let attributes = [
            "namespace": action.namespace, "verb": action.verb, "group": action.group, "version": action.version, "resource": action.resource,
        ]
        var spec: JSONValue = ["user": .string(user.name), "groups": .array(user.groups.map { .string($0) }), "resourceAttributes": JSONValue(attributes)]
        if !user.uid.isEmpty { spec["uid"] = .string(user.uid) }
        if !user.extra.isEmpty { spec["extra"] = .object(user.extra.mapValues { .array($0.map { .string($0) }) }) }
        let review = try await create(.subjectAccessReviews, ["apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec])
        return (review["status"]["allowed"].bool == true, review["status"]["reason"].string ?? "")
    }
}
