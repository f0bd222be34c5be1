import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

// How does the protocol run over a channel?
//
// It holds no rule of its own: it gives bytes and facts to the session and does what the session's steps say. It runs on its channel's
// event loop alone.

final class NATSChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Tells of what happened; called on the event loop.
    enum Event {
        case ready(NATSServerInfo)
        case informed(NATSServerInfo)
        case message(NATSMessage)
        case complained(NATSServerProblem)
        /// The last event.
        case ended(NATSError)
    }

    private var session: NATSSession
    private let makeTLS: () throws -> NIOSSLClientHandler
    private let pingInterval: TimeAmount
    private let server: NATSAddress
    private let report: (Event) -> Void
    private var pings: RepeatedTask?
    private var deadline: Scheduled<Void>?
    private var hasEnded = false

    init(
        _ session: NATSSession, server: NATSAddress, limits: NATSLimits, makeTLS: @escaping () throws -> NIOSSLClientHandler,
        report: @escaping (Event) -> Void
    ) {
        self.session = session
        self.server = server
        self.makeTLS = makeTLS
        self.report = report
        pingInterval = .nanoseconds(Int64(max(limits.pingSeconds.boundedSeconds, 0.01) * 1e9))
        connectBound = .nanoseconds(Int64(limits.connectSeconds.boundedSeconds * 1e9))
    }

    private let connectBound: TimeAmount

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: connectBound) {
            let (handler, context) = bound.value
            handler.end(.unreachable(server: "\(handler.server)", reason: "it didn't greet in time"), context)
        }
        perform(session.connected(), context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { perform(session.received(unwrapInboundIn(data)), context) }

    func channelReadComplete(context: ChannelHandlerContext) { context.fireChannelReadComplete() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { perform(session.secured(), context) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let reason = ConnectionProblem.words(error)
        end(
            session.phase == .ready ? .connectionLost(reason: "\(server): \(reason)") : .unreachable(server: "\(server)", reason: reason),
            context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let reason = session.phase == .startingTLS ? "it closed the connection during the TLS handshake" : "it closed the connection"
        end(
            session.phase == .ready ? .connectionLost(reason: "\(server) closed it") : .unreachable(server: "\(server)", reason: reason),
            context)
        context.fireChannelInactive()
    }

    private func perform(_ steps: [NATSSession.Step], _ context: ChannelHandlerContext) {
        for step in steps where !hasEnded {
            switch step {
            case .send(let bytes): context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
            case .startTLS: startTLS(context)
            case .ready:
                deadline?.cancel()
                beginPings(context)
                report(.ready(session.info))
            case .informed: report(.informed(session.info))
            case .message(let message): report(.message(message))
            case .complained(let problem): report(.complained(problem))
            case .failed(let error): end(error, context)
            }
        }
    }

    private func startTLS(_ context: ChannelHandlerContext) {
        do { try context.pipeline.syncOperations.addHandler(try makeTLS(), position: .first) } catch {
            end(.unreachable(server: "\(server)", reason: ConnectionProblem.words(error)), context)
        }
    }

    private func beginPings(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        pings = context.eventLoop.scheduleRepeatedTask(initialDelay: pingInterval, delay: pingInterval) { _ in
            let (handler, context) = bound.value
            handler.perform(handler.session.ticked(), context)
        }
    }

    private func end(_ error: NATSError, _ context: ChannelHandlerContext) {
        guard !hasEnded else { return }
        hasEnded = true
        deadline?.cancel()
        pings?.cancel()
        context.close(promise: nil)
        report(.ended(error))
    }
}

/// Why a connection could not be made or broke, in words that say what to do.
enum ConnectionProblem {
    static func words(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { words($0.error) } ?? "the name \(error.host) can't be resolved"
        case let error as IOError:
            error.errnoCode == ECONNREFUSED
                ? "the connection was refused: see whether the server runs there" : "the connection broke (errno \(error.errnoCode))"
        case let error as TLSProblem: error.description
        case is NIOSSLExtraError: "TLS failed: its certificate is for another name: use the host name that the certificate has"
        case let error as NIOSSLError: words("\(error)")
        case let error as BoringSSLError: words("\(error)")
        case let error as ChannelError:
            if case .connectTimeout = error {
                "no answer in time: check the address, and that no firewall is in between"
            } else {
                "it closed the connection"
            }
        default: "the connection broke"
        }
    }

    private static func words(_ text: String) -> String {
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            return "TLS failed: its certificate isn't signed by an authority that is trusted here: name the authority's file"
        }
        if text.contains("CERTIFICATE_REQUIRED") || text.contains("BAD_CERTIFICATE") {
            return "TLS failed: it wants a client certificate that it trusts: name the certificate's and the key's file"
        }
        if text.contains("WRONG_VERSION_NUMBER") { return "TLS failed: it doesn't begin with TLS there" }
        if text.contains("uncleanShutdown") { return "it closed the connection" }
        return "TLS failed"
    }
}
