import Autoscaling
import Domain

// What did the log say where a conclusion looked at it?
//
// A conclusion names the position whose state it looked at. Ledgers of the last commits are kept, so that it is judged by that
// state and by no later one.

struct PastLedgers {
    private var past: [Ledger] = []
    private static let kept = 64

    /// Before each commit.
    mutating func note(_ ledger: Ledger) {
        if past.last?.seq == ledger.seq { past.removeLast() }
        past.append(ledger)
        if past.count > Self.kept { past.removeFirst(past.count - Self.kept) }
    }

    /// nil where it is too long ago.
    subscript(_ asOf: Int) -> Ledger? { past.last { $0.seq == Position(asOf) } }
}

/// What a pool had to carry, from when to when, and under which policy: at the end of each commit, as nothing is evaluated within one.
struct DemandHistory {
    struct Moment {
        var seq: Position
        var from: LogTime
        /// nil for the last one.
        var until: LogTime?
        var demand: Int
        /// Without those who wait for their tenant's quota.
        var needed: Int
        /// Of the policy that stood.
        var policySeq: Position
    }

    private var moments: [String: [Moment]] = [:]
    private var times: [(seq: Position, at: LogTime)] = []

    /// Before each commit.
    mutating func note(_ ledger: Ledger) {
        guard ledger.seq > times.last?.seq ?? 0 else { return }
        times.append((ledger.seq, ledger.at))
        for (name, pool) in ledger.pools {
            let (demand, needed) = (ledger.demand(of: name), ledger.needed(of: name))
            if let last = moments[name]?.last, last.demand == demand, last.needed == needed, last.policySeq == pool.policySeq { continue }
            if let count = moments[name]?.count { moments[name]?[count - 1].until = ledger.at }
            moments[name, default: []].append(
                Moment(seq: ledger.seq, from: ledger.at, until: nil, demand: demand, needed: needed, policySeq: pool.policySeq))
        }
    }

    /// The time of a commit; nil where none ended there.
    func time(of position: Position) -> LogTime? { times.last { $0.seq == position }?.at }

    /// What stood at any moment after `since`, up to a position, under the policy of `policySeq`.
    func moments(of pool: String, upTo position: Position, after since: LogTime, under policySeq: Position) -> [Moment] {
        (moments[pool] ?? []).filter { moment in
            moment.seq <= position && moment.policySeq == policySeq && (moment.until.map { $0 > since } ?? true)
        }
    }

    func everything(of pool: String, upTo position: Position) -> [Moment] { (moments[pool] ?? []).filter { $0.seq <= position } }
}

/// A decision of a pool's own policy that a plain reading can answer for.
struct JudgedDecision {
    var who: String
    var pool: String
    var policy: Policy
    var policySeq: Position
    var asOf: Position
    var from: Int
    var to: Int
    var busy: Int
    var codes: [String]

    /// nil where the policy is newer than the decision, claims take the pool's workers, an operator holds the count, or the counts are those of a poisoned log:
    /// those are beyond all that a plain reading adds up.
    init?(_ event: LoggedEvent, _ ledger: Ledger) {
        guard event.kind == .scaleDecided, event.string("shadow") == nil, let pool = ledger.pools[event.pool], let policy = pool.policy,
            let from = event.integer("from"), let to = event.integer("to"), let asOf = event.integer("inputs", "asOf")
        else { return nil }
        // Where claims take workers, they are what is decided by.
        guard Position(asOf) >= pool.policySeq, !policy.isUnclaimed, max(from, to) < 1_000_000 else { return nil }
        let codes = event.codes
        guard !codes.contains("Held"), !codes.contains("PausedScaleIn"), !codes.contains("PausedScaleOut") else { return nil }
        self.pool = event.pool
        self.policy = policy
        policySeq = pool.policySeq
        self.asOf = Position(asOf)
        self.from = from
        self.to = to
        self.codes = codes
        busy = event.integer("inputs", "busy") ?? 0
        who = "the decision of position \(event.seq) for \(event.pool), \(from) to \(to),"
    }

    /// An active pool is never below this.
    var first: Int { max(1, policy.minReplicaCount) }

    /// Its trigger of demand, where the count is followed and each trigger speaks for itself.
    var demandTrigger: Trigger? {
        guard policy.mode == .auto, policy.scalingModifiers == nil else { return nil }
        return policy.triggers.first { $0.source == .demand && $0.metricType == .averageValue }
    }
}
