#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
package import HTTPTransport

// Where does KEDA find the scaler, and how much may it ask?
//
// The scaler tells pools' names and counts to whoever reaches its port. So plaintext stays on the loopback interface unless the
// operator allows more. Beyond it there is TLS, and mutual TLS where only KEDA may connect. `validate()` refuses what can't be in a
// sentence that says what to do.

package struct KEDAScalerConfiguration: Hashable, Sendable {
    package var address: Address
    /// nil is plaintext.
    package var tls: TLSFiles?
    /// Plaintext on an address that other machines reach: for a pod whose network policy or mesh lets only KEDA in.
    package var allowsPlaintextBeyondLoopback = false
    package var limits = Limits()

    package init(address: Address = Address(host: "127.0.0.1", port: 9_090), tls: TLSFiles? = nil) {
        self.address = address
        self.tls = tls
    }

    /// What one more or a larger one of is refused.
    package struct Limits: Hashable, Sendable {
        /// One request's message; beyond it RESOURCE_EXHAUSTED. A ScaledObject's metadata is some hundred bytes.
        package var messageBytes = 64 << 10
        /// Connections at the same time; one more is closed as soon as it is accepted.
        package var connections = 256
        /// Calls and streams of one connection at the same time; one more waits at the client.
        package var callsPerConnection = 128
        /// Streams open at the same time, of all connections; one more is RESOURCE_EXHAUSTED.
        package var streams = 1_000
        /// A TLS handshake must be done after this long.
        package var handshakeSeconds = 10.0
        /// A connection without a call is closed after this long; KEDA makes another at its next poll.
        package var idleSeconds = 300.0
        /// A silent connection is asked for a sign of life after this long, and closed where none comes for as long again.
        package var keepaliveSeconds = 30.0
        /// A stopping scaler gives calls in flight this long.
        package var drainSeconds = 5.0

        package init() {}
    }

    /// What a configuration can't be, or a port can't do.
    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var field: String
        package var problem: String
        package var description: String { "keda.\(field): \(problem)" }
    }

    package func validate() throws(Fault) {
        guard (0...65_535).contains(address.port) else {
            throw Fault(field: "address", problem: "\(address.port) is no port: take one of 0 to 65535")
        }
        guard address.family != nil else {
            throw Fault(
                field: "address",
                problem: "\(address.host) is no IP address: name one, for instance 127.0.0.1:9090, or 0.0.0.0:9090 for every interface")
        }
        guard tls != nil || address.isLoopback || allowsPlaintextBeyondLoopback else {
            throw Fault(
                field: "address",
                problem:
                    "\(address.host) is reachable from other machines, and without TLS anyone there could read pools' names and counts: "
                    + "give keda.tls, bind to 127.0.0.1, or set keda.plaintext to true where only KEDA reaches the port")
        }
        for (field, file) in [("certificate", tls?.certificateFile), ("key", tls?.keyFile), ("clientCA", tls?.clientAuthorityFile)] {
            guard let file, access(file, R_OK) != 0 else { continue }
            throw Fault(field: "tls.\(field)", problem: "can't read \(file): check that it exists and that this user may read it")
        }
        for (name, value) in limits.all where value <= 0 { throw Fault(field: "limits.\(name)", problem: "must be more than 0") }
    }

    /// An IP address and a port.
    package struct Address: Hashable, Sendable, CustomStringConvertible {
        package var host: String
        /// 0 takes any free port.
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host == "localhost" ? "127.0.0.1" : host
            self.port = port
        }

        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

        enum Family { case four, six }

        var family: Family? {
            var four = in_addr()
            if inet_pton(AF_INET, host, &four) == 1 { return .four }
            var six = in6_addr()
            return inet_pton(AF_INET6, host, &six) == 1 ? .six : nil
        }

        /// Whether nobody beyond this machine reaches it.
        var isLoopback: Bool { HostText.isLoopback(host) }
    }
}

extension KEDAScalerConfiguration.Limits {
    var all: [(name: String, value: Double)] {
        [
            ("messageBytes", Double(messageBytes)), ("connections", Double(connections)),
            ("callsPerConnection", Double(callsPerConnection)),
            ("streams", Double(streams)), ("handshakeSeconds", handshakeSeconds), ("idleSeconds", idleSeconds),
            ("keepaliveSeconds", keepaliveSeconds), ("drainSeconds", drainSeconds),
        ]
    }
}
