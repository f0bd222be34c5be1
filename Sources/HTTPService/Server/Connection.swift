import NIOCore
import NIOHTTP1

// What does one connection do between its requests?
//
// It stands first in the channel's pipeline (after TLS), sees every byte, and keeps four things: how many requests are open
// and since when none is, who was let in last, whether it is closing, and the flushes it holds back. Answers that are
// written while the loop hands out a commit's results, or while it still reads, leave in one system call.

final class Connection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    enum Version { case unknown, http1, http2 }

    let state: EventLoopState
    var version = Version.unknown
    var authorization = Authorizer.Memory()

    private var context: ChannelHandlerContext?
    private var openRequests = 0
    private var lastRequestAt: NIODeadline
    /// When the first byte came that no request has accounted for; nil where there is none.
    private var pendingSince: NIODeadline?
    /// Over HTTP/1.1: a header stopped half way, which is what the parser's error then means.
    private(set) var hasStalledHeader = false
    /// Nothing new begins, and where nothing is open nothing may be said any more.
    private(set) var isDraining = false
    private var drainingSince: NIODeadline?
    private var isReading = false
    private var holdsFlush = false

    init(state: EventLoopState) {
        self.state = state
        lastRequestAt = state.now
    }

    // MARK: - Requests

    func requestBegan() {
        openRequests += 1
        pendingSince = nil
    }

    func requestEnded() {
        openRequests -= 1
        lastRequestAt = state.now
    }

    // MARK: - Limits and stopping

    func checkIdle(_ now: NIODeadline) {
        if let drainingSince, openRequests == 0, now - drainingSince > .seconds(state.limits.lingerSeconds) { return closeNow() }
        guard openRequests == 0, !isDraining else { return }
        if let pendingSince, version != .http2, now - pendingSince > .seconds(state.limits.stallSeconds) { return headerStalled() }
        if now - lastRequestAt > .seconds(state.limits.idleSeconds) { drain() }
    }

    /// Nothing new begins; what is open finishes, then the connection closes.
    func drain() {
        guard let context, !isDraining else { return }
        isDraining = true
        drainingSince = state.now
        if version == .unknown { return closeNow() }
        context.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    func closeNow() { context?.close(promise: nil) }

    /// A header that never ends, or a TLS handshake that doesn't.
    private func headerStalled() {
        pendingSince = nil
        guard version == .http1 else { return closeNow() }
        hasStalledHeader = true
        // NIO's pipelining lets an answer without a request through after a parser's error, and after nothing else.
        context?.pipeline.fireErrorCaught(HTTPParserError.unknown)
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        state.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        state.remove(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.remove(self)
        self.context = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        if openRequests == 0, pendingSince == nil { pendingSince = state.now }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        isReading = false
        if holdsFlush, !state.isDelivering { releaseFlush() }
    }

    func flush(context: ChannelHandlerContext) {
        guard isReading || state.isDelivering else { return context.flush() }
        guard !holdsFlush else { return }
        holdsFlush = true
        if !isReading { state.holdFlush(of: self) }
    }

    /// Flushes what was held back.
    func releaseFlush() {
        guard holdsFlush else { return }
        holdsFlush = false
        context?.flush()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // Whoever closes has said its last word before: it must leave first.
        if holdsFlush {
            holdsFlush = false
            context.flush()
        }
        context.close(mode: mode, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if version == .unknown { context.close(promise: nil) } else { context.fireErrorCaught(error) }
    }
}

extension TimeAmount {
    static func seconds(_ value: Double) -> TimeAmount { .nanoseconds(Int64(value * 1e9)) }
}
