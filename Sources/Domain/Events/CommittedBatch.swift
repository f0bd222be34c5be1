// What is in the log?
//
// A `CommittedBatch` is one commit, durable and in order: its positions run without a gap from `firstSeq`, and all of it
// carries one log time. Names are numbers of the log's dictionary; everything else points into `bytes`.

/// A position in the log, from 1; 0 is "before the first".
public typealias Position = Int64

public struct CommittedEvent: Hashable, Sendable {
    public var seq: Position
    public var kind: EventKind
    /// The pool the event names, or the one its subject was last known in.
    public var pool: NameID
    public var subject: NameID
    public var worker: NameID
    public var source: NameID
    public var id: ByteRange
    public var time: LogTime?
    public var body: ByteRange
    public var extensions: ByteRange
    /// The same subject's event before this one; 0 where this is its first.
    public var previous: Position
    /// Did not fit its actor's state and changed nothing. Known only of events read back after they were folded.
    public var superseded: Bool

    public init(
        seq: Position, kind: EventKind, pool: NameID, subject: NameID, worker: NameID, source: NameID, id: ByteRange,
        time: LogTime?, body: ByteRange, extensions: ByteRange, previous: Position, superseded: Bool = false
    ) {
        self.seq = seq
        self.kind = kind
        self.pool = pool
        self.subject = subject
        self.worker = worker
        self.source = source
        self.id = id
        self.time = time
        self.body = body
        self.extensions = extensions
        self.previous = previous
        self.superseded = superseded
    }
}

public struct CommittedBatch: Sendable {
    public var at: LogTime
    public var events: [CommittedEvent]
    public var bytes: [UInt8]

    public init(at: LogTime, events: [CommittedEvent], bytes: [UInt8]) {
        self.at = at
        self.events = events
        self.bytes = bytes
    }

    public var firstSeq: Position { events.first?.seq ?? 0 }
    public var lastSeq: Position { events.last?.seq ?? 0 }

    public func text(_ range: ByteRange) -> String { String(decoding: bytes[range.lower..<range.upper], as: UTF8.self) }
}

/// What turns a dictionary number back into its name.
public protocol NameReading {
    func text(of id: NameID) -> String
    func appendText(of id: NameID, to bytes: inout [UInt8])
}

extension NameTable: NameReading {}
