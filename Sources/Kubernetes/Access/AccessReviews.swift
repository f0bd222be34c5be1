import Domain
package import HTTPTransport

// Whose token is this, and what may they do?
//
// The two questions that a server of an aggregated API puts to the cluster: TokenReview and SubjectAccessReview. Nothing is
// stored by either and nothing is remembered here. A token is in the request's body alone: no error and no log has it.

extension KubernetesClient: AccessReviewing {
    package func user(presenting token: String) async throws(AccessReviewFault) -> UserInfo? {
        let review = try await review(
            .tokenReviews, ["apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": ["token": .string(token)]])
        let user = review["user"]
        guard review["authenticated"].bool == true, let name = user["username"].string, !name.isEmpty else { return nil }
        return UserInfo(
            name: name, uid: user["uid"].string ?? "", groups: user["groups"].array.compactMap(\.string),
            extra: user["extra"].members.mapValues { $0.array.compactMap(\.string) })
    }

    package func review(_ user: UserInfo, _ action: ResourceAttributes) async throws(AccessReviewFault) -> AccessReview {
        let attributes = [
            "namespace": action.namespace, "verb": action.verb, "group": action.group, "version": action.version,
            "resource": action.resource,
        ]
        var spec: JSONValue = [
            "user": .string(user.name), "groups": .array(user.groups.map { .string($0) }), "resourceAttributes": JSONValue(attributes),
        ]
        if !user.uid.isEmpty { spec["uid"] = .string(user.uid) }
        if !user.extra.isEmpty { spec["extra"] = .object(user.extra.mapValues { .array($0.map { .string($0) }) }) }
        let review = try await review(
            .subjectAccessReviews, ["apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec])
        return AccessReview(isAllowed: review["allowed"].bool == true, reason: review["reason"].string ?? "")
    }

    /// What the cluster found.
    private func review(_ resource: KubernetesResource, _ query: JSONValue) async throws(AccessReviewFault) -> JSONValue {
        do throws(KubernetesError) { return try await create(resource, query)["status"] } catch {
            throw AccessReviewFault(problem: error.description)
        }
    }
}
