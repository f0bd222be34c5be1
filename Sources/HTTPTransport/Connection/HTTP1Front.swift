package import NIOCore
package import NIOHTTP1

// How much of an HTTP/1.1 connection's future is in memory?
//
// A client can send thousands of requests in one go and read none of the answers. NIO's pipelining parses all that comes, some twenty
// times its size, and lets the next request in once an answer's end is written, whoever takes it. Two handlers around it keep both
// short. `RequestFeed`, before the parser, hands on a few KB at a time, in its turn (`RequestTurns`), and none while a request waits
// for its answer; meanwhile it stops reading. `ResponsePacing`, behind the pipelining, keeps an answer's end back while the socket takes
// no more. So a connection holds a slice of parsed requests, the bytes of one reading, and one answer.
//
//     socket ─→ RequestFeed ─→ parser ─→ pipelining ─→ ResponsePacing ─→ the server's own handlers

package enum HTTP1Front {
    package static func handlers(
        _ limits: NIOHTTPDecoderLimitConfiguration, turns: RequestTurns
    ) -> (handlers: [any ChannelHandler], pacing: ResponsePacing) {
        let pacing = ResponsePacing()
        let handlers: [any ChannelHandler] = [
            HTTPResponseEncoder(), RequestFeed(pacing, turns), ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limits)),
            HTTPServerPipelineHandler(), pacing,
        ]
        return (handlers, pacing)
    }
}

package final class ResponsePacing: ChannelDuplexHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias InboundOut = HTTPServerRequestPart
    package typealias OutboundIn = HTTPServerResponsePart
    package typealias OutboundOut = HTTPServerResponsePart

    private var held: (end: HTTPServerResponsePart, promise: EventLoopPromise<Void>?)?
    private var afterwards: (() -> Void)?
    /// Since somebody asked last.
    fileprivate var requests = 0
    /// A request is here as a whole, and its answer isn't written to its end.
    fileprivate var isAnswering = false
    private var isAnswerDone = false
    fileprivate var answered: (() -> Void)?

    fileprivate init() {}

    /// Runs `work` once no end is kept back: at once, where none is.
    package func onceReleased(_ work: @escaping () -> Void) {
        if held == nil { work() } else { afterwards = work }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            isAnswerDone = false
            requests += 1
        case .body: break
        // It may have been answered before it came to its end.
        case .end: isAnswering = !isAnswerDone
        }
        context.fireChannelRead(data)
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part = unwrapOutboundIn(data)
        guard case .end = part else { return context.write(data, promise: promise) }
        if context.channel.isWritable { pass(context, part, promise) } else { held = (part, promise) }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, let (end, promise) = held {
            held = nil
            pass(context, end, promise)
            context.flush()
            afterwards?()
            afterwards = nil
        }
        context.fireChannelWritabilityChanged()
    }

    /// The pipelining may let the next request in before this returns.
    private func pass(_ context: ChannelHandlerContext, _ end: HTTPServerResponsePart, _ promise: EventLoopPromise<Void>?) {
        isAnswering = false
        isAnswerDone = true
        context.write(wrapOutboundOut(end), promise: promise)
        answered?()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        drop()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { drop() }

    private func drop() {
        afterwards = nil
        answered = nil
        guard let (_, promise) = held else { return }
        held = nil
        promise?.fail(ChannelError.ioOnClosedChannel)
    }
}

@available(*, unavailable)
extension ResponsePacing: Sendable {}

private final class RequestFeed: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// Handed to the parser at a time: at most some 150 requests.
    private static let sliceBytes = 4 << 10
    /// Of requests behind one that waits. More than a reading comes only from a client that sent it all and closed its side.
    private static let heldBytesMost = 1 << 20

    private let pacing: ResponsePacing
    private let turns: RequestTurns
    private var context: ChannelHandlerContext?
    private var held = ByteBuffer()
    private var hasHeldRead = false
    private var hasHeldEnd = false
    private var isResuming = false

    init(_ pacing: ResponsePacing, _ turns: RequestTurns) { (self.pacing, self.turns) = (pacing, turns) }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        pacing.answered = { [weak self] in self?.resumeSoon() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelInactive(context: ChannelHandlerContext) {
        held = ByteBuffer()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard held.readableBytes == 0 else { return hold(&bytes, context) }
        feed(&bytes, context)
        if bytes.readableBytes > 0 { hold(&bytes, context) }
    }

    private func hold(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) {
        held.writeBuffer(&bytes)
        if held.readableBytes > Self.heldBytesMost { context.close(promise: nil) }
    }

    private func feed(_ bytes: inout ByteBuffer, _ context: ChannelHandlerContext) {
        while !pacing.isAnswering, turns.room > 0, let slice = bytes.readSlice(length: min(Self.sliceBytes, bytes.readableBytes)),
            slice.readableBytes > 0
        {
            context.fireChannelRead(wrapInboundOut(slice))
            turns.took(pacing.requests)
            pacing.requests = 0
        }
        // Nobody's answer will bring the rest on: the turn does.
        if bytes.readableBytes > 0, !pacing.isAnswering { resumeInTurn() }
    }

    private func resumeInTurn() {
        guard !isResuming else { return }
        isResuming = true
        turns.hold { [weak self] in self?.resume() }
    }

    /// Not at once: an answer may be written while the parser is at work on the slice before.
    private func resumeSoon() {
        if held.readableBytes > 0 { resumeInTurn() }
    }

    private func resume() {
        isResuming = false
        guard let context, held.readableBytes > 0 else { return }
        // Whoever reads meanwhile finds nothing held, and would overtake.
        var bytes = held
        feed(&bytes, context)
        held = bytes
        context.fireChannelReadComplete()
        guard held.readableBytes == 0 else { return }
        held = ByteBuffer()
        if hasHeldEnd {
            hasHeldEnd = false
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        if hasHeldRead {
            hasHeldRead = false
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        if held.readableBytes > 0 { hasHeldRead = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent, held.readableBytes > 0 {
            hasHeldEnd = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
