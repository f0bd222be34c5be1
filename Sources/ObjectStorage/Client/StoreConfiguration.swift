// How is a store reached, and what bounds it?

package struct StoreConfiguration: Sendable {
    package var endpoint: StoreEndpoint
    /// Of buckets whose own is not known yet.
    package var region: String
    package var credentials: CredentialSource
    /// Certificates of the authority that signed the server's, in PEM; nil: the system's.
    package var authorityFile: String?
    package var limits = Limits()
    /// Draws the jitter of pauses.
    package var seed: UInt64 = 1

    /// Google takes any; its own clients sign for this one.
    package static let googleRegion = "auto"
    package static let amazonRegion = "us-east-1"

    package init(endpoint: StoreEndpoint, region: String, credentials: CredentialSource) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
    }

    /// Only what can be one: it becomes part of a host's name.
    package static func isRegion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }
    }

    package struct Limits: Hashable, Sendable {
        /// Times one question is asked, the first included.
        package var attempts = 5
        /// Times one question is sent on to another region.
        package var redirects = 2
        package var firstPause = Duration.milliseconds(200)
        package var longestPause = Duration.seconds(10)
        /// Of `Retry-After`; a longer one is cut to it.
        package var retryAfterSeconds = 30
        package var answerSeconds = 20
        package var connectSeconds = 5
        package var idleConnectionSeconds = 60
        /// A page of 1,000 keys of 1,024 bytes, each written as three.
        package var bodyBytes = 8 << 20
        /// Pages of one listing: 100,000 objects.
        package var pages = 100
        /// Buckets whose region is remembered.
        package var regions = 1_024

        package init() {}
    }
}

/// Told of every request. Called from any task; must not wait.
package protocol StoreObserving: Sendable {
    /// - Parameters:
    ///   - operation: `head` or `list`.
    ///   - outcome: `ok`, `missing`, `redirected`, `refused`, `overloaded` or `unreachable`.
    func answered(store: ObjectLocation.Store, operation: String, outcome: String, seconds: Double)
}
