import ExternalMetrics
import Kubernetes

// How do the cluster's answers reach the external metrics server?
//
// `Kubernetes` asks, `ExternalMetrics` remembers; neither knows the other. Faults say what was asked and what to do, never
// what was in it.

struct ClusterAccessReviews: AccessReviewing {
    let client: KubernetesClient

    func user(presenting token: String) async throws(AccessReviewFault) -> UserInfo? {
        do throws(KubernetesError) {
            return try await client.reviewToken(Secret(token)).map { UserInfo(name: $0.name, uid: $0.uid, groups: $0.groups, extra: $0.extra) }
        } catch { throw AccessReviewFault(problem: error.description) }
    }

    func review(_ user: UserInfo, _ action: ResourceAttributes) async throws(AccessReviewFault) -> AccessReview {
        let asked = ReviewedAction(verb: action.verb, group: action.group, version: action.version, resource: action.resource, namespace: action.namespace)
        do throws(KubernetesError) {
            let answer = try await client.reviewAccess(of: ReviewedUser(name: user.name, uid: user.uid, groups: user.groups, extra: user.extra), to: asked)
            return AccessReview(isAllowed: answer.isAllowed, reason: answer.reason)
        } catch { throw AccessReviewFault(problem: error.description) }
    }
}

extension FrontProxySource {
    /// Reads them from the cluster's own ConfigMap.
    init(_ client: KubernetesClient) {
        self.init { () async throws(FrontProxyFault) in
            do throws(KubernetesError) {
                return try await client.requestHeaderAuthentication().map { found in
                    FrontProxyTrust(
                        authorityPEM: found.authorityPEM,
                        proxy: FrontProxy(
                            allowedNames: found.allowedNames, userHeaders: found.usernameHeaders, uidHeaders: found.uidHeaders,
                            groupHeaders: found.groupHeaders, extraHeaderPrefixes: found.extraHeaderPrefixes))
                }
            } catch {
                let remedy = error.isForbidden
                    ? "; bind the Role extension-apiserver-authentication-reader of kube-system to the service account, or give externalMetrics.frontProxy" : ""
                throw FrontProxyFault(problem: error.description + remedy, isTransient: error.isTransient)
            }
        }
    }
}
