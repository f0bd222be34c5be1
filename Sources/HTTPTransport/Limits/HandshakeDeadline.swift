package import NIOCore
import NIOTLS

// How long may a TLS handshake take?
//
// Stands right behind TLS in servers whose own handlers don't watch it, and closes a connection whose handshake isn't done in time.

package final class HandshakeDeadline: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = NIOAny

    private let time: TimeAmount
    private var deadline: Scheduled<Void>?

    package init(seconds: Double) { time = .nanoseconds(Int64(seconds * 1e9)) }

    package func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) { stop() }

    package func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { stop() }
        context.fireUserInboundEventTriggered(event)
    }

    private func stop() {
        deadline?.cancel()
        deadline = nil
    }
}

@available(*, unavailable)
extension HandshakeDeadline: Sendable {}
