package import Domain
package import EventLog
import State

// Was every recorded decision the one that follows from the log?
//
// The log is folded from its beginning, or for a stretch from the nearest checkpoint. A decision names the position whose
// state it looked at (`inputs.asOf`), which lies a little before its own; so a second reader runs ahead and tells which
// decisions are due at which position. At each, the live decision function is asked again and the bodies compared. Where a
// stretch begins, folding begins early enough for the decision that looked back furthest; compared are those whose own
// position lies in the stretch. Memory doesn't grow with the log.

/// A recorded decision that doesn't follow from the log.
package struct DecisionDifference: Hashable, Sendable {
    package var seq: Position
    package var pool: String
    /// The events' bodies: as recorded, and as recomputed (nil where no decision follows at all).
    package var recorded: String
    package var recomputed: String?
}

package struct DecisionReport: Hashable, Sendable {
    package var checked: Int64
    package var first: DecisionDifference?

    package init(checked: Int64, first: DecisionDifference?) { (self.checked, self.first) = (checked, first) }
}

/// A recorded decision that was decided again.
package struct CheckedDecision: Hashable, Sendable {
    package var seq: Position
    package var at: LogTime
    package var pool: NameID
    /// The shadow that decided; nil for the pool's own policy.
    package var shadow: String?
    /// The event's body.
    package var recorded: String
    /// Nil where it came out the same, byte for byte.
    package var difference: DecisionDifference?
}

package struct DecisionVerifier {
    private let log: EventLog
    private let pools: Set<NameID>
    /// The last position that is folded.
    private let last: Position
    private var ahead: DecisionsAhead
    private var isOver = false
    private(set) var state: State

    /// The position that was folded last.
    package var position: Position { state.position }

    /// All decisions up to the log's head as it is now.
    package init(log: EventLog) {
        self.log = log
        pools = []
        last = log.head.seq
        state = State()
        ahead = DecisionsAhead(log: log, first: 1, last: last)
    }

    /// Those whose own position lies in `first...last`, of `pools` (of all, where none is named).
    ///
    /// - Parameter soundThrough: the last position to fold and to read on from: what comes after is not what was written.
    package init(log: EventLog, first: Position, last: Position, pools: Set<NameID> = [], soundThrough: Position = .max) throws(LogError) {
        self.log = log
        self.pools = pools
        let end = min(last, soundThrough)
        self.last = end
        state = first <= 1 ? State() : State.nearest(to: try DecisionsAhead.furthestBack(log, first: first, last: end), in: log)
        ahead = DecisionsAhead(log: log, first: first, last: end)
        if soundThrough < last { ahead.addUnsound(after: soundThrough, last: last) }
    }

    /// Checks all that is left; stops at the first that differs.
    package mutating func verify(progress: (Position, Position) -> Void = { _, _ in }) throws(LogError) -> DecisionReport {
        var report = DecisionReport(checked: 0, first: nil)
        while let checked = try step() {
            for decision in checked {
                report.checked += 1
                report.first = decision.difference
                if report.first != nil { return report }
            }
            progress(state.position, last)
        }
        return report
    }

    /// Folds some commits on, and answers the decisions that were due meanwhile; nil once all is done. `folded` is called with
    /// each commit after it was folded.
    package mutating func step(_ folded: (CommittedBatch) -> Void = { _ in }) throws(LogError) -> [CheckedDecision]? {
        guard !isOver else { return nil }
        let batches = try History.slice(of: log, after: state.position, through: last)
        var checked: [CheckedDecision] = []
        for batch in batches {
            _ = state.fold(batch, names: log.names)
            folded(batch)
            for due in try ahead.due(at: state.position) where includes(due) { checked.append(check(due, decideAgain(due))) }
        }
        if batches.isEmpty || state.position >= last {
            isOver = true
            for stray in try ahead.strays() where includes(stray) { checked.append(check(stray, nil)) }
        }
        return checked
    }

    private func includes(_ decision: RecordedDecision) -> Bool { pools.isEmpty || pools.contains(decision.pool) }

    private func decideAgain(_ due: RecordedDecision) -> [UInt8]? { state.decision(for: due.pool, shadow: due.shadow)?.body }

    private func check(_ due: RecordedDecision, _ again: [UInt8]?) -> CheckedDecision {
        var checked = CheckedDecision(seq: due.seq, at: due.at, pool: due.pool, shadow: due.shadow, recorded: due.body)
        if let again, again.elementsEqual(due.body.utf8) { return checked }
        checked.difference = DecisionDifference(
            seq: due.seq, pool: log.names.text(of: due.pool), recorded: due.body,
            recomputed: again.map { String(decoding: $0, as: UTF8.self) })
        return checked
    }
}

struct RecordedDecision {
    var seq: Position
    var at: LogTime
    var pool: NameID
    /// The shadow that decided; nil for the pool's own policy.
    var shadow: String?
    /// -1 where the body doesn't say.
    var asOf: Position
    var body: String
}

/// The recorded decisions in the order of the positions they looked at.
private struct DecisionsAhead {
    let log: EventLog
    /// Positions of the decisions that are wanted.
    private let first: Position
    private let last: Position
    private var read: Position
    private var isAtEnd = false
    /// What the last decision that was read looked at.
    private var lastAsOf: Position = 0
    /// Those not given out yet, by the position they looked at.
    private var pending: [Position: [RecordedDecision]] = [:]

    init(log: EventLog, first: Position, last: Position) {
        (self.log, self.first, self.last) = (log, first, last)
        read = first - 1
    }

    /// The least position that a decision in `first...last` looked at, or the one before `first`.
    static func furthestBack(_ log: EventLog, first: Position, last: Position) throws(LogError) -> Position {
        var ahead = DecisionsAhead(log: log, first: first, last: last)
        var least = first - 1
        while !ahead.isAtEnd {
            try ahead.readOn()
            least = ahead.pending.keys.reduce(least) { $1 > 0 ? min($0, $1) : $0 }
            ahead.pending = [:]
        }
        return least
    }

    /// The decisions of the one commit after `position`, which can perhaps be read no more.
    mutating func addUnsound(after position: Position, last: Position) {
        guard let batch = (try? log.read(after: position, limitEvents: 1))?.first else { return }
        add(batch, through: last)
        // There may be more to read before it.
        lastAsOf = 0
    }

    mutating func due(at position: Position) throws(LogError) -> [RecordedDecision] {
        while !isAtEnd, lastAsOf <= position { try readOn() }
        // A log that was tampered with may name positions that fall within commits: those stay and are reported as stray.
        return pending.removeValue(forKey: position) ?? []
    }

    /// Decisions whose position never came: they looked at the middle of a commit, or past the end.
    mutating func strays() throws(LogError) -> [RecordedDecision] {
        while !isAtEnd { try readOn() }
        defer { pending = [:] }
        return pending.values.flatMap { $0 }.sorted { $0.seq < $1.seq }
    }

    private mutating func readOn() throws(LogError) {
        let batches = try History.slice(of: log, after: read, through: last)
        guard let end = batches.last?.lastSeq else {
            isAtEnd = true
            return
        }
        read = end
        for batch in batches { add(batch, through: last) }
    }

    private mutating func add(_ batch: CommittedBatch, through last: Position) {
        for event in batch.events where event.kind == .scaleDecided && event.seq >= first && event.seq <= last {
            let decision = RecordedDecision(event, of: batch)
            pending[decision.asOf, default: []].append(decision)
            lastAsOf = decision.asOf
        }
    }
}

extension RecordedDecision {
    init(_ event: CommittedEvent, of batch: CommittedBatch) {
        seq = event.seq
        at = batch.at
        pool = event.pool
        body = batch.text(event.body)
        // What lies in a tampered log may be anything.
        guard
            batch.bytes.withUnsafeBufferPointer({
                JSONCursor.isObject(UnsafeBufferPointer(rebasing: $0[event.body.lower..<event.body.upper]))
            })
        else {
            asOf = -1
            return
        }
        shadow = batch.withBody(of: event) { body in body["shadow"].flatMap { body.text($0) } }
        asOf = batch.withBody(of: event) { body in
            guard let inputs = body["inputs"] else { return -1 }
            return body.object(inputs).flatMap { inputs in inputs["asOf"].flatMap { inputs.integer($0) } } ?? -1
        }
    }
}
