import NIOCore
import NIOHTTP1

// Does an HTTP/1.1 connection outlive this answer?
//
// Stands between NIO's HTTP/1.1 handlers and the codec to version-independent parts, which forgets three things that only HTTP/1
// has: that a client wants the connection closed afterwards, that it speaks HTTP/1.0 and knows no chunks, and that a target may
// name a host. An answer that says `connection: close` is followed by the close once the request has been read to its end, so that
// the client gets to see the answer. If the parser gave up, that end can't be known. Then only our side is closed, and the rest is
// read and thrown away for a while: closing on unread bytes would reset the connection under the answer (RFC 9112, 9.6). A client
// that closes its own side has asked all it will: the last answer is the connection's last.

final class HTTP1Persistence: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let connection: Connection
    private let pacing: AnswerPacing
    private var version = HTTPVersion.http1_1
    private var closes = false
    private var isRequestOpen = false
    private var isAnswerOpen = false
    private var hasAnswered = false
    /// The parser gave up: no request will come any more.
    private var isBroken = false
    private let lingerTime: TimeAmount

    init(connection: Connection, pacing: AnswerPacing, lingerSeconds: Double) {
        self.connection = connection
        self.pacing = pacing
        lingerTime = .seconds(lingerSeconds)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What a broken request goes on to say is no news: it has had its answer.
        if isBroken, error is ByteToMessageDecoderError || error is HTTPParserError { return }
        if error is HTTPParserError { isBroken = true }
        context.fireErrorCaught(error)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(var head):
            // The codec keeps the path alone, so a host that the target names is handed on as what it is: one more.
            if let host = RequestRules.host(inTarget: head.uri), host.lowercased() != head.headers.first(name: "host")?.lowercased() {
                head.headers.add(name: "host", value: host)
            }
            version = head.version
            connection.isHTTP10 = head.version == .http1_0 || head.version == .http0_9
            // A client that offers another protocol is answered in this one; NIO's parser reads nothing behind such a request.
            closes = !head.isKeepAlive || head.headers.contains(name: "upgrade") || head.method == .CONNECT
            isRequestOpen = true
            isAnswerOpen = true
            hasAnswered = false
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body: context.fireChannelRead(data)
        case .end:
            isRequestOpen = false
            context.fireChannelRead(data)
        }
        if closes, hasAnswered, !isRequestOpen { context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        guard case .inputClosed? = event as? ChannelEvent else { return }
        if isAnswerOpen { closes = true } else if !isBroken { pacing.onceReleased { [connection] in connection.closeOnceWritten() } }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            head.version = version
            // No length and no chunks: the end of the connection is the end of the body.
            if version == .http1_0, !head.headers.contains(name: "content-length") { closes = true }
            if !head.isKeepAlive { closes = true }
            if closes { head.headers.replaceOrAdd(name: "connection", value: "close") }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end where closes && (isBroken || !isRequestOpen):
            hasAnswered = true
            isAnswerOpen = false
            writeAndClose(context, promise ?? context.eventLoop.makePromise(), data)
        case .end:
            hasAnswered = true
            isAnswerOpen = false
            context.write(data, promise: promise)
        default: context.write(data, promise: promise)
        }
    }

    private func writeAndClose(_ context: ChannelHandlerContext, _ written: EventLoopPromise<Void>, _ data: NIOAny) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        written.futureResult.whenComplete { [isBroken, lingerTime] _ in
            guard isBroken else { return bound.value.close(promise: nil) }
            bound.value.close(mode: .output, promise: nil)
            bound.value.eventLoop.scheduleTask(in: lingerTime) { bound.value.close(promise: nil) }
        }
        context.write(data, promise: written)
    }
}
