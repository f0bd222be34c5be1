import NIOCore
import NIOHTTP1

// Does an HTTP/1.1 connection outlive this answer?
//
// Stands between NIO's HTTP/1.1 handlers and the codec to version-independent parts, which forgets two things that only
// HTTP/1 has: that a client wants the connection closed afterwards, and that it speaks HTTP/1.0 and knows no chunks. An
// answer that says `connection: close` is followed by the close once the request has been read to its end, so that the
// client gets to see the answer. Where that end can't be known, because the parser gave up, our side alone is closed and the
// rest is read and thrown away for a while: closing on unread bytes would reset the connection under the answer
// (RFC 9112, 9.6).

final class HTTP1Persistence: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private var version = HTTPVersion.http1_1
    private var closes = false
    private var isRequestOpen = false
    private var hasAnswered = false
    /// The parser gave up: no request will come any more.
    private var isBroken = false
    private let lingerTime: TimeAmount

    init(lingerSeconds: Double) { lingerTime = .seconds(lingerSeconds) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What a broken request goes on to say is no news.
        if isBroken, error is ByteToMessageDecoderError { return }
        if error is HTTPParserError { isBroken = true }
        context.fireErrorCaught(error)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            version = head.version
            closes = !head.isKeepAlive
            isRequestOpen = true
            hasAnswered = false
        case .body: break
        case .end: isRequestOpen = false
        }
        context.fireChannelRead(data)
        if closes, hasAnswered, !isRequestOpen { context.close(promise: nil) }
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
        case .end where closes && !isRequestOpen:
            hasAnswered = true
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.whenComplete { [isBroken, lingerTime] _ in
                guard isBroken else { return bound.value.close(promise: nil) }
                bound.value.close(mode: .output, promise: nil)
                bound.value.eventLoop.scheduleTask(in: lingerTime) { bound.value.close(promise: nil) }
            }
            context.write(data, promise: written)
        case .end:
            hasAnswered = true
            context.write(data, promise: promise)
        default: context.write(data, promise: promise)
        }
    }
}
