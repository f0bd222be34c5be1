import Domain
import HTTPTypes
import NIOCore
import NIOHTTPTypes

// What links a request on its event loop to the task that answers it?
//
// The task writes part by part and waits after each until the client has taken enough of it, so an answer of any length
// holds one part in memory. A client that takes nothing is cut off; one that goes away cancels the task.
// Touched on the event loop alone.

final class RunningAnswer {
    private(set) weak var request: RequestHandler?
    var task: Task<Void, Never>?
    /// Leaves the gate the question came in by.
    private var leave: (() -> Void)?
    private var waiting: CheckedContinuation<Void, any Error>?
    private var waitingSince = NIODeadline.distantPast
    private var lastWriteAt = NIODeadline.distantPast
    private var heartbeat: ByteBuffer?
    private var isStream = false

    init(request: RequestHandler, leave: @escaping () -> Void) {
        self.request = request
        self.leave = leave
    }

    // MARK: - From the task

    func send(_ answer: Answer) {
        guard let request else { return }
        var bytes: ByteBuffer?
        if case .bytes(let body) = answer.body { bytes = ByteBuffer(bytes: body) }
        finish()
        request.writeWhole(answer.status, answer.fields, bytes)
    }

    /// The header of an answer whose body comes in parts; false where no body is to be written.
    func open(_ answer: Answer, length: Int?) -> Bool {
        guard let request, let context = request.context, request.output == .none else { return false }
        var fields = answer.fields
        fields[.date] = request.state.date
        if let length {
            fields[.contentLength] = String(length)
        } else if request.isHead, request.isHTTP1 {
            // NIO would end the body that isn't there with a last chunk.
            fields[.connection] = "close"
        }
        request.output = .open
        request.status = answer.status.code
        context.writeAndFlush(request.wrapOutboundOut(.head(HTTPResponse(status: answer.status, headerFields: fields))), promise: nil)
        isStream = true
        lastWriteAt = request.state.now
        if case .stream(let streaming) = answer.body { heartbeat = streaming.heartbeat.map { ByteBuffer(bytes: $0) } }
        request.state.add(stream: request)
        return !request.isHead
    }

    func write(_ bytes: [UInt8], _ written: CheckedContinuation<Void, any Error>) {
        guard let request, let context = request.context, request.output == .open else { return written.resume(throwing: CancellationError()) }
        context.writeAndFlush(request.wrapOutboundOut(.body(ByteBuffer(bytes: bytes))), promise: nil)
        lastWriteAt = request.state.now
        guard !context.channel.isWritable else { return written.resume() }
        waiting = written
        waitingSince = request.state.now
    }

    func end() {
        guard let request else { return }
        finish()
        request.endAnswer()
    }

    func fail(_ problem: Problem) {
        guard let request else { return }
        finish()
        // Half an answer must not look like a whole one.
        if request.output == .open { request.cutOff() } else { request.refuse(problem) }
    }

    // MARK: - From the channel and the sweep

    func writable() {
        waiting?.resume()
        waiting = nil
    }

    func check(_ now: NIODeadline) {
        guard let request, isStream else { return }
        if waiting != nil {
            if now - waitingSince > .seconds(request.limits.writeStallSeconds) { request.cutOff() }
        } else if let heartbeat, now - lastWriteAt > .seconds(request.limits.heartbeatSeconds) {
            lastWriteAt = now
            request.context?.writeAndFlush(request.wrapOutboundOut(.body(heartbeat)), promise: nil)
        }
    }

    /// The server stops: a stream that would never end by itself ends now, and well.
    func stopFollowing() {
        if heartbeat != nil { task?.cancel() }
    }

    /// Nobody is there any more to be answered.
    func abandon() {
        task?.cancel()
        finish()
        waiting?.resume(throwing: CancellationError())
        waiting = nil
    }

    private func finish() {
        if isStream, let request { request.state.remove(stream: request) }
        request = nil
        leave?()
        leave = nil
    }
}
