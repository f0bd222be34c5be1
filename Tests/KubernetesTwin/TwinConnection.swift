import Domain
import Kubernetes
import NIOCore
import NIOHTTP1

// How does a connection carry requests, answers and watches?
//
// HTTP/1.1, one request at a time. A watch is a chunked answer, a line an event, that lasts until its time is over, it is
// ended, or the client goes. All members belong to the channel's event loop.

final class TwinConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    static let bodyLimitBytes = 3 * 1_048_576

    private let core: TwinCore
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var watcher: Int?
    private var timers: [Scheduled<Void>] = []
    private var repeating: RepeatedTask?

    init(_ core: TwinCore) { self.core = core }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part):
            guard body.count + part.readableBytes <= Self.bodyLimitBytes else { return context.close(promise: nil) }
            body.append(contentsOf: part.readableBytesView)
        case .end:
            guard let head else { return }
            var headers: [String: String] = [:]
            for (name, value) in head.headers { headers[name.lowercased()] = value }
            receive(TwinRequest(method: head.method.rawValue, uri: head.uri, headers: headers, body: body), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        endWatch()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: - Requests

    private func receive(_ request: TwinRequest, _ context: ChannelHandlerContext) {
        switch core.note(request) {
        case nil: carryOut(request, context)
        case .cut: context.close(promise: nil)
        case .cutAfter:
            _ = core.response(request)
            context.close(promise: nil)
        case .hang: break
        case .delay(let milliseconds):
            let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            core.countUnderWay(1)
            context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
                loopBound.value.0.core.countUnderWay(-1)
                loopBound.value.0.carryOut(request, loopBound.value.1)
            }
        case .respond(let status, let retryAfterSeconds, let body):
            respond(
                status, Array(body.utf8), type: "text/plain", headers: retryAfterSeconds.map { [("Retry-After", "\($0)")] } ?? [], context)
        }
    }

    private func carryOut(_ request: TwinRequest, _ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        if let aggregator = core.aggregator, aggregator.serves(request.path) { return passOn(request, to: aggregator, context) }
        guard request.isWatch, request.method == "GET" else { return respond(core.response(request), context) }
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        // `execute` keeps the order of calls, which is the order of changes.
        let (response, id) = core.watch(
            request,
            { lines in eventLoop.execute { loopBound.value.0.write(lines, loopBound.value.1) } },
            { cut in eventLoop.execute { loopBound.value.0.finish(cut: cut, loopBound.value.1) } })
        guard case .watch(let start) = response else { return respond(response, context) }
        let head = HTTPResponseHead(
            version: .http1_1, status: .ok, headers: ["Content-Type": "application/json", "Transfer-Encoding": "chunked"])
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        write(start.lines, context)
        watcher = id
        guard id != nil else { return finish(cut: false, context) }
        schedule(start, loopBound, eventLoop)
    }

    private func respond(_ response: TwinAPI.Response, _ context: ChannelHandlerContext) {
        guard case .json(let status, let json, let headers) = response else { return context.close(promise: nil) }
        respond(status, json.bytes, type: "application/json", headers: headers, context)
    }

    private func respond(_ status: Int, _ body: [UInt8], type: String, headers extra: [(String, String)], _ context: ChannelHandlerContext)
    {
        var headers: HTTPHeaders = ["Content-Type": type, "Content-Length": "\(body.count)"]
        for (name, value) in extra { headers.add(name: name, value: value) }
        let head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func passOn(_ request: TwinRequest, to aggregator: TwinAggregator, _ context: ChannelHandlerContext) {
        let user: TwinUser
        switch core.read({ api in Result { () throws(TwinStatus) in try api.admit(request) } }) {
        case .success(let admitted): user = admitted
        case .failure(let status): return respond(.json(status.code, status.body, headers: status.headers), context)
        }
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        Task {
            let response = await aggregator.forward(request, user: user)
            eventLoop.execute {
                let (me, context) = loopBound.value
                if context.channel.isActive { me.respond(response.status, response.body, type: "application/json", headers: [], context) }
            }
        }
    }

    // MARK: - Watches

    private func write(_ lines: [JSONValue], _ context: ChannelHandlerContext) {
        guard !lines.isEmpty, context.channel.isActive else { return }
        var buffer = ByteBuffer()
        for line in lines {
            buffer.writeBytes(line.bytes)
            buffer.writeInteger(UInt8(ascii: "\n"))
        }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
    }

    /// The last bookmark comes a little before the end, as the real server's does.
    private func schedule(
        _ start: TwinAPI.WatchStart, _ loopBound: NIOLoopBound<(TwinConnection, ChannelHandlerContext)>, _ eventLoop: any EventLoop
    ) {
        let milliseconds = Int64(start.timeoutSeconds) * 1_000
        let (core, id) = (core, watcher)
        timers.append(eventLoop.scheduleTask(in: .milliseconds(max(milliseconds / 2, milliseconds - 2_000))) { core.sendBookmarks(to: id) })
        timers.append(eventLoop.scheduleTask(in: .milliseconds(milliseconds)) { loopBound.value.0.finish(cut: false, loopBound.value.1) })
        let every = TimeAmount(core.bookmarksEvery)
        repeating = eventLoop.scheduleRepeatedTask(initialDelay: every, delay: every) { _ in core.sendBookmarks(to: id) }
    }

    private func finish(cut: Bool, _ context: ChannelHandlerContext) {
        endWatch()
        guard context.channel.isActive else { return }
        guard cut else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            return
        }
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: #"{"type":"MODIFIED","object":{"apiV"#)))), promise: nil)
        context.flush()
        context.close(promise: nil)
    }

    private func endWatch() {
        if let watcher { core.forget(watcher: watcher) }
        watcher = nil
        for timer in timers { timer.cancel() }
        timers = []
        repeating?.cancel()
        repeating = nil
    }
}
