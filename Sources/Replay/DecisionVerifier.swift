public import Domain
public import EventLog
import ControlLoop

// Was every recorded decision the one that follows from the log?
//
// The log is folded from its beginning. A decision names the position whose state it looked at (`inputs.asOf`), which lies
// a little before its own; so a second reader runs ahead and tells which decisions are due at which position. At each, the
// live decision function is asked again and the digests compared. Memory doesn't grow with the log.

/// A recorded decision that doesn't follow from the log.
public struct DecisionDifference: Hashable, Sendable {
    public var seq: Position
    public var pool: String
    /// The events' bodies: as recorded, and as recomputed (nil where no decision follows at all).
    public var recorded: String
    public var recomputed: String?
}

public struct DecisionReport: Hashable, Sendable {
    public var checked: Int64
    public var first: DecisionDifference?
}

public struct DecisionVerifier {
    private let log: EventLog
    private var ahead: DecisionsAhead

    public init(log: EventLog) {
        self.log = log
        ahead = DecisionsAhead(log: log)
    }

    /// Checks all decisions up to the log's head as it is now; stops at the first that differs.
    public mutating func verify(progress: (Position, Position) -> Void = { _, _ in }) throws(LogError) -> DecisionReport {
        let head = log.head.seq
        var world = World()
        var report = DecisionReport(checked: 0, first: nil)
        while world.position < head {
            let batches = try log.read(after: world.position, limitEvents: History.sliceEvents)
            guard !batches.isEmpty else { break }
            for batch in batches {
                _ = world.fold(batch, names: log.names)
                for due in try ahead.due(at: world.position) {
                    report.checked += 1
                    if let difference = difference(due, world) {
                        report.first = difference
                        return report
                    }
                }
            }
            progress(world.position, head)
        }
        if let stray = ahead.stray {
            report.first = DecisionDifference(seq: stray.seq, pool: log.names.text(of: stray.pool), recorded: stray.body, recomputed: nil)
        }
        return report
    }

    private func difference(_ due: RecordedDecision, _ world: World) -> DecisionDifference? {
        let again = world.decision(for: due.pool, shadow: due.shadow)
        if let again, again.body.elementsEqual(due.body.utf8) { return nil }
        return DecisionDifference(
            seq: due.seq, pool: log.names.text(of: due.pool), recorded: due.body,
            recomputed: again.map { String(decoding: $0.body, as: UTF8.self) })
    }
}

struct RecordedDecision {
    var seq: Position
    var pool: NameID
    /// The shadow that decided; nil for the pool's own policy.
    var shadow: String?
    var asOf: Position
    var body: String
}

/// The recorded decisions in the order of the positions they looked at.
private struct DecisionsAhead {
    let log: EventLog
    private var read: Position = 0
    private var isAtEnd = false
    private var pending: [RecordedDecision] = []

    init(log: EventLog) { self.log = log }

    /// A decision whose position never came: it looked at the middle of a commit, or past the end.
    var stray: RecordedDecision? { pending.first }

    mutating func due(at position: Position) throws(LogError) -> [RecordedDecision] {
        while !isAtEnd, pending.last.map({ $0.asOf <= position }) ?? true { try readOn() }
        // A log that was tampered with may name positions that fall within commits: those stay and are reported as stray.
        let due = pending.filter { $0.asOf == position }
        if !due.isEmpty { pending.removeAll { $0.asOf == position } }
        return due
    }

    private mutating func readOn() throws(LogError) {
        let batches = try log.read(after: read, limitEvents: History.sliceEvents)
        guard let last = batches.last else {
            isAtEnd = true
            return
        }
        read = last.lastSeq
        for batch in batches {
            for event in batch.events where event.kind == .scaleDecided { pending.append(RecordedDecision(event, of: batch)) }
        }
    }
}

extension RecordedDecision {
    init(_ event: CommittedEvent, of batch: CommittedBatch) {
        seq = event.seq
        pool = event.pool
        body = batch.text(event.body)
        shadow = batch.withBody(of: event) { body in body["shadow"].flatMap { body.text($0) } }
        asOf = batch.withBody(of: event) { body in
            guard let inputs = body["inputs"] else { return -1 }
            return body.object(inputs).flatMap { inputs in inputs["asOf"].flatMap { inputs.integer($0) } } ?? -1
        }
    }
}
