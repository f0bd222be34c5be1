import Foundation
import HTTPTypes
import Logging
import NIOCore
import NIOHTTP2
import NIOHTTPTypes
import NIOHTTPTypesHTTP2
import NIOPosix
import NIOSSL
import NIOTLS

// How does one connection to the server come about, and what runs over it?
//
// HTTP/2 alone: a server that negotiates something else is refused with a sentence that says so. Each request is a stream
// of its own, read as fast as its reader takes it.

struct ClientConnection: Sendable {
    typealias Stream = NIOAsyncChannel<HTTPResponsePart, HTTPRequestPart>

    let channel: any Channel
    private let multiplexer: NIOHTTP2Handler.AsyncStreamMultiplexer<Void>

    static func open(_ configuration: ClientConfiguration, on group: any EventLoopGroup) async throws(ClientError) -> ClientConnection {
        let url = configuration.url
        do {
            let tls = try url.isSecure ? TLSTrust.context(configuration) : nil
            let readiness = group.any().makePromise(of: Void.self)
            let bootstrap = ClientBootstrap(group: group)
                .connectTimeout(.nanoseconds(Int64(configuration.limits.connectSeconds * 1e9)))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            do {
                let (channel, multiplexer) = try await bootstrap.connect(host: url.host, port: url.port) { channel in
                    channel.eventLoop.makeCompletedFuture { try configure(channel, tls: tls, host: url.host, readiness: readiness) }
                }
                if tls == nil { readiness.succeed() }
                let deadline = channel.eventLoop.scheduleTask(in: .nanoseconds(Int64(configuration.limits.connectSeconds * 1e9))) {
                    readiness.fail(HandshakeFault(problem: "the TLS handshake took too long"))
                }
                defer { deadline.cancel() }
                do { try await readiness.futureResult.get() } catch {
                    channel.close(promise: nil)
                    throw error
                }
                return ClientConnection(channel: channel, multiplexer: multiplexer)
            } catch {
                readiness.fail(error)
                throw error
            }
        } catch {
            throw .unreachable(url: url.description, reason: ClientError.reason(error))
        }
    }

    private static func configure(
        _ channel: any Channel, tls: NIOSSLContext?, host: String, readiness: EventLoopPromise<Void>
    ) throws -> (any Channel, NIOHTTP2Handler.AsyncStreamMultiplexer<Void>) {
        let pipeline = channel.pipeline.syncOperations
        if let tls {
            try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: TLSTrust.serverName(host)))
            try pipeline.addHandler(HandshakeObserver(readiness))
        }
        var configuration = NIOHTTP2Handler.Configuration()
        configuration.connection.targetWindowSize = 1 << 20
        let multiplexer = try pipeline.configureAsyncHTTP2Pipeline(mode: .client, configuration: configuration) { pushed in
            // We don't take pushes; our settings say so, and a server of ours sends none.
            pushed.close()
        }
        try pipeline.addHandler(ConnectionErrors())
        return (channel, multiplexer)
    }

    var isUsable: Bool { channel.isActive }

    func openStream(silenceSeconds: Double?) async throws -> Stream {
        try await multiplexer.openStream { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(HTTP2FramePayloadToHTTPClientCodec())
                if let silenceSeconds {
                    try pipeline.addHandler(IdleStateHandler(readTimeout: .nanoseconds(Int64(silenceSeconds * 1e9))))
                    try pipeline.addHandler(SilenceEnds())
                }
                return try Stream(wrappingChannelSynchronously: channel)
            }
        }
    }

    func close() async { try? await channel.close().get() }
}

struct HandshakeFault: Error {
    var problem: String

    static let otherName = "TLS failed: its certificate is for another name: use the host name that the certificate has"

    /// Why TLS failed, in words that say what to do.
    static func words(_ error: any Error) -> String {
        let text = "\(error)"
        if error is NIOSSLExtraError { return otherName }
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return
                "TLS failed: its certificate isn't signed by an authority that is trusted here: name the authority's file with --ca-file or GREENROOM_CA_FILE"
        }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            return "TLS failed: it doesn't speak TLS there: try http://"
        }
        if text.contains("uncleanShutdown") { return "the server closed the connection" }
        return "TLS failed"
    }
}

/// Tells once TLS stands, and whether it is HTTP/2 that was agreed on.
private final class HandshakeObserver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let readiness: EventLoopPromise<Void>
    init(_ readiness: EventLoopPromise<Void>) { self.readiness = readiness }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let negotiated) = event as? TLSUserEvent {
            if negotiated == "h2" {
                readiness.succeed()
            } else {
                readiness.fail(HandshakeFault(problem: "the server does not speak HTTP/2 over TLS"))
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        readiness.fail(HandshakeFault(problem: HandshakeFault.words(error)))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        readiness.fail(HandshakeFault(problem: "the server closed the connection during the TLS handshake"))
        context.fireChannelInactive()
    }
}

/// A connection whose protocol broke is closed; its streams fail with it.
private final class ConnectionErrors: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOHTTP2Errors.StreamError { return }
        context.close(promise: nil)
    }
}

/// A stream that says nothing for too long is broken, whatever TCP believes.
private final class SilenceEnds: ChannelInboundHandler {
    typealias InboundIn = HTTPResponsePart
    typealias InboundOut = HTTPResponsePart

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.fireErrorCaught(HandshakeFault(problem: "the server said nothing for too long"))
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
