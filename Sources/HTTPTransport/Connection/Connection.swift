import Logging
import NIOCore
import NIOHTTP1
import NIOTLS

// What does one connection do between its requests?
//
// It stands first in the channel's pipeline (after TLS) and sees every byte. It counts open requests, and knows since when there are
// none. It knows the HTTP/2 streams, who was let in last, what its answers hold in memory, and whether it is closing. It also holds
// flushes back: answers written while the loop hands out many at once, or while it still reads, leave in one system call.

final class Connection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    enum Version { case unknown, http1, http2 }

    let loop: TransportLoop
    private(set) var version = Version.unknown
    /// The responder's.
    private(set) var memory: AnyObject?
    /// Came when every place was taken: it hears what the responder lets it hear.
    let isReserve: Bool

    private let place: Place
    /// Its place is another's. Over TLS the channel may still wait some seconds for the client to take leave.
    private var hasGivenWay = false
    private var context: ChannelHandlerContext?
    private var openRequests = 0
    private(set) var lastRequestAt: NIODeadline
    /// When the TLS handshake began; nil once it is done, or where there is none.
    private var handshakingSince: NIODeadline?
    /// When the first byte came that no request has accounted for; nil where there is none.
    private var pendingSince: NIODeadline?
    /// Since when the socket takes nothing.
    private var unwritableSince: NIODeadline?
    /// Of the request that is being read: HTTP/1.0 knows no Host and no chunks.
    var isHTTP10 = false
    /// Over HTTP/1.1: a header stopped half way, which is what the parser's error then means.
    private(set) var hasStalledHeader = false
    /// Nothing new begins, and where nothing is open nothing may be said any more.
    private(set) var isDraining = false
    /// Rises with each connection of its event loop.
    var admission: UInt64 = 0
    private var drainingSince: NIODeadline?
    /// The client has said its last word, and may still listen.
    private var inputClosedSince: NIODeadline?
    var isInputClosed: Bool { inputClosedSince != nil }
    private var isReading = false
    private var holdsFlush = false
    /// Written and not flushed yet.
    private var heldBytes = 0
    /// Of answers that the client has not taken.
    private var answerBytes = 0

    // Over HTTP/2.
    private var streamCount: StreamCount
    private var streams: [Exchange] = []
    /// Of HTTP/1.1: the one there is.
    weak var exchange: Exchange?

    init(loop: TransportLoop, place: Place, isReserve: Bool, isSecure: Bool) {
        self.loop = loop
        self.place = place
        self.isReserve = isReserve
        streamCount = StreamCount(limit: loop.limits.streamsPerConnection)
        lastRequestAt = .now()
        handshakingSince = isSecure ? .now() : nil
    }

    /// It is settled what is spoken here, and whether the client is known.
    func settled(_ version: Version, certificate: () -> [UInt8]?) {
        self.version = version
        memory = loop.responder.met(certificate: certificate)
    }

    // MARK: - Requests

    /// The clock of an event loop moves with its sweeps: of two that were busy last between the same ones, the older one.
    func hasBeenIdleLonger(than other: Connection) -> Bool {
        lastRequestAt != other.lastRequestAt ? lastRequestAt < other.lastRequestAt : admission < other.admission
    }

    func requestBegan() {
        openRequests += 1
        pendingSince = nil
    }

    func requestEnded() {
        openRequests -= 1
        lastRequestAt = loop.now
    }

    var keptStreams: Int { streamCount.keptCount }

    /// Neither a request nor an answer under way.
    var isIdle: Bool { openRequests == 0 && streams.isEmpty && !isDraining && !hasGivenWay }

    // MARK: - Streams of HTTP/2

    /// False where the stream is one too many: for this connection, or for all together.
    func add(stream: Exchange) -> Bool {
        streamCount.opened()
        stream.streamIndex = streams.count
        streams.append(stream)
        if !streamCount.isExceeded, let place = Place(under: loop.shared.streams) {
            stream.place = place
            return true
        }
        // Not at once: NIO is still making the stream.
        if !streamCount.refuse() {
            let me = NIOLoopBound(self, eventLoop: loop.eventLoop)
            loop.eventLoop.execute { me.value.closeNow() }
        }
        return false
    }

    func closed(stream: Exchange) {
        guard let index = stream.streamIndex else { return }
        stream.streamIndex = nil
        streamCount.closed()
        let last = streams.removeLast()
        guard last !== stream else { return }
        streams[index] = last
        last.streamIndex = index
    }

    func freed(stream: Exchange) {
        streamCount.freed()
        stream.place?.leave()
        if isInputClosed, streams.isEmpty { closeOnceWritten() }
    }

    // MARK: - What answers hold

    /// Room for an answer's bytes until they are written to the socket; false where there is none.
    func reserve(answerBytes count: Int) -> Bool {
        guard answerBytes + count <= loop.limits.connectionAnswerBytes, loop.shared.answerBytes.enter(count) else { return false }
        answerBytes += count
        return true
    }

    func release(answerBytes count: Int) {
        answerBytes -= count
        loop.shared.answerBytes.leave(count)
    }

    // MARK: - Limits and stopping

    func checkIdle(_ now: NIODeadline) {
        streamCount.swept()
        let limits = loop.limits
        if let handshakingSince {
            if now - handshakingSince > .seconds(limits.handshakeSeconds) { closeNow() }
            return
        }
        if let unwritableSince, now - unwritableSince > .seconds(limits.writeStallSeconds) { return closeNow() }
        for stream in Array(streams) { stream.checkTaken(now) }
        // An answer that the client's window holds back is held back for ever: nobody opens it any more.
        if version == .http2, openRequests == 0, let inputClosedSince,
            now - max(inputClosedSince, lastRequestAt) > .seconds(limits.lingerSeconds)
        {
            return closeNow()
        }
        if let drainingSince, openRequests == 0, now - drainingSince > .seconds(limits.lingerSeconds) { return closeNow() }
        guard openRequests == 0, !isDraining else { return }
        if isReserve, now - lastRequestAt > .seconds(limits.reserveSeconds) { return closeNow() }
        if let pendingSince, version != .http2, unwritableSince == nil, now - pendingSince > .seconds(limits.stallSeconds) {
            return headerStalled()
        }
        if now - lastRequestAt > .seconds(limits.idleSeconds) { drain() }
    }

    /// Nothing new begins; what is open finishes, then the connection closes.
    func drain() {
        guard let context, !isDraining else { return }
        isDraining = true
        drainingSince = loop.now
        if version == .unknown { return closeNow() }
        context.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }

    func closeNow() { context?.close(promise: nil) }

    /// Makes room for another connection: the place is free at once, the channel closes as it may.
    func giveWay() {
        hasGivenWay = true
        place.leave()
        closeNow()
    }

    /// A header that never ends.
    private func headerStalled() {
        pendingSince = nil
        guard version == .http1 else { return closeNow() }
        hasStalledHeader = true
        // NIO's pipelining lets an answer without a request through after a parser's error, and after nothing else.
        context?.pipeline.fireErrorCaught(HTTPParserError.unknown)
    }

    /// Closes once all that was written before is with the socket.
    func closeOnceWritten() {
        guard let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in bound.value.closeNow() }
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: written)
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        loop.remove(self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        place.leave()
        loop.remove(self)
        context.fireChannelInactive()
        self.context = nil
        // See `ReadCompletion`: without this, HTTP/2's streams of a read that closed the channel are never freed.
        guard isReading else { return }
        isReading = false
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            handshakingSince = nil
            lastRequestAt = loop.now
        }
        context.fireUserInboundEventTriggered(event)
        if case .inputClosed? = event as? ChannelEvent { inputClosed() }
    }

    /// What was asked before is answered, and what only waits gives up: who closes a connection looks the same as who closes their side.
    /// The parser and the pipelining of HTTP/1.1 have heard of it and close by themselves; they tell the exchange once it has answered.
    private func inputClosed() {
        inputClosedSince = .now()
        switch version {
        case .unknown: closeNow()
        case .http1: exchange?.clientSaysNoMore()
        case .http2:
            if streams.isEmpty { return closeOnceWritten() }
            for stream in Array(streams) { stream.clientSaysNoMore() }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        unwritableSince = context.channel.isWritable ? nil : .now()
        context.fireChannelWritabilityChanged()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        if openRequests == 0, pendingSince == nil { pendingSince = loop.now }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        isReading = false
        if holdsFlush, !loop.holdsFlushes { releaseFlush() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        heldBytes += unwrapOutboundIn(data).readableBytes
        context.write(data, promise: promise)
        // TLS keeps what isn't flushed to itself: only what reaches the socket shows whether anybody reads.
        if holdsFlush, heldBytes > ResponseWriter.partBytes { flushNow(context) }
    }

    func flush(context: ChannelHandlerContext) {
        guard isReading || loop.holdsFlushes else { return flushNow(context) }
        guard !holdsFlush else { return }
        holdsFlush = true
        if !isReading { loop.holdFlush(of: self) }
    }

    private func flushNow(_ context: ChannelHandlerContext) {
        heldBytes = 0
        context.flush()
    }

    /// Flushes what was held back.
    func releaseFlush() {
        guard holdsFlush else { return }
        holdsFlush = false
        if let context { flushNow(context) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // Whoever closes has said its last word before: it must leave first.
        if holdsFlush {
            holdsFlush = false
            flushNow(context)
        }
        context.close(mode: mode, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard version == .unknown else { return context.fireErrorCaught(error) }
        // The handshake failed: a certificate nobody vouches for, or no TLS at all.
        loop.shared.log.debug("a connection was refused", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }
}

extension TimeAmount {
    static func seconds(_ value: Double) -> TimeAmount { .nanoseconds(Int64(value * 1e9)) }
}
