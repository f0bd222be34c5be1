package import HTTPTransport
import NIOCore

// Where does the gateway listen, where is ateapi, and how long is a resume parked?
//
// `validate()` refuses what can't be, in a sentence that says what to do. Files are looked at when they are used.

package struct GatewayConfiguration: Sendable {
    package var host: String
    /// 0 takes any free port.
    package var port: Int
    /// nil is plaintext, which agent-substrate's own clients don't speak.
    package var tls: TLSFiles?
    package var allowsPlaintextBeyondLoopback = false
    package var upstream: Upstream
    /// How long a resume waits for a worker, at most.
    package var parkSeconds = 30.0
    /// Resumes that are parked at the same time; one more hears at once what ateapi said.
    package var maxParked = 10_000
    /// A resume that failed half way is tried again, so that its worker comes free.
    package var heals = true
    /// How often the fleet is listed while it has at most 10,000 actors; with more, in proportion less often.
    package var reconcileSeconds = 60.0
    /// `NAMESPACE/TEMPLATE` → `NAMESPACE/POOL`, where no WorkerPool objects tell.
    package var pools: [String: String] = [:]
    /// The pool of every other template; nil where objects or running actors tell.
    package var defaultPool: String?
    package var limits = Limits()

    package init(host: String, port: Int, upstream: Upstream) {
        self.host = host
        self.port = port
        self.upstream = upstream
    }

    package struct Upstream: Sendable {
        package var host: String
        package var port: Int
        /// PEM: who vouches for ateapi. nil with `isVerified`: the system's.
        package var caFile: String?
        /// False believes any certificate, as `atenet` and `kubectl-ate` do.
        package var isVerified = true
        /// The name that its certificate must hold; nil is the host's.
        package var serverName: String?
        /// One PEM file with a key and a chain, as ateapi's own credential bundles: the client's certificate.
        package var bundleFile: String?
        /// The bearer of the gateway's own calls; callers' calls carry their own.
        package var tokenFile: String?
        /// For a sidecar that speaks TLS itself.
        package var isPlaintext = false

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        package var address: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
        var hasOwnCredential: Bool { tokenFile != nil }
    }

    package struct Limits: Hashable, Sendable {
        /// Connections of callers at the same time; one more is closed as soon as it is accepted.
        package var connections = 1_024
        /// Calls of one connection at the same time.
        package var callsPerConnection = 10_000
        /// Calls at the same time, of all connections; one more is refused and may be made again.
        package var calls = 20_000
        package var handshakeSeconds = 10.0
        /// A silent connection is asked for a sign of life after this long, and closed where none comes.
        package var keepaliveSeconds = 60.0
        /// A stopping gateway gives calls in flight this long; resumes upstream must not be cut, and take up to 28 s.
        package var drainSeconds = 30.0

        package init() {}
    }

    package struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        package var field: String
        package var problem: String
        package var description: String { "gateway.\(field): \(problem)" }
    }

    var park: TimeAmount { .nanoseconds(Int64(min(max(parkSeconds, 0), 86_400) * 1e9)) }

    package func validate() throws(Fault) {
        guard (0...65_535).contains(port) else { throw Fault(field: "listen", problem: "\(port) is no port: take one of 0 to 65535") }
        guard (1...65_535).contains(upstream.port) else {
            throw Fault(field: "upstream.address", problem: "\(upstream.port) is no port: ateapi's Service has 443")
        }
        guard tls != nil || isLoopback || allowsPlaintextBeyondLoopback else {
            throw Fault(
                field: "listen",
                problem: "\(host) is reachable from other machines, and ateapi's clients speak TLS: give gateway.tls, or bind to 127.0.0.1")
        }
        guard parkSeconds <= 3_600 else { throw Fault(field: "parkSeconds", problem: "must be at most 3600") }
        guard reconcileSeconds >= 5 else {
            throw Fault(field: "reconcileSeconds", problem: "must be 5 or more: ateapi logs every list in full")
        }
        guard maxParked <= 1_000_000 else { throw Fault(field: "maxParked", problem: "must be at most 1000000") }
        for (name, value) in limits.all where value <= 0 { throw Fault(field: "limits.\(name)", problem: "must be more than 0") }
        for pool in Array(pools.values) + [defaultPool].compactMap({ $0 }) where pool.split(separator: "/").count != 2 {
            throw Fault(field: "pools", problem: "\(pool.prefix(100)) is no pool: write NAMESPACE/NAME")
        }
    }

    private var isLoopback: Bool { HostText.isLoopback(host) }
}

extension GatewayConfiguration.Limits {
    var all: [(name: String, value: Double)] {
        [
            ("connections", Double(connections)), ("callsPerConnection", Double(callsPerConnection)), ("calls", Double(calls)),
            ("handshakeSeconds", handshakeSeconds), ("keepaliveSeconds", keepaliveSeconds), ("drainSeconds", drainSeconds),
        ]
    }
}
