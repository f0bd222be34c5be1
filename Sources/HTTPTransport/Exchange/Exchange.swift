package import HTTPTypes
package import NIOCore
import NIOHTTP1
package import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOHTTPTypesHTTP2

// What happens to a request from its head to the end of its answer?
//
//     input:   idle ─head→ collecting ─end→ complete            (a body that is taken whole, or thrown away)
//                     └──→ streaming ──end→ complete            (a body that is taken as it comes)
//                     └──→ swallowing ─end→ complete            (answered already: the rest is read and thrown away)
//     output:  none ─→ open ─→ ended
//
// One exchange a stream over HTTP/2, one a connection over HTTP/1.1, where requests come one after another. It is over when input
// is complete and output has ended. The port's `Responder` decides who answers. All that may go wrong on the way is handled here:
// bounds of size and time (`Exchange+Time`), early answers, half a request, a client that goes. Touched on its event loop alone.

package final class Exchange: ChannelDuplexHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = Never
    package typealias OutboundIn = Never
    package typealias OutboundOut = HTTPResponsePart

    enum Input { case idle, collecting, streaming, swallowing, complete }
    enum Output { case none, open, ended }

    package let loop: TransportLoop
    let connection: Connection
    var context: ChannelHandlerContext?

    var input = Input.idle
    var output = Output.none

    // The request.
    /// Rises with every request of a connection: what is done for an earlier one comes too late.
    package private(set) var number = 0
    /// The responder's own number for what is asked.
    package var route: Int?
    package private(set) var isHead = false
    private var hasBody = true
    private var handler: (any RequestHandling)?
    var receiver: (any BodyReceiving)?
    private var keepsBody = true
    private var body: ByteBuffer?
    private var bodyBytes = 0
    private var swallowedBytes = 0
    private var isReadingPaused = false
    private var hasHeldRead = false

    // The answer.
    /// Of its bytes, what counts against the memory for answers until it is taken.
    private var reservedBytes = 0
    private var running: RunningResponse?
    var status = 0
    /// Since when parts of an answer are not read though the request still comes.
    var unreadSince: NIODeadline?

    // Time.
    var startedAt = NIODeadline.distantPast
    var lastProgressAt = NIODeadline.distantPast
    var isWatched = false
    /// Over HTTP/2: when the answer was complete, which the client then has to take.
    private var answeredAt: NIODeadline?

    // Over HTTP/2: its place among the connection's streams, and among all.
    var streamIndex: Int?
    var place: Place?
    /// One stream too many: it is reset as soon as its head is there.
    private var isRefused = false

    init(loop: TransportLoop, connection: Connection) {
        self.loop = loop
        self.connection = connection
    }

    package var isHTTP1: Bool { connection.version == .http1 }
    package var limits: TransportLimits { loop.limits }
    /// What the responder remembers of the connection.
    package var memory: AnyObject? { connection.memory }
    /// It came by the reserve, as every place was taken.
    package var isReserve: Bool { connection.isReserve }
    /// Nobody has begun to answer, and there is somebody to be answered.
    package var isUnanswered: Bool { context != nil && output == .none }
    /// The answer has begun, in parts, and is not complete.
    package var isAnswering: Bool { context != nil && output == .open }
    var isIdle: Bool { input == .idle }

    // MARK: - Channel

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if isHTTP1 { connection.exchange = self } else { isRefused = !connection.add(stream: self) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        leave()
        if !isHTTP1 { connection.freed(stream: self) }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        abandon()
        connection.closed(stream: self)
        context = nil
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { clientSaysNoMore() }
        context.fireUserInboundEventTriggered(event)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head)
        case .body(let bytes): receive(bytes)
        case .end: finishInput()
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        if input == .streaming { receiver?.readCompleted(self) }
        if input == .collecting || input == .streaming || input == .swallowing { watch() }
        context.fireChannelReadComplete()
    }

    package func read(context: ChannelHandlerContext) {
        if isReadingPaused { hasHeldRead = true } else { context.read() }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            running?.writable()
            if input == .streaming, unreadSince != nil { receiver?.writable(self) }
        }
        context.fireChannelWritabilityChanged()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What isn't HTTP is refused; whatever else fails, fails for good.
        guard isHTTP1, error is HTTPParserError || error is HTTP1TypeConversionError else { return context.close(promise: nil) }
        switch input {
        case .idle: refuseHead(error, context)
        case .collecting: refuse(.bodyMalformed(error), closing: true)
        case .streaming: receiver?.stopped(.bodyMalformed(error), self)
        // It is answered, or about to be: one request has one answer.
        case .swallowing, .complete: break
        }
    }

    private func refuseHead(_ error: any Error, _ context: ChannelHandlerContext) {
        guard output == .none, !connection.isDraining else { return context.close(promise: nil) }
        if connection.hasStalledHeader { return refuse(.headerStalled(limits), closing: true) }
        if let fault = error as? HTTPParserError, fault == .headerOverflow { return refuse(.headerTooLarge(limits), closing: true) }
        refuse(.notHTTP(error), closing: true)
    }

    // MARK: - Request

    private func begin(_ head: HTTPRequest) {
        if isRefused { return resetStream(.reset(code: .refusedStream)) }
        connection.requestBegan()
        number &+= 1
        startedAt = .now()
        lastProgressAt = loop.now
        input = .collecting
        output = .none
        status = 0
        hasBody = true
        isHead = head.method == .head
        do throws(RequestRules.Violation) {
            let facts = HeadFacts(head)
            try facts.rules.check(isHTTP1 ? connection.isHTTP10 ? .http1_0 : .http1_1 : .http2)
            admit(head, facts)
        } catch {
            // Where it is unclear what was said, nothing that follows can be trusted to be another request.
            refuse(.violation(error), closing: isHTTP1)
        }
    }

    /// Everything that can be refused before a byte of the body is there.
    private func admit(_ head: HTTPRequest, _ facts: HeadFacts) {
        guard facts.fieldCount <= limits.headerCount, facts.fieldBytes <= limits.headerBytes else { return refuse(.headerTooLarge(limits)) }
        hasBody = facts.hasBody || !isHTTP1
        do throws(Response) {
            switch try loop.responder.admit(head, facts, self) {
            case .whole(let handler): (self.handler, keepsBody) = (handler, true)
            case .bodiless(let handler): (self.handler, keepsBody) = (handler, false)
            case .parts(let receiver):
                self.receiver = receiver
                input = .streaming
            }
        } catch {
            return reject(error)
        }
        if input != .streaming, let length = facts.contentLength, length > limits.bodyBytes { return refuse(.bodyTooLarge(limits)) }
        if let expectation = facts.expectation { meet(expectation) }
    }

    private func meet(_ expectation: String) {
        guard expectation.lowercased() == "100-continue" else { return refuse(.unmetExpectation) }
        context?.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    }

    private func receive(_ bytes: ByteBuffer) {
        switch input {
        case .collecting: collect(bytes)
        case .streaming: receiver?.receive(bytes, self)
        case .swallowing: swallow(bytes.readableBytes)
        case .idle, .complete: break
        }
        if isWatched { lastProgressAt = loop.now }
    }

    private func collect(_ bytes: ByteBuffer) {
        var bytes = bytes
        let count = bytes.readableBytes
        guard bodyBytes + count <= limits.bodyBytes else { return refuse(.bodyTooLarge(limits)) }
        guard keepsBody else { return bodyBytes += count }
        guard loop.reserveBody(count) else { return refuse(.bodiesFull(limits)) }
        bodyBytes += count
        if body == nil { body = bytes } else { body?.writeBuffer(&bytes) }
    }

    private func swallow(_ count: Int) {
        swallowedBytes += count
        if swallowedBytes > limits.lingerBytes { cutOff() }
    }

    private func finishInput() {
        switch input {
        case .collecting:
            input = .complete
            unwatch()
            let whole = body
            releaseBody()
            handler?.respond(to: self, body: whole)
        case .streaming:
            input = .complete
            unwatch()
            receiver?.ended(self)
        case .swallowing:
            input = .complete
            unwatch()
            finishIfOver()
        case .idle, .complete: break
        }
    }

    // MARK: - For whoever takes the body as it comes

    /// Nothing more is read of the request until `resumeReading`; its time stands still meanwhile.
    package func pauseReading() { isReadingPaused = true }

    package func resumeReading() {
        guard isReadingPaused else { return }
        isReadingPaused = false
        if hasHeldRead {
            hasHeldRead = false
            context?.read()
        }
    }

    var isPaused: Bool { isReadingPaused }

    /// Whether the client reads what it was sent so far. Where it doesn't, its time runs, and `writable` tells when it does again.
    package func isRead() -> Bool {
        guard let context, !context.channel.isWritable else {
            unreadSince = nil
            return true
        }
        if unreadSince == nil { unreadSince = loop.now }
        return false
    }

    /// What is still to come of the request is thrown away.
    package func discardRest() {
        if input == .streaming { input = .swallowing }
        receiver = nil
    }

    // MARK: - Responses

    /// Writes a response that is complete.
    package func respond(_ response: Response) { writeWhole(response.status, response.fields, response.wholeBody) }

    /// Responds from a task of its own. The caller has entered `limit`. It is left when the work has ended, not when the client leaves: the
    /// limit is bound to the work.
    ///
    /// - Parameter waits: whether the work waits for something that may never come. It is then cancelled when the server stops, or when the
    ///   client closes its side.
    package func run(
        under limit: SharedLimit, waits: Bool = false, priority: TaskPriority? = nil,
        _ work: @escaping @Sendable () async throws -> Response
    ) {
        let running = RunningResponse(exchange: self, limit: limit, waits: waits)
        self.running = running
        let writer = ResponseWriter(running, eventLoop: loop.eventLoop)
        running.task = Task(priority: priority) { await writer.run(work) }
        // One that stood behind another when the client closed its side.
        if connection.isInputClosed { clientSaysNoMore() }
    }

    func refuse(_ refusal: Refusal, closing: Bool = false) { reject(loop.responder.response(to: refusal), closing: closing) }

    /// Answers no. The rest of the request, where there is one, is swallowed, so that the client gets to read the answer.
    package func reject(_ response: Response) { reject(response, closing: false) }

    private func reject(_ response: Response, closing: Bool) {
        guard output == .none else { return cutOff() }
        var fields = response.fields
        if isHTTP1, closing || connection.isReserve || (input != .complete && hasBody) { fields[.connection] = "close" }
        releaseBody()
        handler = nil
        receiver = nil
        if input == .collecting || input == .streaming { input = .swallowing }
        resumeReading()
        writeWhole(response.status, fields, response.wholeBody)
    }

    /// An answer that is there as a whole. Adds its length and date.
    private func writeWhole(_ status: HTTPResponse.Status, _ fields: HTTPFields, _ bytes: ByteBuffer?) {
        guard let context, output == .none else { return }
        var fields = fields
        if status != .noContent, status != .notModified { fields[.contentLength] = String(bytes?.readableBytes ?? 0) }
        let bytes = isHead ? nil : bytes
        fields[.date] = loop.date
        if isHTTP1, connection.isReserve { fields[.connection] = "close" }
        guard let count = bytes?.readableBytes, count >= Self.accountedBytes else { return write(status, fields, bytes, context) }
        guard connection.reserve(answerBytes: count) else {
            let refusal = loop.responder.response(to: .answersFull(limits))
            let bytes = refusal.wholeBody
            fields = refusal.fields
            fields[.contentLength] = String(bytes?.readableBytes ?? 0)
            fields[.date] = loop.date
            return write(refusal.status, fields, bytes, context)
        }
        reservedBytes = count
        write(status, fields, bytes, context)
    }

    /// An answer below this is too small to count: its stream or connection weighs more.
    private static let accountedBytes = 1_024

    /// A small answer, its fields complete with date and, over HTTP/1.1, length. For whoever answers tens of thousands a second.
    package func write(_ status: HTTPResponse.Status, _ fields: HTTPFields, _ bytes: ByteBuffer) {
        guard let context, output == .none else { return }
        write(status, fields, bytes, context)
    }

    package var allocator: ByteBufferAllocator { context?.channel.allocator ?? ByteBufferAllocator() }

    /// The one place where an answer is begun and ended at once.
    private func write(_ status: HTTPResponse.Status, _ fields: HTTPFields, _ bytes: ByteBuffer?, _ context: ChannelHandlerContext) {
        self.status = status.code
        output = .open
        context.write(wrapOutboundOut(.head(HTTPResponse(status: status, headerFields: fields))), promise: nil)
        if let bytes, bytes.readableBytes > 0 { context.write(wrapOutboundOut(.body(bytes)), promise: nil) }
        endAnswer()
    }

    // MARK: - An answer in parts, written on the loop

    /// Begins an answer whose parts follow.
    package func openAnswer(_ status: HTTPResponse.Status, _ fields: HTTPFields) {
        guard let context, output == .none else { return }
        output = .open
        self.status = status.code
        var fields = fields
        fields[.date] = loop.date
        context.write(wrapOutboundOut(.head(HTTPResponse(status: status, headerFields: fields))), promise: nil)
    }

    package func writePart(_ bytes: ByteBuffer) { context?.writeAndFlush(wrapOutboundOut(.body(bytes)), promise: nil) }

    package func endAnswer() {
        guard let context, output == .open else { return }
        output = .ended
        loop.responder.answered(route: route, status: status, nanoseconds: (NIODeadline.now() - startedAt).nanoseconds)
        // Over HTTP/1.1 the next request may begin before this call returns.
        let isOver = input == .complete || input == .idle
        let taken = reservationPromise(context)
        if !isHTTP1 { answeredAt = loop.now }
        if isOver { reset() }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: taken)
        if !isOver { watch() }
    }

    /// Gives back what the answer holds once it is written to the socket, or never will be.
    private func reservationPromise(_ context: ChannelHandlerContext) -> EventLoopPromise<Void>? {
        guard reservedBytes > 0 else { return nil }
        let connection = NIOLoopBound(connection, eventLoop: context.eventLoop)
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.whenComplete { [reservedBytes] _ in connection.value.release(answerBytes: reservedBytes) }
        reservedBytes = 0
        return taken
    }

    // MARK: - Ends

    /// Over HTTP/2: the answer is complete and its client doesn't take it.
    func checkTaken(_ now: NIODeadline) {
        guard let answeredAt, now - answeredAt > .seconds(limits.writeStallSeconds) else { return }
        self.answeredAt = nil
        resetStream(.reset(code: .cancel))
    }

    func checkRunning(_ now: NIODeadline) { running?.check(now) }

    /// The client sends nothing more. It may listen, or be gone: what only waits is given a moment to be done.
    func clientSaysNoMore() {
        guard let running, running.waits else { return }
        let waiting = NIOLoopBound(running, eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: .seconds(limits.lingerSeconds)) { waiting.value.giveUp() }
    }

    private func finishIfOver() {
        if output == .ended, input == .complete { reset() }
    }

    /// Ready for the next request of the connection.
    private func reset() {
        releaseBody()
        if input != .idle { connection.requestEnded() }
        input = .idle
        output = .none
        route = nil
        isHead = false
        handler = nil
        receiver = nil
        unreadSince = nil
        swallowedBytes = 0
        running = nil
    }

    /// The client is gone, or is cut off: whatever is under way ends.
    private func abandon() {
        guard input != .idle else { return }
        unwatch()
        running?.abandon()
        resumeReading()
        reset()
    }

    /// Ends an exchange that can't end well.
    package func cutOff() {
        guard let context else { return }
        guard !isHTTP1, output == .ended else { return context.close(promise: nil) }
        // The answer was complete: RFC 9113, 8.1, says so to a client that still sends.
        resetStream(.reset(code: .noError))
    }

    private func resetStream(_ reset: NIOHTTP2FramePayloadToHTTPEvent) {
        context?.triggerUserOutboundEvent(reset, promise: nil)
    }

    private func releaseBody() {
        if keepsBody, bodyBytes > 0 { loop.releaseBody(bodyBytes) }
        bodyBytes = 0
        body = nil
    }
}

@available(*, unavailable)
extension Exchange: Sendable {}

extension Response {
    /// Its bytes, where they are there as a whole.
    fileprivate var wholeBody: ByteBuffer? {
        guard case .bytes(let bytes) = body else { return nil }
        return ByteBuffer(bytes: bytes)
    }
}
