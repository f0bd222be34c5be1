import Foundation

// How does a pod reach its own cluster's API server?
//
// By what the kubelet puts there: two environment variables, and the service account's folder. The token is not read here:
// it rotates, and `TokenSource` reads the file again and again.

extension ClusterAccess {
    package static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// Whether this process seems to run in a pod.
    package static func isInCluster(environment: [String: String] = ProcessInfo.processInfo.environment) -> Bool {
        environment["KUBERNETES_SERVICE_HOST"].map { !$0.isEmpty } ?? false
    }

    package static func inCluster(
        environment: [String: String] = ProcessInfo.processInfo.environment, folder: String = serviceAccountFolder
    ) throws(ClusterAccessFault) -> ClusterAccess {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty else {
            throw ClusterAccessFault("KUBERNETES_SERVICE_HOST", "is not set: this doesn't run in a pod; name a kubeconfig instead")
        }
        let port = environment["KUBERNETES_SERVICE_PORT"] ?? "443"
        guard (UInt16(port) ?? 0) > 0 else { throw ClusterAccessFault("KUBERNETES_SERVICE_PORT", "is not a port: \(port.prefix(20))") }
        let authorities = try BoundedFile.read("\(folder)/ca.crt")
        // Mounting no token is a mistake worth a word at the start rather than at the first call.
        _ = try BoundedFile.read("\(folder)/token")
        let namespace = try? BoundedFile.text("\(folder)/namespace").trimmingCharacters(in: .whitespacesAndNewlines)
        return ClusterAccess(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", namespace: namespace ?? "default",
            trust: .authorities(authorities), credential: .tokenFile(path: "\(folder)/token"))
    }

    /// The kubeconfig named, else in-cluster files, else the kubeconfig of `KUBECONFIG` or `~/.kube/config`.
    package static func discovered(
        kubeconfig: String? = nil, context: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ClusterAccessFault) -> ClusterAccess {
        if let kubeconfig { return try Kubeconfig.access(file: kubeconfig, context: context) }
        if isInCluster(environment: environment) { return try inCluster(environment: environment) }
        if let named = environment["KUBECONFIG"], !named.isEmpty { return try Kubeconfig.access(file: named, context: context) }
        return try Kubeconfig.access(file: "\(environment["HOME"] ?? "")/.kube/config", context: context)
    }
}
