// Who is this, and may they do that?
//
// Two questions that only the cluster can answer. The real answers come from TokenReview and SubjectAccessReview; tests bring a
// twin. Whoever answers need not remember anything: whoever asks does.

public protocol AccessReviewing: Sendable {
    /// Whose bearer token this is (`authentication.k8s.io/v1` TokenReview); nil where the cluster doesn't know it. The token is a
    /// secret: it is neither logged nor kept.
    func user(presenting token: String) async throws(AccessReviewFault) -> UserInfo?

    /// Whether the user may (`authorization.k8s.io/v1` SubjectAccessReview).
    func review(_ user: UserInfo, _ action: ResourceAttributes) async throws(AccessReviewFault) -> AccessReview
}

/// The cluster could not be asked: a sentence that says why.
public struct AccessReviewFault: Error, Hashable, Sendable, CustomStringConvertible {
    public var problem: String
    public init(problem: String) { self.problem = problem }
    public var description: String { problem }
}

public struct AccessReview: Hashable, Sendable {
    public var isAllowed: Bool
    /// The cluster's own words, where it has any.
    public var reason: String

    public init(isAllowed: Bool, reason: String = "") {
        self.isAllowed = isAllowed
        self.reason = reason
    }
}

/// Who asks, as the cluster knows them.
public struct UserInfo: Hashable, Sendable {
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

/// What they want, as a SubjectAccessReview names it.
public struct ResourceAttributes: Hashable, Sendable {
    public var group: String
    public var version: String
    public var resource: String
    public var namespace: String
    public var verb: String

    public init(group: String, version: String, resource: String, namespace: String, verb: String) {
        self.group = group
        self.version = version
        self.resource = resource
        self.namespace = namespace
        self.verb = verb
    }
}
