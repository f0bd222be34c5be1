import ExternalMetrics
import Kubernetes

// How does the external metrics server learn which front proxy the cluster trusts?
//
// `Kubernetes` asks, `ExternalMetrics` remembers; neither knows the other.

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
                let remedy =
                    error.isForbidden
                    ? "; bind the Role extension-apiserver-authentication-reader of kube-system to the service account, or give externalMetrics.frontProxy"
                    : ""
                throw FrontProxyFault(problem: error.description + remedy, isTransient: error.isTransient)
            }
        }
    }
}
