import Domain
import HTTPServing
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import NIOHTTPTypesHTTP2

// What happens to a request from its head to the end of its answer?
//
//     input:   idle ─head→ collecting ─end→ complete            (a body that is taken whole)
//                     └──→ lines ──────end→ complete            (a stream of events, taken line by line)
//                     └──→ swallowing ─end→ complete            (answered already: the rest is read and thrown away)
//     output:  none ─→ open ─→ ended
//
// One handler a stream over HTTP/2, one a connection over HTTP/1.1, where requests come one after another. An exchange is
// over when input is complete and output has ended. The way of an event (`RequestHandler+Ingest`) stays on the event loop
// from the socket to the log and back; every other route is a question (`RequestHandler+Answers`) with a task of its own.

final class RequestHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = Never
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPResponsePart

    enum Input { case idle, collecting, lines, swallowing, complete }
    enum Output { case none, open, ended }

    let state: EventLoopState
    let connection: Connection
    var context: ChannelHandlerContext?

    var input = Input.idle
    var output = Output.none

    // The request.
    var route: Route?
    var head: HTTPRequest?
    /// Whose token it came with.
    var principal: Principal?
    var isHead = false
    var hasBody = true
    var mode = IngestMode.event
    var binaryAttributes: [(name: String, value: String)] = []
    var acknowledgesChunks = false
    /// Since when acknowledgements of chunks are not read.
    var unreadSince: NIODeadline?
    var body: ByteBuffer?
    var bodyBytes = 0
    var swallowedBytes = 0
    var lines: LineIngest?
    var isReadingPaused = false
    var hasHeldRead = false

    // The answer.
    /// Of its bytes, what counts against the memory for answers until it is taken.
    private var reservedBytes = 0
    var awaitsLog = false
    var answer: RunningAnswer?
    var status = 0

    // Time.
    var startedAt = NIODeadline.distantPast
    var lastProgressAt = NIODeadline.distantPast
    var isWatched = false
    /// Over HTTP/2: when the answer was complete, which the client then has to take.
    var answeredAt: NIODeadline?

    // Over HTTP/2: its place among the connection's streams, and among all.
    var streamIndex: Int?
    var place: Place?
    /// One stream too many: it is reset as soon as its head is there.
    private var isRefused = false

    init(state: EventLoopState, connection: Connection) {
        self.state = state
        self.connection = connection
    }

    var isHTTP1: Bool { connection.version == .http1 }
    var limits: ServerLimits { state.limits }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if !isHTTP1 { isRefused = !connection.add(stream: self) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        leave()
        if !isHTTP1 { connection.freed(stream: self) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    private func leave() {
        abandon()
        connection.closed(stream: self)
        context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { clientSaysNoMore() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head)
        case .body(let bytes): receive(bytes)
        case .end: finishInput()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if input == .lines { pumpLines() }
        if input == .collecting || input == .lines || input == .swallowing { watch() }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if isReadingPaused { hasHeldRead = true } else { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            answer?.writable()
            if input == .lines, unreadSince != nil { pumpLines() }
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is no HTTP is told so; whatever else fails, fails for good.
        guard isHTTP1, error is HTTPParserError || error is HTTP1TypeConversionError else { return context.close(promise: nil) }
        switch input {
        case .idle: refuseHead(error, context)
        case .collecting: refuse(bodyMalformed(error), closing: true)
        case .lines:
            lines?.stop(bodyMalformed(error))
            pumpLines()
        // It is answered, or about to be: one request has one answer.
        case .swallowing, .complete: break
        }
    }

    private func refuseHead(_ error: any Error, _ context: ChannelHandlerContext) {
        guard output == .none, !connection.isDraining else { return context.close(promise: nil) }
        if connection.hasStalledHeader {
            return refuse(Problem(.requestTimeout, "the header did not end within \(limits.stallSeconds) s"), closing: true)
        }
        if let fault = error as? HTTPParserError, fault == .headerOverflow { return refuse(headerTooLarge(), closing: true) }
        refuse(Problem(.invalidRequest, "this is not HTTP/1.1: \(error)"), closing: true)
    }

    private func bodyMalformed(_ error: any Error) -> Problem {
        Problem(.invalidRequest, "the body is not what its header says: \(error)")
    }

    // MARK: - Request

    private func begin(_ head: HTTPRequest) {
        if isRefused { return resetStream(.reset(code: .refusedStream)) }
        connection.requestBegan()
        startedAt = .now()
        lastProgressAt = state.now
        input = .collecting
        output = .none
        status = 0
        isHead = head.method == .head
        do throws(RequestRules.Violation) {
            let facts = HeadFacts(head)
            try facts.rules.check(isHTTP1 ? connection.isHTTP10 ? .http1_0 : .http1_1 : .http2)
            do throws(Problem) { try admit(head, facts) } catch { refuse(error) }
        } catch {
            // Where it is unclear what was said, nothing that follows can be trusted to be another request.
            refuse(Problem(error.isNotImplemented ? .notImplemented : .invalidRequest, error.problem, field: error.field), closing: isHTTP1)
        }
    }

    /// Everything that can be refused before a byte of the body is there.
    private func admit(_ head: HTTPRequest, _ facts: HeadFacts) throws(Problem) {
        guard facts.fieldCount <= limits.headerCount, facts.fieldBytes <= limits.headerBytes else { throw headerTooLarge() }
        hasBody = facts.hasBody || !isHTTP1
        let route = try state.shared.router.route(head.method, head.path ?? "/")
        self.route = route
        if connection.isReserve, !route.isHealth {
            throw Problem(.overloaded, "all \(state.shared.limits.connections) connections are in use: retry later", retryAfterSeconds: limits.retryAfterSeconds)
        }
        if let trust = state.shared.localTrust, route.role != nil { try trust.admit(facts, to: route, known: &connection.trustedAuthority) }
        if !(route.isMetrics && state.shared.openMetrics) {
            principal = try state.shared.authorizer.admit(facts.authorization, for: route.role, memory: &connection.authorization)
        }
        if let standingBy = state.shared.parts.standingBy, !route.isOperational {
            throw Problem(.unavailable, standingBy(), retryAfterSeconds: limits.retryAfterSeconds)
        }
        if let encoding = facts.contentEncoding, encoding != "identity" {
            throw Problem(.unsupportedMediaType, "content-encoding \(String(encoding.prefix(64))) is not taken: send the body as it is", field: "content-encoding")
        }
        if case .ingest = route.work { try admitEvents(facts, head) } else { self.head = head }
        if input != .lines, let length = facts.contentLength, length > limits.bodyBytes { throw bodyTooLarge() }
        if let expectation = facts.expectation { try meet(expectation) }
    }

    private func meet(_ expectation: String) throws(Problem) {
        guard expectation.lowercased() == "100-continue" else {
            throw Problem(.expectationFailed, "only 100-continue can be expected", field: "expect")
        }
        context?.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    }

    private func receive(_ bytes: ByteBuffer) {
        switch input {
        case .collecting: collect(bytes)
        case .lines: takeLines(bytes)
        case .swallowing: swallow(bytes.readableBytes)
        case .idle, .complete: break
        }
        if isWatched { lastProgressAt = state.now }
    }

    private func collect(_ bytes: ByteBuffer) {
        var bytes = bytes
        let count = bytes.readableBytes
        guard bodyBytes + count <= limits.bodyBytes else { return refuse(bodyTooLarge()) }
        guard state.reserveBody(count) else {
            return refuse(Problem(.overloaded, "the server holds too many bodies at the moment", retryAfterSeconds: limits.retryAfterSeconds))
        }
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
            switch route?.work {
            case .ingest: ingestBody()
            case .now(let answer): send(answer())
            case .answer, nil: ask()
            }
        case .lines:
            input = .complete
            unwatch()
            endLines()
        case .swallowing:
            input = .complete
            unwatch()
            finishIfOver()
        case .idle, .complete: break
        }
    }

    // MARK: - Answer

    /// Answers no. The rest of the request, where there is one, is swallowed, so that the client gets to read the answer.
    func refuse(_ problem: Problem, closing: Bool = false) {
        guard output == .none else { return cutOff() }
        let closing = closing || connection.isReserve
        if problem.kind == .tooLarge || problem.kind == .headerTooLarge { state.shared.metrics.bodyRefused() }
        var fields = problem.fields
        let bytes = problem.body
        if isHTTP1, closing || (input != .complete && hasBody) { fields[.connection] = "close" }
        releaseBody()
        lines = nil
        if input == .collecting || input == .lines { input = .swallowing }
        resumeReading()
        writeWhole(problem.kind.status, fields, ByteBuffer(bytes: bytes))
    }

    func refuse(_ problem: Problem) { refuse(problem, closing: false) }

    /// An answer that is there as a whole.
    func writeWhole(_ status: HTTPResponse.Status, _ fields: HTTPFields, _ bytes: ByteBuffer?) {
        guard let context, output == .none else { return }
        var fields = fields
        if status != .noContent { fields[.contentLength] = String(bytes?.readableBytes ?? 0) }
        var bytes = isHead ? nil : bytes
        fields[.date] = state.date
        if isHTTP1, connection.isReserve { fields[.connection] = "close" }
        guard let count = bytes?.readableBytes, count >= Self.accountedBytes else { return write(status, fields, bytes, context) }
        guard connection.reserve(answerBytes: count) else {
            let problem = Problem(.unavailable, "answers that clients haven't taken fill the memory there is for them", retryAfterSeconds: limits.retryAfterSeconds)
            bytes = ByteBuffer(bytes: problem.body)
            fields = problem.fields
            fields[.contentLength] = String(bytes?.readableBytes ?? 0)
            fields[.date] = state.date
            return write(problem.kind.status, fields, bytes, context)
        }
        reservedBytes = count
        write(status, fields, bytes, context)
    }

    /// An answer below this is too small to count: its stream or connection weighs more.
    private static let accountedBytes = 1_024

    /// The one place where an answer is begun and ended at once.
    func write(_ status: HTTPResponse.Status, _ fields: HTTPFields, _ bytes: ByteBuffer?, _ context: ChannelHandlerContext) {
        self.status = status.code
        output = .open
        context.write(wrapOutboundOut(.head(HTTPResponse(status: status, headerFields: fields))), promise: nil)
        if let bytes, bytes.readableBytes > 0 { context.write(wrapOutboundOut(.body(bytes)), promise: nil) }
        endAnswer()
    }

    func endAnswer() {
        guard let context, output == .open else { return }
        output = .ended
        record()
        // Over HTTP/1.1 the next request may begin before this call returns.
        let isOver = input == .complete || input == .idle
        let taken = reservationPromise(context)
        if !isHTTP1 { answeredAt = state.now }
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

    /// Over HTTP/2: the answer is complete and its client doesn't take it.
    func checkTaken(_ now: NIODeadline) {
        guard let answeredAt, now - answeredAt > .seconds(limits.writeStallSeconds) else { return }
        self.answeredAt = nil
        resetStream(.reset(code: .cancel))
    }

    /// The client sends nothing more. It may listen, or be gone: what only waits is given a moment to be done.
    func clientSaysNoMore() {
        guard let answer, answer.waits else { return }
        let waiting = NIOLoopBound(answer, eventLoop: state.eventLoop)
        state.eventLoop.scheduleTask(in: .seconds(limits.lingerSeconds)) { waiting.value.giveUp() }
    }

    private func record() {
        guard let route else { return state.shared.metrics.unrouted(status: status) }
        state.shared.metrics.answered(route, status: status, nanoseconds: (NIODeadline.now() - startedAt).nanoseconds)
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
        head = nil
        principal = nil
        lines = nil
        binaryAttributes = []
        acknowledgesChunks = false
        unreadSince = nil
        swallowedBytes = 0
        answer = nil
    }

    /// The client is gone, or is cut off: whatever is under way ends.
    private func abandon() {
        guard input != .idle else { return }
        unwatch()
        answer?.abandon()
        resumeReading()
        reset()
    }

    /// Ends an exchange that can't end well.
    func cutOff() {
        guard let context else { return }
        guard !isHTTP1, output == .ended else { return context.close(promise: nil) }
        // The answer was complete: RFC 9113, 8.1, says so to a client that still sends.
        resetStream(.reset(code: .noError))
    }

    private func resetStream(_ reset: NIOHTTP2FramePayloadToHTTPEvent) {
        context?.triggerUserOutboundEvent(reset, promise: nil)
    }

    func releaseBody() {
        if bodyBytes > 0 { state.releaseBody(bodyBytes) }
        bodyBytes = 0
        body = nil
    }

    // MARK: - Faults

    private func headerTooLarge() -> Problem {
        Problem(.headerTooLarge, "at most \(limits.headerCount) header fields of \(limits.headerBytes) bytes together are taken")
    }

    func bodyTooLarge() -> Problem {
        Problem(.tooLarge, "a body has at most \(limits.bodyBytes) bytes: send the events in several requests, or as application/x-ndjson")
    }
}
