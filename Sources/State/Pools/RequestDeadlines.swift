import Basics
package import Domain
import Placement

// Which requests are withdrawn next, as nobody needs them any more after their deadline?
//
// Only tickets with a deadline are here, each as long as it waits. Most deadlines are as far away as the one before, so most come at
// the end of the list.

package struct RequestDeadlines: Sendable {
    package struct Entry: Hashable, Comparable, Sendable {
        package let at: LogTime
        /// Position of the request.
        package let request: Position
        package let actor: Int

        package static func < (a: Entry, b: Entry) -> Bool { (a.at, a.request) < (b.at, b.request) }
    }

    private var entries: [Entry] = []

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    mutating func add(_ ticket: WaitingTicket) {
        let entry = Entry(at: ticket.deadline, request: ticket.seq, actor: ticket.actor)
        entries.insert(entry, at: entries.firstPlace { $0 < entry })
    }

    mutating func remove(_ ticket: WaitingTicket) {
        let entry = Entry(at: ticket.deadline, request: ticket.seq, actor: ticket.actor)
        let place = entries.firstPlace { $0 < entry }
        if place < entries.count, entries[place] == entry { entries.remove(at: place) }
    }

    /// The first deadline of those that aren't being withdrawn already.
    package func earliest(except withdrawing: Set<Position>) -> LogTime? {
        entries.first { !withdrawing.contains($0.request) }?.at
    }

    /// Those of `requests` that still wait. Their deadlines have come, so they stand in front.
    package func remaining(of requests: Set<Position>, at now: LogTime) -> Set<Position> {
        Set(entries.lazy.prefix { $0.at <= now }.map(\.request).filter { requests.contains($0) })
    }

    /// Those whose deadline has come and that aren't being withdrawn already, at most `limit`.
    package func reached(_ now: LogTime, except withdrawing: Set<Position>, limit: Int) -> [Entry] {
        guard let first = entries.first, first.at <= now else { return [] }
        return Array(entries.lazy.prefix { $0.at <= now }.filter { !withdrawing.contains($0.request) }.prefix(limit))
    }
}
