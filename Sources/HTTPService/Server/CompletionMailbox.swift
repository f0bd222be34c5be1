import NIOCore
import Synchronization

// How does the log's answer get back to its event loop?
//
// The log's thread answers a whole commit at once, request after request. The first answer asks the event loop to come by;
// the others are left in the box beside it, so a commit of a thousand requests wakes the loop once. The box holds at most
// as many answers as there are requests waiting, which is limited where they are let in.

final class CompletionMailbox: Sendable {
    typealias Answer = (ticket: Int, result: Result<AppendReceipt, AppendRefusal>)

    private struct Box {
        var answers: [Answer] = []
        /// The event loop was asked and has not emptied the box yet.
        var isCalled = false
    }

    private let box = Mutex(Box())
    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// From any thread. `state` is touched on the event loop alone.
    func deliver(_ result: Result<AppendReceipt, AppendRefusal>, ticket: Int, to state: NIOLoopBound<EventLoopState>) {
        let mustCall = box.withLock { box in
            box.answers.append((ticket, result))
            defer { box.isCalled = true }
            return !box.isCalled
        }
        if mustCall { eventLoop.execute { state.value.collectAnswers() } }
    }

    /// On the event loop: takes what is there, leaving `spare`'s storage for what comes.
    func take(leaving spare: inout [Answer]) -> [Answer] {
        spare.removeAll(keepingCapacity: true)
        return box.withLock { box in
            box.isCalled = false
            let taken = box.answers
            box.answers = spare
            spare = []
            return taken
        }
    }
}
