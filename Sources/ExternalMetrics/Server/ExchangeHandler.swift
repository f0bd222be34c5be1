import HTTPServing
import NIOCore
import NIOHTTP1

// What happens to a request from its head to the end of its answer?
//
//     idle ─head→ receiving ─end→ answering ─answer→ sending ─taken→ idle
//                     └──── refused: too large, too slow ───┘  └────→ lingering ─→ closed   (refused half way, over HTTP/1.1)
//
// One handler a stream over HTTP/2, one a connection over HTTP/1.1, where requests come one after another. Bodies are read and
// thrown away: nothing here takes one. Touched on the event loop alone.

final class ExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase { case idle, receiving, answering, sending, lingering }

    private let connection: ConnectionGuard
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle
    /// Since when, for the limit of the phase.
    private var phaseSince = NIODeadline.distantPast
    /// Rises with every request: what was asked for an earlier one comes too late.
    private var number = 0

    private var head: HTTPRequestHead?
    private var isHead = false
    private var keepsAlive = true
    private var bodyBytes = 0
    /// The parser gave up: no request will come any more.
    private var isBroken = false
    /// The request is answered before it has come to its end.
    private var isRefused = false
    private var hasEnded = false
    private var startedAt = NIODeadline.distantPast

    init(connection: ConnectionGuard) { self.connection = connection }

    private var shared: ServerShared { connection.shared }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { abandon() }

    func channelInactive(context: ChannelHandlerContext) {
        abandon()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head)
        case .body(let bytes): count(bytes.readableBytes)
        case .end: finishInput()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What is no HTTP is told so, once; whatever else fails, fails for good.
        if isBroken, error is ByteToMessageDecoderError || error is HTTPParserError { return }
        guard connection.version == .http1, let fault = error as? HTTPParserError else { return context.close(promise: nil) }
        isBroken = true
        switch phase {
        case .receiving: refuse(StatusAnswer(.badRequest, "the body is not what its header says: \(fault)"))
        case .idle,
            .sending where hasEnded:
            start(keepsAlive: false)
            refuse(fault == .headerOverflow ? headerTooLarge : StatusAnswer(.badRequest, "this is not HTTP/1.1: \(fault)"))
        case .answering, .sending, .lingering: keepsAlive = false
        }
    }

    // MARK: - Request

    private func start(keepsAlive: Bool) {
        connection.began(self)
        number += 1
        self.keepsAlive = keepsAlive
        startedAt = .now()
        bodyBytes = 0
        isRefused = false
        hasEnded = false
        isHead = false
        enter(.receiving)
    }

    private func begin(_ head: HTTPRequestHead) {
        start(keepsAlive: head.isKeepAlive)
        isHead = head.method == .HEAD
        self.head = head
        do throws(RequestRules.Violation) { try check(head) } catch { return refuse(StatusAnswer(.badRequest, error.problem)) }
        let bytes = head.headers.reduce(head.uri.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        if head.headers.count > shared.limits.headerCount || bytes > shared.limits.headerBytes { refuse(headerTooLarge) }
    }

    private func check(_ head: HTTPRequestHead) throws(RequestRules.Violation) {
        var rules = RequestRules()
        rules.note(target: head.uri)
        let isHTTP2 = connection.version == .http2
        for (name, value) in head.headers {
            let name = name.lowercased()
            // Over HTTP/2 the codec puts it there, for a body without a length.
            if isHTTP2, name == "transfer-encoding" { continue }
            rules.note(name: name, value: value)
        }
        try rules.check(isHTTP2 ? .http2 : head.version == .http1_0 ? .http1_0 : .http1_1)
    }

    private var headerTooLarge: StatusAnswer {
        StatusAnswer(
            .headerFieldsTooLarge, "the request's header is too large: at most \(shared.limits.headerCount) fields and \(shared.limits.headerBytes) bytes are read")
    }

    private func count(_ bytes: Int) {
        guard phase == .receiving else { return }
        bodyBytes += bytes
        if bodyBytes > shared.limits.bodyBytes {
            refuse(StatusAnswer(.requestEntityTooLarge, "the request's body is too large: metrics are read with none, and at most \(shared.limits.bodyBytes) bytes are read"))
        }
    }

    private func finishInput() {
        hasEnded = true
        if phase == .lingering { context?.close(promise: nil) }
        guard phase == .receiving, let head else { return }
        self.head = nil
        enter(.answering)
        switch shared.responder.respond(to: head, fromProxy: connection.isProxy) {
        case .now(let answer): send(answer)
        case .later(let work): wait(for: work)
        }
    }

    private func wait(for work: @escaping @Sendable () async -> APIAnswer) {
        guard let context else { return }
        let gate = shared.waitingRequests
        guard gate.enter() else {
            return send(StatusAnswer(.tooManyRequests, "too many requests wait already: try again", retryAfterSeconds: 1).answer)
        }
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        let number = number
        Task {
            let answer = await work()
            gate.leave()
            eventLoop.execute { me.value.send(answer, ifStill: number) }
        }
    }

    private func send(_ answer: APIAnswer, ifStill number: Int) {
        if self.number == number, phase == .answering { send(answer) }
    }

    // MARK: - Answer

    /// Answers before the request has come to its end; over HTTP/1.1 nothing can follow on the connection.
    private func refuse(_ status: StatusAnswer) {
        keepsAlive = false
        isRefused = true
        head = nil
        send(status.answer)
    }

    private func send(_ whole: APIAnswer) {
        guard let context else { return }
        var answer = whole
        var reservedBytes = answer.body.count
        if !shared.reserve(answerBytes: reservedBytes) {
            reservedBytes = 0
            answer = StatusAnswer(.serviceUnavailable, "clients take their answers too slowly: try again", retryAfterSeconds: 1).answer
        }
        enter(.sending)
        context.write(wrapOutboundOut(.head(responseHead(answer))), promise: nil)
        if !isHead, !answer.body.isEmpty { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil) }
        let written = context.eventLoop.makePromise(of: Void.self)
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        let (shared, bytes, number) = (shared, reservedBytes, number)
        written.futureResult.whenComplete { _ in
            shared.release(answerBytes: bytes)
            me.value.sent(number)
        }
        shared.metrics.answered(status: UInt(answer.status.code), nanoseconds: (NIODeadline.now() - startedAt).nanoseconds)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    private func responseHead(_ answer: APIAnswer) -> HTTPResponseHead {
        var headers = HTTPHeaders()
        headers.reserveCapacity(5 + answer.fields.count)
        if answer.status != .notModified {
            headers.add(name: "content-type", value: answer.contentType)
            headers.add(name: "content-length", value: String(answer.body.count))
        }
        headers.add(name: "date", value: HTTPDate.text(secondsSinceEpoch: HTTPDate.secondsNow()))
        headers.add(name: "cache-control", value: "no-cache, private")
        for (name, value) in answer.fields { headers.add(name: name, value: value) }
        if connection.version == .http1, !keepsAlive { headers.add(name: "connection", value: "close") }
        return HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
    }

    private func sent(_ number: Int) {
        guard self.number == number, phase == .sending else { return }
        // To close on what is still being sent would reset the connection, and the answer with it.
        if isRefused, !hasEnded, connection.version == .http1 { return enter(.lingering) }
        phase = .idle
        connection.ended(self)
        if isRefused || (connection.version == .http1 && !keepsAlive) { context?.close(promise: nil) }
    }

    // MARK: - Times

    private func enter(_ phase: Phase) {
        self.phase = phase
        phaseSince = .now()
    }

    func check(_ now: NIODeadline) {
        let limits = shared.limits
        let age = now - phaseSince
        switch phase {
        case .idle: break
        case .receiving where age > .seconds(limits.requestSeconds):
            refuse(StatusAnswer(.timeout, "the request did not end within \(limits.requestSeconds) s"))
        case .answering where age > .seconds(limits.answerSeconds):
            send(StatusAnswer(.serviceUnavailable, "no answer was found within \(limits.answerSeconds) s: try again", retryAfterSeconds: 1).answer)
        case .sending where age > .seconds(limits.writeStallSeconds): context?.close(promise: nil)
        case .lingering where age > .seconds(limits.lingerSeconds): context?.close(promise: nil)
        case .receiving, .answering, .sending, .lingering: break
        }
    }

    private func abandon() {
        context = nil
        if phase != .idle { connection.ended(self) }
        phase = .idle
        number += 1
    }
}
