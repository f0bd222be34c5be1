import Domain
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
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
    var body: ByteBuffer?
    var bodyBytes = 0
    var swallowedBytes = 0
    var lines: LineIngest?
    var isReadingPaused = false
    var hasHeldRead = false

    // The answer.
    var awaitsLog = false
    var answer: RunningAnswer?
    var status = 0

    // Time.
    var startedAt = NIODeadline.distantPast
    var lastProgressAt = NIODeadline.distantPast
    var isWatched = false

    init(state: EventLoopState, connection: Connection) {
        self.state = state
        self.connection = connection
    }

    var isHTTP1: Bool { connection.version == .http1 }
    var limits: ServerLimits { state.limits }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        abandon()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        abandon()
        self.context = nil
        context.fireChannelInactive()
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
        if context.channel.isWritable { answer?.writable() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A header that is no HTTP or too large; whatever else fails, fails for good.
        guard isHTTP1, input == .idle, output == .none, !connection.isDraining, let fault = error as? HTTPParserError else {
            return context.close(promise: nil)
        }
        if connection.hasStalledHeader {
            return refuse(Problem(.requestTimeout, "the header did not end within \(limits.stallSeconds) s"), closing: true)
        }
        switch fault {
        case .headerOverflow: refuse(headerTooLarge(), closing: true)
        default: refuse(Problem(.invalidRequest, "this is not HTTP/1.1: \(fault)"), closing: true)
        }
    }

    // MARK: - Request

    private func begin(_ head: HTTPRequest) {
        connection.requestBegan()
        startedAt = .now()
        lastProgressAt = state.now
        input = .collecting
        output = .none
        status = 0
        do throws(Problem) {
            try admit(head)
        } catch {
            refuse(error)
        }
    }

    /// Everything that can be refused before a byte of the body is there.
    private func admit(_ head: HTTPRequest) throws(Problem) {
        isHead = head.method == .head
        let facts = HeadFacts(head)
        guard facts.fieldCount <= limits.headerCount, facts.fieldBytes <= limits.headerBytes else { throw headerTooLarge() }
        hasBody = facts.hasBody || !isHTTP1
        let route = try state.shared.router.route(head.method, head.path ?? "/")
        self.route = route
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
            if case .ingest = route?.work { ingestBody() } else { ask() }
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
        if problem.kind == .tooLarge || problem.kind == .headerTooLarge { state.shared.metrics.bodyRefused() }
        var fields = problem.fields
        let bytes = problem.body
        if closing || (isHTTP1 && input != .complete && hasBody) { fields[.connection] = "close" }
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
        fields[.date] = state.date
        write(status, fields, isHead ? nil : bytes, context)
    }

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
        if isOver { reset() }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if !isOver { watch() }
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
        context.triggerUserOutboundEvent(NIOHTTP2FramePayloadToHTTPEvent.reset(code: .noError), promise: nil)
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
