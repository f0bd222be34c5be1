// Which servers does the client talk to, as whom, and how patient is it?

package struct NATSConfiguration: Sendable {
    /// Tried in random order, with those that the servers tell of.
    package var servers: [NATSAddress]
    package var credentials = NATSCredentials.none
    package var tls = NATSTLS()
    package var limits = NATSLimits()
    /// What the server's list of connections calls this client.
    package var name = "greenroom"
    /// An older server is refused: replicas of 2.9 were seen to differ for good after servers were killed.
    package var leastVersion = NATSVersion(2, 14, 0)
    /// Whether servers that a server tells of are tried too.
    package var usesLearnedServers = true

    package init(servers: [NATSAddress]) { self.servers = servers }
}

/// How the connection is encrypted. Where nothing is set, it is encrypted if the server asks for it.
package struct NATSTLS: Hashable, Sendable {
    package enum Order: Hashable, Sendable {
        /// The server says INFO in clear, then TLS begins.
        case infoFirst
        /// TLS begins before the server says anything: its `handshake_first`.
        case handshakeFirst
    }

    package var order = Order.infoFirst
    /// Refuses a server that doesn't ask for TLS.
    package var isRequired = false
    /// PEM of the authority that signed the server's certificate; nil trusts the machine's own.
    package var trustFile: String?
    /// PEM: the client's own certificate with its chain, and its key.
    package var certificateFile: String?
    package var keyFile: String?

    package init() {}
}

package struct NATSLimits: Hashable, Sendable {
    /// Bytes that wait to be written, and that were written and not yet taken by the machine.
    package var pendingBytes = 64 << 20
    /// Requests without an answer.
    package var requests = 8_192
    package var subscriptions = 1_024
    /// TCP, TLS and the server's first PONG, each attempt.
    package var connectSeconds = 5.0
    /// Between PINGs. Two without an answer end the connection: a server that is stopped says nothing, and neither does TCP.
    package var pingSeconds = 2.0
    /// Before the next round over all servers: random between zero and a bound that doubles from the first to the last.
    package var backoffFirstSeconds = 0.1
    package var backoffLastSeconds = 5.0
    /// One message of the server's.
    package var messageBytes = 16 << 20

    package init() {}
}

extension Double {
    /// As seconds that no clock of the client overflows with: 0 to about eleven days; what is no number counts as the longest.
    var boundedSeconds: Double { isNaN ? 1e6 : Swift.min(Swift.max(self, 0), 1e6) }
}
