// Which server, whom does it trust us to be, and whom do we trust?
//
// What in-cluster files and kubeconfigs come down to. Secrets are wrapped: printed, dumped or logged they say only that they
// are there.

package struct ClusterAccess: Sendable {
    /// `https://HOST:PORT`, without a path.
    package var server: String
    /// Where things are looked for that name no namespace.
    package var namespace: String
    package var trust: Trust
    package var credential: Credential
    /// PEM of the client's certificate chain and key.
    package var clientIdentity: ClientIdentity?

    package init(
        server: String, namespace: String = "default", trust: Trust = .system, credential: Credential = .none,
        clientIdentity: ClientIdentity? = nil
    ) {
        self.server = server
        self.namespace = namespace
        self.trust = trust
        self.credential = credential
        self.clientIdentity = clientIdentity
    }

    package enum Trust: Hashable, Sendable {
        case system
        /// PEM of the authorities, and no others.
        case authorities([UInt8])
        /// No check at all: only where the configuration says so in as many words.
        case insecure
    }

    package enum Credential: Sendable {
        case none
        case token(Secret)
        /// Read again as it rotates.
        case tokenFile(path: String)
    }

    package struct ClientIdentity: Sendable {
        package var certificatePEM: [UInt8]
        package var keyPEM: Secret
        package init(certificatePEM: [UInt8], keyPEM: Secret) { self.certificatePEM = certificatePEM; self.keyPEM = keyPEM }
    }
}

/// A text that must not be seen.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let value: String
    package init(_ value: String) { self.value = value }
    package var description: String { "[secret]" }
    package var debugDescription: String { "[secret]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// A configuration that can't be used: where, what is wrong, what to do.
package struct ClusterAccessFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var place: String
    package var problem: String
    package init(_ place: String, _ problem: String) { self.place = place; self.problem = problem }
    package var description: String { "\(place): \(problem)" }
}

enum ConfigurationFile {
    /// Largest file read for a configuration, a certificate or a token.
    static let limitBytes = 1_048_576
}
