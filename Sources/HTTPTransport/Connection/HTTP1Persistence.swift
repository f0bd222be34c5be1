import NIOCore
import NIOHTTP1

// Does an HTTP/1.1 connection stay open after this response?
//
// It stands between NIO's HTTP/1.1 handlers and the codec that turns them into parts of any HTTP version. That codec drops three things
// that only HTTP/1 has: the client's wish to close the connection, HTTP/1.0 (which knows no chunks), and a host in the request target.
//
// After a response with `connection: close` the connection is closed once the request was read to its end. Closing on unread bytes would
// reset the connection, and the client might lose the response (RFC 9112, 9.6). After a parser error the end of the request isn't known:
// our side is closed, and what still arrives is read and dropped for a while. A client that closed its own side sends no more requests, so
// the connection ends after the last response.

final class HTTP1Persistence: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let connection: Connection
    private let pacing: ResponsePacing
    private var version = HTTPVersion.http1_1
    private var closes = false
    private var isRequestOpen = false
    private var isAnswerOpen = false
    private var hasAnswered = false
    /// The parser gave up: no request will come any more.
    private var isBroken = false
    private let lingerTime: TimeAmount

    init(connection: Connection, pacing: ResponsePacing, lingerSeconds: Double) {
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
