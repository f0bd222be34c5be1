import HTTPTransport

// Where does the server listen, and who may ask it?
//
// Without tokens anyone who reaches the port may do anything, so a server without them listens on the loopback interface
// alone: `validate()` refuses any other address. What it refuses, it refuses in a sentence that says what to do.

package struct ServerConfiguration: Hashable, Sendable {
    /// HTTP/2 with prior knowledge and HTTP/1.1; nil opens no such port.
    package var cleartext: Address? = Address(host: "127.0.0.1", port: 8080)
    /// HTTP/2 and HTTP/1.1 by ALPN.
    package var tls: TLS?
    /// Bearer tokens and their roles; see `TokenTable`.
    package var tokensFile: String?
    /// Without tokens: names of this server besides its addresses and localhost, for whoever reaches it by way of a proxy.
    package var allowedHosts: [String] = []
    /// Whether `/metrics` needs no token though there are tokens.
    package var openMetrics = false
    /// Threads that serve connections. One carries tens of thousands of requests a second.
    package var eventLoops = 1
    package var limits = ServerLimits()

    package init() {}

    package struct Address: Hashable, Sendable, CustomStringConvertible {
        package var host: String
        /// 0 takes any free port.
        package var port: Int

        package init(host: String, port: Int) { self.host = host; self.port = port }

        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

        /// An address and not a name.
        var isNumeric: Bool { HostText.isNumeric(host) }

        /// Whether nobody beyond this machine reaches it.
        package var isLoopback: Bool { HostText.isLoopback(host) }
    }

    package struct TLS: Hashable, Sendable {
        package var address: Address
        /// PEM: the server's certificate, then those that lead to its CA.
        package var certificateFile: String
        /// PEM.
        package var keyFile: String

        package init(address: Address, certificateFile: String, keyFile: String) {
            self.address = address
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// What a configuration can't be, in a sentence that says what to do.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var field: String
        package var problem: String
        package var description: String { "\(field): \(problem)" }
    }

    package func validate() throws(Fault) {
        if cleartext == nil, tls == nil {
            throw Fault(field: "listen", problem: "is none, and there is no tls.listen: name at least one address")
        }
        for (field, address) in [("listen", cleartext), ("tls.listen", tls?.address)] {
            guard let address else { continue }
            guard (0...65_535).contains(address.port) else {
                throw Fault(field: field, problem: "\(address.port) is no port: take one of 0 to 65535")
            }
            guard tokensFile != nil || address.isLoopback else {
                throw Fault(
                    field: field,
                    problem:
                        "\(address.host) is reachable from other machines, and without tokens anyone there could write events and policies: "
                        + "name a tokens file, or bind to 127.0.0.1")
            }
        }
        guard (1...64).contains(eventLoops) else {
            throw Fault(field: "eventLoops", problem: "\(eventLoops) event loops: take 1 to 64")
        }
    }
}
