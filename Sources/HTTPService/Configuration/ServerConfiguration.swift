// Where does the server listen, and who may ask it?
//
// Without tokens anyone who reaches the port may do anything, so a server without them listens on the loopback interface
// alone: `validate()` refuses any other address. What it refuses, it refuses in a sentence that says what to do.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

public struct ServerConfiguration: Hashable, Sendable {
    /// HTTP/2 with prior knowledge and HTTP/1.1; nil opens no such port.
    public var cleartext: Address? = Address(host: "127.0.0.1", port: 8080)
    /// HTTP/2 and HTTP/1.1 by ALPN.
    public var tls: TLS?
    /// Bearer tokens and their roles; see `TokenTable`.
    public var tokensFile: String?
    /// Without tokens: names of this server besides its addresses and localhost, for whoever reaches it by way of a proxy.
    public var allowedHosts: [String] = []
    /// Whether `/metrics` needs no token though there are tokens.
    public var openMetrics = false
    /// Threads that serve connections. One carries tens of thousands of requests a second.
    public var eventLoops = 1
    public var limits = ServerLimits()

    public init() {}

    public struct Address: Hashable, Sendable, CustomStringConvertible {
        public var host: String
        /// 0 takes any free port.
        public var port: Int

        public init(host: String, port: Int) { self.host = host; self.port = port }

        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

        /// An address and not a name.
        var isNumeric: Bool {
            var four = in_addr()
            var six = in6_addr()
            return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
        }

        /// Whether nobody beyond this machine reaches it.
        public var isLoopback: Bool {
            if host == "localhost" { return true }
            var four = in_addr()
            if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
            var six = in6_addr()
            guard inet_pton(AF_INET6, host, &six) == 1 else { return false }
            return withUnsafeBytes(of: &six) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
        }
    }

    public struct TLS: Hashable, Sendable {
        public var address: Address
        /// PEM: the server's certificate, then those that lead to its CA.
        public var certificateFile: String
        /// PEM.
        public var keyFile: String

        public init(address: Address, certificateFile: String, keyFile: String) {
            self.address = address
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// What a configuration can't be, in a sentence that says what to do.
    public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        public var field: String
        public var problem: String
        public var description: String { "\(field): \(problem)" }
    }

    public func validate() throws(Fault) {
        if cleartext == nil, tls == nil { throw Fault(field: "http", problem: "neither a cleartext nor a TLS address is given: name at least one") }
        for (field, address) in [("http.cleartext", cleartext), ("http.tls", tls?.address)] {
            guard let address else { continue }
            guard (0...65_535).contains(address.port) else { throw Fault(field: field, problem: "\(address.port) is no port: take one of 0 to 65535") }
            guard tokensFile != nil || address.isLoopback else {
                throw Fault(
                    field: field,
                    problem: "\(address.host) is reachable from other machines, and without tokens anyone there could write events and policies: "
                        + "name a tokens file, or bind to 127.0.0.1")
            }
        }
        guard (1...64).contains(eventLoops) else { throw Fault(field: "http.eventLoops", problem: "\(eventLoops) event loops: take 1 to 64") }
    }
}
