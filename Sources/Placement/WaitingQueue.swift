import Collections
public import Domain

// Whose turn is it?
//
// The actors of one pool that wait for a worker, by priority (higher first), then by age (the position of the request).
// A ticket that has been offered a worker is `claimed` until the log says what became of it: it still waits, but is not
// offered another one. Removal is lazy: an entry whose ticket has been cancelled stays in the heaps until it surfaces or until dead entries
// outnumber the living, so every operation is O(log n) amortised and memory is at most twice the living entries.

/// A request for a worker: who asks, and since when.
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

    public init(actor: Int, seq: Position, requestedAt: LogTime, priority: Int64 = 0, expectedMillis: Int64 = 0, selector: [LabelPair] = []) {
        self.actor = actor
        self.seq = seq
        self.requestedAt = requestedAt
        self.priority = priority
        self.expectedMillis = expectedMillis
        self.selector = selector
    }

    public static func < (a: WaitingTicket, b: WaitingTicket) -> Bool {
        a.priority != b.priority ? a.priority > b.priority : a.seq < b.seq
    }
}

public struct LabelPair: Hashable, Sendable, Comparable {
    public var key: NameID
    public var value: NameID
    public init(key: NameID, value: NameID) { self.key = key; self.value = value }
    public static func < (a: LabelPair, b: LabelPair) -> Bool { a.key != b.key ? a.key < b.key : a.value < b.value }
}

public struct WaitingQueue: Sendable {
    private struct Age: Comparable, Sendable {
        var seq: Position
        static func < (a: Age, b: Age) -> Bool { a.seq < b.seq }
    }

    private var living: [Position: WaitingTicket] = [:]
    private var claimed: [Position: WaitingTicket] = [:]
    private var byTurn = Heap<WaitingTicket>()
    private var byAge = Heap<Age>()

    public init() {}

    public var count: Int { living.count + claimed.count }
    public var isEmpty: Bool { count == 0 }

    public mutating func add(_ ticket: WaitingTicket) {
        living[ticket.seq] = ticket
        byTurn.insert(ticket)
        byAge.insert(Age(seq: ticket.seq))
    }

    /// Takes a ticket out, wherever it stands; nil where it isn't waiting.
    @discardableResult
    public mutating func remove(_ seq: Position) -> WaitingTicket? {
        if let ticket = claimed.removeValue(forKey: seq) { return ticket }
        guard let ticket = living.removeValue(forKey: seq) else { return nil }
        dropDead()
        return ticket
    }

    public subscript(_ seq: Position) -> WaitingTicket? { living[seq] ?? claimed[seq] }

    /// When the longest-waiting request that isn't claimed was made.
    public var oldestRequestedAt: LogTime? { byAge.min.flatMap { living[$0.seq]?.requestedAt } }

    /// The first in turn that isn't claimed; nil where there is none.
    public var first: WaitingTicket? { byTurn.min }

    public func isClaimed(_ seq: Position) -> Bool { claimed[seq] != nil }

    public mutating func claim(_ seq: Position) {
        guard let ticket = living.removeValue(forKey: seq) else { return }
        claimed[seq] = ticket
        dropDead()
    }

    /// Puts a claimed ticket back in its turn.
    public mutating func unclaim(_ seq: Position) {
        guard let ticket = claimed.removeValue(forKey: seq) else { return }
        add(ticket)
    }

    /// How many stand before `seq`, counting from 1 for the first; nil where it isn't waiting. O(n).
    public func place(of seq: Position) -> Int? {
        guard let ticket = self[seq] else { return nil }
        return living.values.reduce(1) { $1 < ticket ? $0 + 1 : $0 } + claimed.values.reduce(0) { $1 < ticket ? $0 + 1 : $0 }
    }

    /// All tickets in order of turn, claimed or not. O(n log n).
    public var all: [WaitingTicket] { (Array(living.values) + claimed.values).sorted() }

    /// The tickets that aren't claimed, in order of turn. O(n log n).
    public var unclaimed: [WaitingTicket] { living.values.sorted() }

    /// Keeps the tops of both heaps alive, and both heaps at most twice as long as the living.
    private mutating func dropDead() {
        while let top = byTurn.min, living[top.seq] == nil { byTurn.removeMin() }
        while let top = byAge.min, living[top.seq] == nil { byAge.removeMin() }
        if byTurn.count > 64, byTurn.count > living.count * 2 { byTurn = Heap(living.values) }
        if byAge.count > 64, byAge.count > living.count * 2 { byAge = Heap(living.keys.map { Age(seq: $0) }) }
    }
}
