import EventLog
import Domain
import NIOCore
import NIOHPACK

// Who asks for a resume, and until when does it wait?
//
// One call of one client. It is answered once, or leaves. Its own deadline and the gateway's `parkSeconds` bound how long it is parked:
// shortly before the first of them it hears what ateapi said.

final class Caller {
    /// Before its own deadline, so that the answer still reaches it.
    private static let marginMost = TimeAmount.milliseconds(100)

    let headers: HPACKHeaders
    let call: ResumeCall
    let body: ByteBuffer
    let arrived: NIODeadline
    let arrivedAt: LogTime
    /// By its own deadline; nil where it has none.
    let patience: NIODeadline?
    private let reply: (GRPCResponse) -> Void
    private let eventLoop: any EventLoop
    private var timer: Scheduled<Void>?
    /// The desk's: it has left.
    var left: (() -> Void)?

    init(headers: HPACKHeaders, call: ResumeCall, body: ByteBuffer, _ eventLoop: any EventLoop, _ reply: @escaping (GRPCResponse) -> Void) {
        self.headers = headers
        self.call = call
        self.body = body
        self.eventLoop = eventLoop
        self.reply = reply
        arrivedAt = EventLog.systemClock()
        let now = NIODeadline.now()
        arrived = now
        patience = GRPCWire.timeout(headers).map { timeout in
            let margin = min(Self.marginMost.nanoseconds, timeout.nanoseconds / 10)
            return now + .nanoseconds(timeout.nanoseconds - margin)
        }
    }

    /// Another credential than the one that was checked upstream.
    func isTrusted(like other: HPACKHeaders) -> Bool { headers["authorization"] == other["authorization"] }

    /// When it is to hear what ateapi said, if it is still parked.
    func parkedUntil(_ park: TimeAmount) -> NIODeadline {
        let most = arrived + park
        return patience.map { min($0, most) } ?? most
    }

    func wake(at deadline: NIODeadline, _ wake: @escaping () -> Void) {
        timer?.cancel()
        let bound = NIOLoopBound(wake, eventLoop: eventLoop)
        timer = eventLoop.scheduleTask(deadline: deadline) { bound.value() }
    }

    func respond(_ response: GRPCResponse) {
        timer?.cancel()
        left = nil
        reply(response)
    }

    func leave() {
        timer?.cancel()
        let left = left
        self.left = nil
        left?()
    }
}
