import GRPCCore
import GRPCNIOTransportHTTP2Posix
import HTTPTransport
import protocol NIOCore.Channel
import NIOSSL
import Synchronization

// How does the scaler's port behave?
//
// HTTP/2 with or without TLS 1.2 or later; the limits of the configuration, each where the protocol has a place for it.
// Writes are flushed at once: a push is small, and its moment is what it is for.

extension HTTP2ServerTransport.Posix {
    /// - Parameter identity: of `configuration.tls`, where there is one.
    init(_ configuration: KEDAScalerConfiguration, identity: ReloadedIdentity?) throws {
        self.init(
            address: SocketAddress(configuration.address), transportSecurity: try TransportSecurity(identity),
            config: Config(configuration.limits),
            eventLoopGroup: .singletonMultiThreadedEventLoopGroup)
    }
}

extension SocketAddress {
    init(_ address: KEDAScalerConfiguration.Address) {
        self = address.family == .six ? .ipv6(host: address.host, port: address.port) : .ipv4(host: address.host, port: address.port)
    }

    var port: Int? { ipv4?.port ?? ipv6?.port }
}

extension HTTP2ServerTransport.Posix.TransportSecurity {
    init(_ identity: ReloadedIdentity?) throws {
        guard let identity else {
            self = .plaintext
            return
        }
        guard let authorities = identity.clientAuthorities else {
            self = try .tls(certificateReloader: identity)
            return
        }
        // As bytes: given a path, the transport would open whatever is there, and wait for who writes a pipe.
        let sources = try authorities.map { TLSConfig.CertificateSource.bytes(try $0.toDERBytes(), format: .der) }
        self = try .mTLS(certificateReloader: identity) { $0.trustRoots = .certificates(sources) }
    }
}

extension HTTP2ServerTransport.Posix.Config {
    init(_ limits: KEDAScalerConfiguration.Limits) {
        self = .defaults
        rpc.maxRequestPayloadSize = limits.messageBytes
        http2.maxConcurrentStreams = limits.callsPerConnection
        connection.flushCoalescing = nil
        connection.maxIdleTime = .seconds(limits.idleSeconds)
        connection.maxGraceTime = .seconds(limits.drainSeconds)
        connection.keepalive.time = .seconds(limits.keepaliveSeconds)
        connection.keepalive.timeout = .seconds(limits.keepaliveSeconds)
        // KEDA may ask for signs of life too, with streams open or not.
        connection.keepalive.clientBehavior = .init(minPingIntervalWithoutCalls: .seconds(5), allowWithoutCalls: true)
        let limit = ConnectionLimit(limit: limits.connections)
        let handshakeTime = limits.handshakeSeconds
        channelDebuggingCallbacks.onAcceptTCPConnection = { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let tls = try? pipeline.handler(type: NIOSSLServerHandler.self) {
                    try pipeline.addHandler(HandshakeDeadline(seconds: handshakeTime), position: .after(tls))
                } else {
                    try pipeline.addHandler(ReadCompletion(), position: .first)
                }
                limit.admit(channel)
            }
        }
    }
}

/// Counts connections, and closes what comes beyond the limit.
private final class ConnectionLimit: Sendable {
    private let open = Atomic<Int>(0)
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func admit(_ channel: any Channel) {
        let count = open.wrappingAdd(1, ordering: .relaxed).newValue
        channel.closeFuture.whenComplete { [self] _ in open.wrappingSubtract(1, ordering: .relaxed) }
        // Closed rather than failed: a connection that never was would be left unread by the transport.
        if count > limit { channel.close(promise: nil) }
    }
}
