import Domain

// Whom does the API server let speak for others?
//
// It writes down, for the servers it forwards requests to, by which certificates they know it and in which headers it names the
// user: ConfigMap `kube-system/extension-apiserver-authentication`. Lists are JSON in a text. Reading it takes the Role
// `extension-apiserver-authentication-reader` of kube-system.

package struct RequestHeaderAuthentication: Hashable, Sendable {
    package static let configMap = (namespace: "kube-system", name: "extension-apiserver-authentication")

    /// PEM.
    package var authorityPEM: [UInt8]
    /// Common names; none allows every certificate of the authority.
    package var allowedNames: [String]
    package var usernameHeaders: [String]
    package var uidHeaders: [String]
    package var groupHeaders: [String]
    package var extraHeaderPrefixes: [String]

    /// nil where the API server forwards nothing.
    ///
    /// - Throws: the key that can't be read, and why.
    init?(data: [String: String]) throws(ClusterAccessFault) {
        guard let authority = data["requestheader-client-ca-file"], !authority.isEmpty else { return nil }
        authorityPEM = Array(authority.utf8)
        allowedNames = try Self.list(data, "requestheader-allowed-names") ?? []
        usernameHeaders = try Self.list(data, "requestheader-username-headers") ?? ["X-Remote-User"]
        uidHeaders = try Self.list(data, "requestheader-uid-headers") ?? ["X-Remote-Uid"]
        groupHeaders = try Self.list(data, "requestheader-group-headers") ?? ["X-Remote-Group"]
        extraHeaderPrefixes = try Self.list(data, "requestheader-extra-headers-prefix") ?? ["X-Remote-Extra-"]
    }

    private static func list(_ data: [String: String], _ key: String) throws(ClusterAccessFault) -> [String]? {
        guard let text = data[key], !text.isEmpty else { return nil }
        // A list that can't be read must not turn into one that allows everybody.
        guard let json = try? JSONValue(parsing: text), case .array(let elements) = json, elements.allSatisfy({ $0.string != nil }) else {
            throw ClusterAccessFault("\(configMap.namespace)/\(configMap.name) \(key)", "is no JSON list of texts")
        }
        return elements.compactMap(\.string)
    }
}

extension KubernetesClient {
    /// What the API server says of itself as a front proxy now; nil where it forwards nothing.
    package func requestHeaderAuthentication() async throws(KubernetesError) -> RequestHeaderAuthentication? {
        let (namespace, name) = RequestHeaderAuthentication.configMap
        let found = try await get(.configMaps, namespace: namespace, name: name)
        do throws(ClusterAccessFault) { return try RequestHeaderAuthentication(data: found["data"].strings) } catch {
            throw KubernetesError("GET ConfigMap \(namespace)/\(name)", .malformed(error.description))
        }
    }
}
