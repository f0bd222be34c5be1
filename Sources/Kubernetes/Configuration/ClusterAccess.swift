// Which server, whom does it trust us to be, and whom do we trust?
//
// What in-cluster files and kubeconfigs come down to. Secrets are wrapped: printed, dumped or logged they say only that they
// are there.

public struct ClusterAccess: Sendable {
    /// `https://HOST:PORT`, without a path.
    public var server: String
    /// Where things are looked for that name no namespace.
    public var namespace: String
    public var trust: Trust
    public var credential: Credential
    /// PEM of the client's certificate chain and key.
    public var clientIdentity: ClientIdentity?

    public init(server: String, namespace: String = "default", trust: Trust = .system, credential: Credential = .none, clientIdentity: ClientIdentity? = nil) {
        self.server = server
        self.namespace = namespace
        self.trust = trust
        self.credential = credential
        self.clientIdentity = clientIdentity
    }

    public enum Trust: Hashable, Sendable {
        case system
        /// PEM of the authorities, and no others.
        case authorities([UInt8])
        /// No check at all: only where the configuration says so in as many words.
        case insecure
    }

    public enum Credential: Sendable {
        case none
        case token(Secret)
        /// Read again as it rotates.
        case tokenFile(path: String)
    }

    public struct ClientIdentity: Sendable {
        public var certificatePEM: [UInt8]
        public var keyPEM: Secret
        public init(certificatePEM: [UInt8], keyPEM: Secret) { self.certificatePEM = certificatePEM; self.keyPEM = keyPEM }
    }
}

/// A text that must not be seen.
public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let value: String
    public init(_ value: String) { self.value = value }
    public var description: String { "[secret]" }
    public var debugDescription: String { "[secret]" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A configuration that can't be used: where, what is wrong, what to do.
public struct ClusterAccessFault: Error, Hashable, Sendable, CustomStringConvertible {
    public var place: String
    public var problem: String
    public init(_ place: String, _ problem: String) { self.place = place; self.problem = problem }
    public var description: String { "\(place): \(problem)" }
}

enum ConfigurationFile {
    /// Largest file read for a configuration, a certificate or a token.
    static let limitBytes = 1_048_576
}
