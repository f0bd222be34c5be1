package import Domain
package import EventLog

// Does a stretch of the log, run again, come out as it did?
//
// First the chain, from where folding begins: what is not as it was written is found there, and nothing beyond it is
// folded. Then every decision in the stretch is decided again, slice by slice, so that whoever drives it sets the pace. No
// clock is read: the log's own times are all there is.

package struct LogReplay {
    package let stretch: LogStretch
    private let log: EventLog
    private let pools: Set<NameID>
    private var verifier: DecisionVerifier?
    package private(set) var summary: ReplaySummary

    /// - Parameter pools: whose decisions are compared; all, where none is named.
    package init(log: EventLog, stretch: LogStretch, pools: Set<NameID> = []) {
        self.log = log
        self.stretch = stretch
        self.pools = pools
        summary = ReplaySummary(stretch: stretch)
    }

    /// The position reached.
    package var position: Position { verifier?.state.position ?? 0 }

    /// Checks the chain and prepares to fold. Comes before the first `step`.
    package mutating func checkChain(progress: @escaping (Position) -> Void = { _ in }) throws(LogError) {
        // Where to begin follows from what decisions say they looked at; should they lie, the chain says so.
        let hopeful = try DecisionVerifier(log: log, first: stretch.first, last: stretch.last, pools: pools)
        let chain = try log.verify(after: hopeful.state.position, through: stretch.last, progress: progress)
        summary.fault = chain.fault
        verifier =
            chain.isSound
            ? hopeful : try DecisionVerifier(log: log, first: stretch.first, last: stretch.last, pools: pools, soundThrough: chain.head.seq)
    }

    /// Runs on by some commits; answers the decisions that were due meanwhile, nil at the end or after the first that differs.
    package mutating func step() throws(LogError) -> [CheckedDecision]? {
        guard summary.first == nil else { return nil }
        var summary = summary
        let checked = try verifier?.step { [log, stretch, pools] batch in
            summary.folded += Int64(batch.events.count)
            for event in batch.events where event.seq >= stretch.first && event.seq <= stretch.last {
                summary.events += 1
                guard !event.pool.isNone, pools.isEmpty || pools.contains(event.pool) else { continue }
                summary.countEvent(event.pool) { log.names.text(of: event.pool) }
            }
        }
        defer { self.summary = summary }
        guard let checked = checked ?? nil else { return nil }
        let compared = Array(checked.prefix { $0.difference == nil }) + checked.filter { $0.difference != nil }.prefix(1)
        for decision in compared { summary.note(decision, pool: log.names.text(of: decision.pool)) }
        return compared
    }
}

/// What replaying a stretch found.
package struct ReplaySummary: Hashable, Sendable {
    package struct Pool: Hashable, Sendable {
        package var name: String
        /// Events of the pool in the stretch: its own, its workers' and its actors'.
        package var events: Int64 = 0
        package var decisions: Int64 = 0
        package var ups = 0
        package var downs = 0
        /// The largest count that was decided; nil where none was.
        package var peak: Int?
    }

    package var stretch: LogStretch
    /// Events folded: those of the stretch, and those before it since the checkpoint.
    package var folded: Int64 = 0
    /// Events in the stretch that were folded.
    package var events: Int64 = 0
    /// Decisions that were compared.
    package var decisions: Int64 = 0
    private var byPool: [NameID: Pool] = [:]
    /// The first thing that is not as it was written.
    package var fault: VerifyReport.Fault?
    /// The first decision that comes out otherwise.
    package var first: DecisionDifference?

    init(stretch: LogStretch) { self.stretch = stretch }

    package var isSame: Bool { fault == nil && first == nil }

    /// In order of name.
    package var pools: [Pool] { byPool.values.sorted { $0.name < $1.name } }

    mutating func countEvent(_ pool: NameID, name: () -> String) {
        if byPool[pool] == nil { byPool[pool] = Pool(name: name()) }
        byPool[pool]?.events += 1
    }

    mutating func note(_ decision: CheckedDecision, pool name: String) {
        decisions += 1
        if first == nil { first = decision.difference }
        guard decision.difference == nil else { return }
        let (from, to) = decision.counts
        var pool = byPool[decision.pool] ?? Pool(name: name)
        pool.decisions += 1
        defer { byPool[decision.pool] = pool }
        // A shadow moves nothing.
        guard decision.shadow == nil else { return }
        if to > from { pool.ups += 1 }
        if to < from { pool.downs += 1 }
        pool.peak = max(pool.peak ?? 0, to)
    }
}

extension CheckedDecision {
    /// From how many to how many; of a decision that came out the same, whose body is therefore sound.
    var counts: (from: Int, to: Int) {
        var counts = (from: 0, to: 0)
        Array(recorded.utf8).withUnsafeBufferPointer { bytes in
            EventBody(bytes, ByteRange(start: 0, count: bytes.count)).forEachMember { key, value in
                let body = EventBody(bytes, .empty)
                if key == "from" { counts.from = Int(clamping: body.integer(value) ?? 0) }
                if key == "to" { counts.to = Int(clamping: body.integer(value) ?? 0) }
            }
        }
        return counts
    }
}
