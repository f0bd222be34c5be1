public import Domain

// Who asks for a worker, since when, and before whom?

/// A request for a worker. The order is the order of turn: higher priority first, then age.
public struct WaitingTicket: Hashable, Sendable, Comparable {
    /// Index of the actor in the actor table.
    public var actor: Int
    /// Position of the `actor.requested`: unique, and its order is the order of age.
    public var seq: Position
    public var requestedAt: LogTime
    public var priority: Int64
    /// How long the turn is expected to run; 0 where unknown.
    public var expectedMillis: Int64
    /// Labels the worker must carry, as sorted pairs of names in the table of labels.
    public var selector: [LabelPair]
    /// Whose quota it counts against; a name in the table of labels.
    public var tenant: NameID

    public init(
        actor: Int, seq: Position, requestedAt: LogTime, priority: Int64 = 0, expectedMillis: Int64 = 0, selector: [LabelPair] = [],
        tenant: NameID = .none
    ) {
        self.actor = actor
        self.seq = seq
        self.requestedAt = requestedAt
        self.priority = priority
        self.expectedMillis = expectedMillis
        self.selector = selector
        self.tenant = tenant
    }

    public static func < (a: WaitingTicket, b: WaitingTicket) -> Bool { a.turn < b.turn }

    var turn: Turn { Turn(priority: priority, seq: seq) }
}

/// A ticket's place in the order of turn.
struct Turn: Hashable, Comparable, Sendable {
    var priority: Int64
    var seq: Position

    static func < (a: Turn, b: Turn) -> Bool { a.priority != b.priority ? a.priority > b.priority : a.seq < b.seq }
}
