package import NIOCore

// What is left of an HTTP/2 stream whose connection breaks in the very read that opened it?
//
// NIO's multiplexer notes each stream that a read touched, and lets go of it at the read's end. A channel that closes within the
// read never learns of that end: the streams, their handlers and the multiplexer then hold one another for ever, some 40 KB a connection.
// This handler stands nearest the socket and reports the end itself, once the channel is closed. (Over TLS it is always reported.)

package final class ReadCompletion: ChannelInboundHandler {
    package typealias InboundIn = NIOAny
    package typealias InboundOut = NIOAny

    private var isReading = false

    package init() {}

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        context.fireChannelRead(data)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        context.fireChannelReadComplete()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        context.fireChannelInactive()
        guard isReading else { return }
        isReading = false
        context.fireChannelReadComplete()
    }
}

@available(*, unavailable)
extension ReadCompletion: Sendable {}
