package import Domain
import Placement

// Which requests are withdrawn next, as nobody needs them any more after their deadline?
//
// Only tickets with a deadline are here, each as long as it waits.

package struct RequestDeadlines: Sendable {
    package struct Request: Hashable, Comparable, Sendable {
        /// Position of the request.
        package let request: Position
        package let actor: Int

        package static func < (a: Request, b: Request) -> Bool { a.request < b.request }
    }

    package typealias Entry = Deadlines<Request>.Entry

    private var deadlines = Deadlines<Request>()

    package init() {}

    package var isEmpty: Bool { deadlines.isEmpty }

    mutating func add(_ ticket: WaitingTicket) { deadlines.add(Request(request: ticket.seq, actor: ticket.actor), at: ticket.deadline) }
    mutating func remove(_ ticket: WaitingTicket) {
        deadlines.remove(Request(request: ticket.seq, actor: ticket.actor), at: ticket.deadline)
    }

    /// The first deadline of those that aren't being withdrawn already.
    package func earliest(except withdrawing: Set<Entry>) -> LogTime? { deadlines.first(except: withdrawing) }

    /// Those of them that still wait.
    package func remaining(of withdrawing: Set<Entry>) -> Set<Entry> { withdrawing.filter { deadlines.contains($0) } }

    /// Those whose deadline has come and that aren't being withdrawn already, at most `limit`.
    package func reached(_ now: LogTime, except withdrawing: Set<Entry>, limit: Int) -> [Entry] {
        deadlines.reached(now, except: withdrawing, limit: limit)
    }
}
