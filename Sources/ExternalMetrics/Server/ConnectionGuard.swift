import HTTPServing
import NIOCore

// Does this connection keep to its limits of time?
//
//     handshaking ─→ idle ⇄ in requests ─→ draining ─→ closed
//
// Stands behind TLS and sees every byte. A sweep looks at the times now and then; no request has a timer of its own. Touched on
// the connection's event loop alone.

final class ConnectionGuard: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    enum Version { case handshaking, http1, http2 }

    let shared: ServerShared
    private(set) var version = Version.handshaking
    /// Whether a verified front proxy is at the other end.
    private(set) var isProxy = false

    private var context: ChannelHandlerContext?
    private var sweeping: RepeatedTask?
    private var exchanges: [ObjectIdentifier: ExchangeHandler] = [:]
    /// Since when there is neither a request nor a part of one.
    private var idleSince = NIODeadline.now()
    /// Over HTTP/1.1: when the first byte came that no request has accounted for.
    private var pendingSince: NIODeadline?
    private var drainingSince: NIODeadline?
    /// Since when the socket takes nothing.
    private var unwritableSince: NIODeadline?
    /// The client has said its last word, and may still listen.
    private var isInputClosed = false
    private var streams: StreamCount

    init(shared: ServerShared) {
        self.shared = shared
        streams = StreamCount(limit: shared.limits.streamsPerConnection)
    }

    // MARK: - Requests

    func negotiated(_ version: Version, isProxy: Bool) {
        self.version = version
        self.isProxy = isProxy
        idleSince = .now()
    }

    func began(_ exchange: ExchangeHandler) {
        exchanges[ObjectIdentifier(exchange)] = exchange
        pendingSince = nil
    }

    func ended(_ exchange: ExchangeHandler) {
        exchanges[ObjectIdentifier(exchange)] = nil
        idleSince = .now()
        if isInputClosed, exchanges.isEmpty { closeOnceWritten() }
    }

    /// A stream of HTTP/2; false where it is one too many.
    func streamOpened() -> Bool {
        streams.opened()
        guard streams.isExceeded else { return true }
        // Not at once: NIO is still making the stream.
        if !streams.refuse(), let context {
            let me = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.eventLoop.execute { me.value.close() }
        }
        return false
    }

    func streamClosed() {
        streams.closed()
        streams.freed()
    }

    // MARK: - Times

    private func sweep() {
        let now = NIODeadline.now()
        streams.swept()
        if let unwritableSince, now - unwritableSince > .seconds(shared.limits.writeStallSeconds) { return close() }
        for exchange in Array(exchanges.values) { exchange.check(now) }
        let limits = shared.limits
        guard exchanges.isEmpty else { return }
        if let drainingSince {
            if now - drainingSince > .seconds(limits.drainSeconds) { close() }
        } else if version == .handshaking {
            if now - idleSince > .seconds(limits.handshakeSeconds) { close() }
        } else if version == .http1, let pendingSince, now - pendingSince > .seconds(limits.requestSeconds) {
            close()
        } else if now - idleSince > .seconds(limits.idleSeconds) {
            drain()
        }
    }

    /// Nothing new begins; what is open finishes, then the connection closes.
    func drain() {
        guard let context, drainingSince == nil else { return }
        drainingSince = .now()
        if version == .handshaking { return close() }
        context.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    private func close() { context?.close(promise: nil) }

    /// Closes once all that was written before is with the socket.
    private func closeOnceWritten() {
        guard let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in bound.value.close() }
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: written)
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let period = TimeAmount.seconds(shared.limits.sweepSeconds)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        sweeping = context.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in bound.value.sweep() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        sweeping?.cancel()
        sweeping = nil
        context = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        unwritableSince = context.channel.isWritable ? nil : .now()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        guard case .inputClosed? = event as? ChannelEvent else { return }
        isInputClosed = true
        if version == .handshaking { close() } else if exchanges.isEmpty { closeOnceWritten() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if exchanges.isEmpty, pendingSince == nil { pendingSince = .now() }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Before there is a protocol, the handshake failed: a certificate nobody vouches for, or no TLS at all.
        guard version == .handshaking else { return context.fireErrorCaught(error) }
        shared.log.debug("a connection was refused", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }
}

extension TimeAmount {
    static func seconds(_ value: Double) -> TimeAmount { .nanoseconds(Int64(value * 1e9)) }
}
