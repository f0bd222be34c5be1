package import Domain
package import EventLog
import State

// How is a stretch of the log counted, slice by slice?
//
// From the nearest checkpoint to the beginning, then on to the end, each slice read once. Whoever drives it sets the pace and
// may stop. The stretch is half open where times name it: what happened at `from` counts, and what happened at `to` is the
// next stretch's, so months add up. A position is included on both sides.

package struct UsageQuery: Hashable, Sendable {
    /// nil: from the beginning of the log.
    package var from: Moment?
    /// nil: to the last commit.
    package var to: Moment?
    package var grouping: UsageGrouping
    /// Only this pool's: `NAMESPACE/NAME`.
    package var pool: String?

    package init(from: Moment? = nil, to: Moment? = nil, by grouping: UsageGrouping = .tenant, pool: String? = nil) {
        self.from = from
        self.to = to
        self.grouping = grouping
        self.pool = pool
    }
}

/// What can't be counted as it was asked for.
package struct UsageFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Of the query.
    package var field: String
    /// A clause that says what is wrong and what to do.
    package var problem: String

    package var description: String { "\(field) \(problem)" }
}

package struct UsageRun {
    private let log: EventLog
    private let query: UsageQuery
    /// The first position that counts; that of its commit's beginning, once it was read.
    private var first: Position
    private let last: Position
    /// The times that were asked for; nil where a position was, or nothing.
    private let fromTime: LogTime?
    private let toTime: LogTime?
    private var from = LogTime.zero
    private var state: State
    private var ledger: UsageLedger
    private var hasBegun = false

    package init(_ log: EventLog, _ query: UsageQuery) throws(UsageRunError) {
        self.log = log
        self.query = query
        let head = log.head
        do throws(LogError) {
            switch query.from {
            case nil: (first, fromTime) = (1, nil)
            case .position(let position): (first, fromTime) = (max(1, position), nil)
            case .time(let time): (first, fromTime) = (try log.position(at: time.adding(microseconds: -1)) + 1, time)
            }
            switch query.to {
            case nil: (last, toTime) = (head.seq, nil)
            case .position(let position): (last, toTime) = (min(position, head.seq), nil)
            case .time(let time):
                (last, toTime) = (min(head.seq, try log.position(at: time.adding(microseconds: -1))), min(time, head.at))
            }
        } catch { throw .log(error) }
        var isReversed = last < first - 1
        if let fromTime, case .time(let asked)? = query.to { isReversed = asked < fromTime }
        if isReversed {
            throw .fault(UsageFault(field: "to", problem: "is before `from`: swap them"))
        }
        var pool: NameID?
        if let name = query.pool {
            guard let known = log.names.find(name) else {
                throw .fault(
                    UsageFault(
                        field: "pool", problem: "\(String(name.prefix(EventLimits.qualifiedNameBytes))) is none of the log: name another"))
            }
            pool = known
        }
        ledger = UsageLedger(grouping: query.grouping, pool: pool)
        state = State.nearest(to: first - 1, in: log)
    }

    /// Positions that are still to be read.
    package var remaining: Int64 { max(0, last - state.position) }

    /// Counts one slice; false once all of it was.
    package mutating func step() throws(UsageRunError) -> Bool {
        let batches: [CommittedBatch]
        do throws(LogError) { batches = try History.slice(of: log, after: state.position, through: last) } catch { throw .log(error) }
        for batch in batches {
            if batch.lastSeq > last {
                beginIfNeeded(nextAt: batch.at)
                return false
            }
            // A commit counts whole, where its last position lies.
            if batch.lastSeq < first {
                _ = state.fold(batch, names: log.names)
                continue
            }
            beginIfNeeded(nextAt: batch.at)
            ledger.fold(batch, into: &state, names: log.names)
            ledger.findPool(in: state)
            if ledger.isFull {
                throw .fault(
                    UsageFault(
                        field: "by",
                        problem:
                            "\(query.grouping.rawValue) gives more than \(UsageLedger.rowsMost) rows: ask by pool, tenant or template, for one pool, or for a shorter time"
                    ))
            }
        }
        return !batches.isEmpty
    }

    /// The report, once `step` was false.
    package mutating func finish() -> UsageReport {
        beginIfNeeded(nextAt: state.at)
        let end = max(from, toTime ?? state.at)
        ledger.finish(at: end)
        return UsageReport(
            grouping: query.grouping, from: from, to: end, first: first, last: max(first - 1, state.position),
            rows: ledger.report(state, names: log.names))
    }

    private mutating func beginIfNeeded(nextAt: LogTime) {
        guard !hasBegun else { return }
        hasBegun = true
        first = state.position + 1
        // Before its first commit a log has no time.
        from = fromTime ?? (state.position == 0 ? nextAt : state.at)
        ledger.begin(with: state, at: from)
        ledger.findPool(in: state)
    }

    /// All of it at once.
    package static func report(of log: EventLog, _ query: UsageQuery) throws(UsageRunError) -> UsageReport {
        var run = try UsageRun(log, query)
        while try run.step() {}
        return run.finish()
    }
}

package enum UsageRunError: Error, Hashable, Sendable {
    case log(LogError)
    /// Of whoever asks: a sentence.
    case fault(UsageFault)
}
