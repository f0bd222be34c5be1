// Where is it written who the front proxies are?
//
// A cluster keeps it in one ConfigMap, and rotates it there. It is read when the server starts and every half minute from then on.
// After a failure the earlier value stays, and the failure is logged once.

package struct FrontProxySource: Sendable {
    /// Between two looks; shorter after a failure at the start, when nothing is known yet.
    package static let lookEverySeconds = 30.0
    static let retrySeconds = 1.0

    let read: @Sendable () async throws(FrontProxyFault) -> FrontProxyTrust?

    /// - Parameter read: what the cluster says now; nil where it has no front proxy.
    package init(_ read: @escaping @Sendable () async throws(FrontProxyFault) -> FrontProxyTrust?) { self.read = read }
}

/// Front proxies as a cluster writes them down.
package struct FrontProxyTrust: Hashable, Sendable {
    /// PEM: who vouches for their certificates.
    package var authorityPEM: [UInt8]
    package var proxy: FrontProxy

    package init(authorityPEM: [UInt8], proxy: FrontProxy) {
        self.authorityPEM = authorityPEM
        self.proxy = proxy
    }
}

/// It could not be read: a sentence that says why, and what to do.
package struct FrontProxyFault: Error, Hashable, Sendable, CustomStringConvertible {
    package var problem: String
    /// The next look may find it with nobody changing anything.
    package var isTransient: Bool

    package init(problem: String, isTransient: Bool) {
        self.problem = problem
        self.isTransient = isTransient
    }

    package var description: String { problem }
}
