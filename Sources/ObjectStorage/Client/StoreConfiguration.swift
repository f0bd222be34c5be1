// How is a store reached, and what bounds it?

public struct StoreConfiguration: Sendable {
    public var endpoint: StoreEndpoint
    /// Of buckets whose own is not known yet.
    public var region: String
    public var credentials: CredentialSource
    /// Certificates of the authority that signed the server's, in PEM; nil: the system's.
    public var authorityFile: String?
    public var limits = Limits()
    /// Draws the jitter of pauses.
    public var seed: UInt64 = 1

    /// Google takes any; its own clients sign for this one.
    public static let googleRegion = "auto"
    public static let amazonRegion = "us-east-1"

    public init(endpoint: StoreEndpoint, region: String, credentials: CredentialSource) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
    }

    /// Only what can be one: it becomes part of a host's name.
    public static func isRegion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }
    }

    public struct Limits: Hashable, Sendable {
        /// Times one question is asked, the first included.
        public var attempts = 5
        /// Times one question is sent on to another region.
        public var redirects = 2
        public var firstPause = Duration.milliseconds(200)
        public var longestPause = Duration.seconds(10)
        /// Of `Retry-After`; a longer one is cut to it.
        public var retryAfterSeconds = 30
        public var answerSeconds = 20
        public var connectSeconds = 5
        public var idleConnectionSeconds = 60
        /// A page of 1,000 keys of 1,024 bytes, each written as three.
        public var bodyBytes = 8 << 20
        /// Pages of one listing: 100,000 objects.
        public var pages = 100
        /// Buckets whose region is remembered.
        public var regions = 1_024

        public init() {}
    }
}

/// Told of every request. Called from any task; must not wait.
public protocol StoreObserving: Sendable {
    /// - Parameters:
    ///   - operation: `head` or `list`.
    ///   - outcome: `ok`, `missing`, `redirected`, `refused`, `overloaded` or `unreachable`.
    func answered(store: ObjectLocation.Store, operation: String, outcome: String, seconds: Double)
}
