public import Domain

// How are events read back?
//
// A reader asks for a slice after a position and says what it wants of it; an answer says up to where the log was looked
// through, so a filter that matches nothing still makes progress. Following is reading, then waiting for the next commit.

public protocol EventReading: Sendable {
    /// The last position that can be read; 0 for an empty log.
    var lastPosition: Position { get async }
    /// The events after `question.after` that match, in order. May look through less than all there is: see `EventPage.readTo`.
    func read(_ question: EventQuestion) async throws -> EventPage
    /// Returns once something after `position` can be read, or the task is cancelled.
    func waitForEvents(after position: Position) async
}

public struct EventQuestion: Hashable, Sendable {
    public var after: Position
    /// Matching events, at most.
    public var limit: Int
    /// `NAMESPACE/NAME`.
    public var pool: String?
    public var subject: String?
    public var worker: String?
    /// Empty is all.
    public var kinds: Set<EventKind>

    public init(after: Position, limit: Int, pool: String? = nil, subject: String? = nil, worker: String? = nil, kinds: Set<EventKind> = []) {
        self.after = after
        self.limit = limit
        self.pool = pool
        self.subject = subject
        self.worker = worker
        self.kinds = kinds
    }
}

public struct EventPage: Sendable {
    /// Matching events alone, commit by commit.
    public var batches: [CommittedBatch]
    /// Every event up to here was looked at: ask on from here.
    public var readTo: Position
    public var names: any NameReading & Sendable
    /// The number of a name, where the log has it.
    public var find: @Sendable (String) -> NameID?

    public init(batches: [CommittedBatch], readTo: Position, names: any NameReading & Sendable, find: @escaping @Sendable (String) -> NameID?) {
        self.batches = batches
        self.readTo = readTo
        self.names = names
        self.find = find
    }
}

/// An `EventQuestion` in a log's own numbers: what a reader that holds whole commits needs to answer it.
public struct EventFilter: Sendable {
    private let pool: NameID?
    private let subject: NameID?
    private let worker: NameID?
    private let kinds: Set<EventKind>
    /// Names something the log has never heard of.
    public let matchesNothing: Bool

    /// - Parameter find: the number of a name, where the log has it.
    public init(_ question: EventQuestion, find: (String) -> NameID?) {
        pool = question.pool.flatMap(find)
        subject = question.subject.flatMap(find)
        worker = question.worker.flatMap(find)
        kinds = question.kinds
        matchesNothing =
            (question.pool != nil && pool == nil) || (question.subject != nil && subject == nil) || (question.worker != nil && worker == nil)
    }

    public func matches(_ event: CommittedEvent) -> Bool {
        if matchesNothing { return false }
        if let pool, event.pool != pool { return false }
        if let subject, event.subject != subject { return false }
        if let worker, event.worker != worker, !(event.kind.subject == .worker && event.subject == worker) { return false }
        return kinds.isEmpty || kinds.contains(event.kind)
    }

    /// The matching events of `batch` after `position`, at most `limit`; `readTo` is the last one looked at.
    public func select(from batch: CommittedBatch, after position: Position, limit: Int) -> (batch: CommittedBatch, readTo: Position) {
        var selected: [CommittedEvent] = []
        var readTo = position
        for event in batch.events where event.seq > position {
            guard selected.count < limit else { break }
            readTo = event.seq
            if matches(event) { selected.append(event) }
        }
        return (CommittedBatch(at: batch.at, events: selected, bytes: batch.bytes), readTo)
    }
}
