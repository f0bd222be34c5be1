// Who is this, and may they do that?
//
// Two questions that only the cluster can answer. The real answers come from TokenReview and SubjectAccessReview; tests bring a
// twin. Whoever answers need not remember anything: whoever asks does.

package protocol AccessReviewing: Sendable {
    /// Whose bearer token this is (`authentication.k8s.io/v1` TokenReview); nil where the cluster doesn't know it. The token is a
    /// secret: it is neither logged nor kept.
    func user(presenting token: String) async throws(AccessReviewFault) -> UserInfo?

    /// Whether the user may (`authorization.k8s.io/v1` SubjectAccessReview).
    func review(_ user: UserInfo, _ action: ResourceAttributes) async throws(AccessReviewFault) -> AccessReview
}

/// The cluster could not be asked: a sentence that says why.
package struct AccessReviewFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var problem: String
    package init(problem: String) { self.problem = problem }
    package var description: String { problem }
}

package struct AccessReview: Hashable, Sendable {
    package var isAllowed: Bool
    /// The cluster's own words, where it has any.
    package var reason: String

    package init(isAllowed: Bool, reason: String = "") {
        self.isAllowed = isAllowed
        self.reason = reason
    }
}

/// Who asks, as the cluster knows them.
package struct UserInfo: Hashable, Sendable {
    package var name: String
    package var uid: String
    package var groups: [String]
    package var extra: [String: [String]]

    package init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
        self.name = name
        self.uid = uid
        self.groups = groups
        self.extra = extra
    }
}

/// What they want, as a SubjectAccessReview names it.
package struct ResourceAttributes: Hashable, Sendable {
    package var group: String
    package var version: String
    package var resource: String
    package var namespace: String
    package var verb: String

    package init(group: String, version: String, resource: String, namespace: String, verb: String) {
        self.group = group
        self.version = version
        self.resource = resource
        self.namespace = namespace
        self.verb = verb
    }
}
