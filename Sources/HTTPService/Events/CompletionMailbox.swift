import EventLog
import NIOCore
import Synchronization

// How does the log's answer get back to its event loop?
//
// The log's thread answers a whole commit at once, request after request. The first answer asks the event loop to come by;
// the others are left in the box beside it, so a commit of a thousand requests wakes the loop once. The box holds at most
// as many answers as there are requests waiting, which is limited where they are let in.

final class CompletionMailbox: Sendable {
    typealias Response = (ticket: Int, result: Result<AppendReceipt, AppendError>)

    private struct Box {
        var answers: [Response] = []
        /// The event loop was asked and has not emptied the box yet.
        var isCalled = false
        /// The event loop is about to end: nobody is left to be answered.
        var isClosed = false
    }

    private let box = Mutex(Box())
    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// From any thread. `intake` is touched on the event loop alone.
    func deliver(_ result: Result<AppendReceipt, AppendError>, ticket: Int, to intake: NIOLoopBound<EventIntake>) {
        box.withLock { box in
            guard !box.isClosed else { return }
            box.answers.append((ticket, result))
            if box.isCalled { return }
            box.isCalled = true
            // Under the lock, so that the loop can't be closed in between. It only queues the call.
            eventLoop.execute { intake.value.collectAnswers() }
        }
    }

    func close() { box.withLock { $0.isClosed = true } }

    /// On the event loop: takes what is there, leaving `spare`'s storage for what comes.
    func take(leaving spare: inout [Response]) -> [Response] {
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
