// What is in the log?
//
// A `CommittedBatch` is one commit, durable and in order: its positions run without a gap from `firstSeq`, and all of it
// carries one log time. Names are numbers of the log's dictionary; everything else points into `bytes`.

/// A position in the log, from 1; 0 is "before the first".
package typealias Position = Int64

package struct CommittedEvent: Hashable, Sendable {
    /// Whoever reads the log calls events of this source our own.
    package static let ownSource = "/greenroom"

    package var seq: Position
    package var kind: EventKind
    /// The pool the event names, or the one its subject was last known in.
    package var pool: NameID
    package var subject: NameID
    package var worker: NameID
    package var source: NameID
    package var id: ByteRange
    package var time: LogTime?
    package var body: ByteRange
    package var extensions: ByteRange
    /// The same subject's event before this one; 0 where this is its first.
    package var previous: Position
    /// Did not fit its actor's state and changed nothing. Known only of events read back after they were folded.
    package var superseded: Bool
    /// The service itself concluded it. The log says so where it hands out events.
    package var isOurs: Bool

    package init(
        seq: Position, kind: EventKind, pool: NameID, subject: NameID, worker: NameID, source: NameID, id: ByteRange,
        time: LogTime?, body: ByteRange, extensions: ByteRange, previous: Position, superseded: Bool = false, isOurs: Bool = false
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
        self.isOurs = isOurs
    }
}

package struct CommittedBatch: Sendable {
    package var at: LogTime
    package var events: [CommittedEvent]
    package var bytes: [UInt8]

    package init(at: LogTime, events: [CommittedEvent], bytes: [UInt8]) {
        self.at = at
        self.events = events
        self.bytes = bytes
    }

    package var firstSeq: Position { events.first?.seq ?? 0 }
    package var lastSeq: Position { events.last?.seq ?? 0 }

    package func text(_ range: ByteRange) -> String { String(decoding: bytes[range.lower..<range.upper], as: UTF8.self) }
}

/// What turns a dictionary number back into its name.
package protocol NameReading {
    func text(of id: NameID) -> String
    func appendText(of id: NameID, to bytes: inout [UInt8])
}

extension NameTable: NameReading {}
