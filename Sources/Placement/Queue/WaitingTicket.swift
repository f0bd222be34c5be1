package import Domain

// Which actor waits for a worker, since when, and in which order?

/// A request for a worker. The order is the order of turn: higher priority first, then age.
package struct WaitingTicket: Hashable, Sendable, Comparable {
    /// Index of the actor in the actor table.
    package var actor: Int
    /// Position of the `actor.requested`: unique, and its order is the order of age.
    package var seq: Position
    package var requestedAt: LogTime
    package var priority: Int64
    /// How long the turn is expected to run; 0 where unknown.
    package var expectedMillis: Int64
    /// Labels the worker must carry, as sorted pairs of names in the table of labels.
    package var selector: [LabelPair]
    /// Whose quota it counts against; a name in the table of labels.
    package var tenant: NameID
    /// By when it needs a worker; zero where it waits as long as it takes.
    package var deadline: LogTime

    package init(
        actor: Int, seq: Position, requestedAt: LogTime, priority: Int64 = 0, expectedMillis: Int64 = 0, selector: [LabelPair] = [],
        tenant: NameID = .none, deadline: LogTime = .zero
    ) {
        self.actor = actor
        self.seq = seq
        self.requestedAt = requestedAt
        self.priority = priority
        self.expectedMillis = expectedMillis
        self.selector = selector
        self.tenant = tenant
        self.deadline = deadline
    }

    package static func < (a: WaitingTicket, b: WaitingTicket) -> Bool { a.turn < b.turn }

    package var turn: Turn { Turn(priority: priority, seq: seq) }
}

/// A ticket's place in the order of turn.
package struct Turn: Hashable, Comparable, Sendable {
    package var priority: Int64
    package var seq: Position

    package static func < (a: Turn, b: Turn) -> Bool { a.priority != b.priority ? a.priority > b.priority : a.seq < b.seq }
}
