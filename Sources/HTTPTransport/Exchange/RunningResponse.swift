import HTTPTypes
import NIOCore
import NIOHTTPTypes

// What links a request on its event loop to the task that responds?
//
// The task writes part by part, and waits after each part until the client has taken enough of it. So a response of any length holds one
// part in memory. A client that takes nothing is cut off. A client that leaves cancels the task. The request's limit is left when the task
// is done, and not before. Touched on the event loop alone.

final class RunningResponse {
    private(set) weak var request: Exchange?
    var task: Task<Void, Never>?
    /// Whether it waits for something that may never come: a worker, or the next event.
    let waits: Bool

    private let loop: TransportLoop
    private let route: Int?
    private let startedAt = NIODeadline.now()
    /// The limit it was counted under; nil once it was left.
    private var limit: SharedLimit?
    private var waiting: CheckedContinuation<Void, any Error>?
    private var waitingSince = NIODeadline.distantPast
    /// A part for which there is no memory yet.
    private var blocked: ByteBuffer?
    private var lastWriteAt = NIODeadline.distantPast
    private var heartbeat: ByteBuffer?
    private var isStream = false

    init(exchange: Exchange, limit: SharedLimit, waits: Bool) {
        request = exchange
        self.limit = limit
        self.waits = waits
        loop = exchange.loop
        route = exchange.route
        loop.add(running: self)
    }

    // MARK: - From the task

    /// Each of these three is the task's last word.
    func send(_ response: Response) {
        workEnded()
        guard let request else { return }
        finish()
        request.respond(response)
    }

    func end() {
        workEnded()
        guard let request else { return }
        finish()
        request.endAnswer()
    }

    func fail(_ error: any Error) {
        workEnded()
        // Asked also where nobody listens any more: a fault of ours is logged.
        let response =
            error is CancellationError ? loop.responder.response(to: Refusal.cancelled) : loop.responder.response(to: error, route: route)
        guard let request else { return }
        finish()
        // Half an answer must not look like a whole one.
        if request.output == .open { request.cutOff() } else { request.reject(response) }
    }

    /// The header of an answer whose body comes in parts; false where no body is to be written.
    func open(_ response: Response, length: Int?) -> Bool {
        guard let request, let context = request.context, request.output == .none else { return false }
        var fields = response.fields
        fields[.date] = loop.date
        if let length {
            fields[.contentLength] = String(length)
        } else if request.isHead, request.isHTTP1 {
            // NIO would end the body that isn't there with a last chunk.
            fields[.connection] = "close"
        }
        request.output = .open
        request.status = response.status.code
        context.writeAndFlush(request.wrapOutboundOut(.head(HTTPResponse(status: response.status, headerFields: fields))), promise: nil)
        isStream = true
        lastWriteAt = loop.now
        if case .stream(let streaming) = response.body { heartbeat = streaming.heartbeat.map { ByteBuffer(bytes: $0) } }
        loop.add(stream: request)
        return !request.isHead
    }

    func write(_ bytes: [UInt8], _ written: CheckedContinuation<Void, any Error>) {
        guard let request, request.output == .open else { return written.resume(throwing: CancellationError()) }
        let part = ByteBuffer(bytes: bytes)
        waitingSince = loop.now
        waiting = written
        if put(part) { resumeIfWritable() } else { blocked = part }
    }

    /// Writes where there is memory for what the client hasn't taken; false where there is none.
    private func put(_ part: ByteBuffer) -> Bool {
        guard let request, let context = request.context else { return false }
        let count = part.readableBytes
        guard request.connection.reserve(answerBytes: count) else { return false }
        let connection = NIOLoopBound(request.connection, eventLoop: context.eventLoop)
        let taken = context.eventLoop.makePromise(of: Void.self)
        taken.futureResult.whenComplete { _ in connection.value.release(answerBytes: count) }
        context.writeAndFlush(request.wrapOutboundOut(.body(part)), promise: taken)
        lastWriteAt = loop.now
        return true
    }

    private func resumeIfWritable() {
        guard blocked == nil, let context = request?.context, context.channel.isWritable else { return }
        waiting?.resume()
        waiting = nil
    }

    // MARK: - From the channel and the sweep

    func writable() { resumeIfWritable() }

    /// The answer is 503 by now; the work is cancelled.
    func checkAge(_ now: NIODeadline) {
        guard let request, request.output == .none, let seconds = loop.limits.answerSeconds, now - startedAt > .seconds(seconds) else {
            return
        }
        task?.cancel()
        finish()
        request.refuse(.unanswered(loop.limits, seconds: seconds))
    }

    func check(_ now: NIODeadline) {
        guard let request, isStream else { return }
        if let part = blocked, put(part) {
            blocked = nil
            resumeIfWritable()
        }
        if waiting != nil {
            let limits = request.limits
            // Over HTTP/2, who says no more can't open its window any more.
            let seconds = request.isHTTP1 || !request.connection.isInputClosed ? limits.writeStallSeconds : limits.lingerSeconds
            if now - waitingSince > .seconds(seconds) { request.cutOff() }
        } else if let heartbeat, now - lastWriteAt > .seconds(request.limits.heartbeatSeconds) {
            lastWriteAt = now
            request.context?.writeAndFlush(request.wrapOutboundOut(.body(heartbeat)), promise: nil)
        }
    }

    /// What only waits ends now, and well: the server stops, or nobody may be listening any more.
    func giveUp() {
        if waits { task?.cancel() }
    }

    /// Nobody is there any more to be answered.
    func abandon() {
        task?.cancel()
        finish()
        waiting?.resume(throwing: CancellationError())
        waiting = nil
        blocked = nil
    }

    private func finish() {
        if isStream, let request { loop.remove(stream: request) }
        request = nil
    }

    private func workEnded() {
        limit?.leave()
        limit = nil
        loop.remove(running: self)
    }
}
