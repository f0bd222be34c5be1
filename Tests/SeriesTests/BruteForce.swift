import Domain
import EventLog
import State
import Views

// What was each pool after each commit?
//
// The log read from its beginning, and each pool's view after every commit: what the API would have answered then. Shares no code with
// the series.

struct BruteForce {
    struct Moment {
        var seq: Position
        var at: LogTime
        /// demand, desired, ready, busy, starting, waiting, min, max
        var counts: [Int]
        var oldestRequestedAt: LogTime?
        var bands: Set<String>

        func wait(at time: LogTime) -> Int64 { oldestRequestedAt.map { max(0, time.microseconds(since: $0)) } ?? 0 }
    }

    private(set) var moments: [String: [Moment]] = [:]

    init(_ log: EventLog) throws {
        var state = State()
        var decided: [String: Set<String>] = [:]
        for batch in try log.read(after: 0, limitEvents: .max) {
            _ = state.fold(batch, names: log.names)
            for event in batch.events where event.kind == .scaleDecided {
                decided[log.names.text(of: event.pool)] = Self.codes(try JSONValue(parsing: batch.text(event.body)))
            }
            for view in state.poolViews(names: log.names, at: batch.at) {
                let name = "\(view.namespace)/\(view.name)"
                var bands: Set<String> = view.paused ? ["pause"] : []
                if view.fallback { bands.insert("fallback") }
                if !view.mode.isEmpty { bands.formUnion(decided[name] ?? []) }
                moments[name, default: []].append(
                    Moment(
                        seq: batch.lastSeq, at: batch.at,
                        counts: [
                            view.demand.total, view.desired, view.ready, view.busy, view.starting, view.demand.waiting, view.min, view.max,
                        ],
                        oldestRequestedAt: view.oldestWaitSeconds.map { batch.at.adding(microseconds: -Int64(($0 * 1e6).rounded())) },
                        bands: bands))
            }
        }
    }

    private static let bandOfCode: [String: String] = [
        "CooldownRunning": "cooldown", "InitialCooldownRunning": "cooldown", "ScaleUpStabilized": "stabilization",
        "ScaleDownStabilized": "stabilization", "ScaleUpLimit": "rateLimit", "ScaleDownLimit": "rateLimit", "ScheduleActive": "schedule",
        "ScheduleFloor": "schedule", "TriggerFailed": "failing", "FormulaUndefined": "failing",
    ]

    private static func codes(_ decision: JSONValue) -> Set<String> {
        Set(decision["why"].array.compactMap { $0["code"].string }.compactMap { bandOfCode[$0] })
    }

    struct Step: Equatable, CustomStringConvertible {
        var low: [Int]
        var high: [Int]
        var waitLow: Int64
        var waitHigh: Int64
        var bands: Set<String>

        var description: String { "\(low) \(high) \(waitLow) \(waitHigh) \(bands.sorted())" }
    }

    /// nil where the pool wasn't there yet.
    func step(_ pool: String, from start: LogTime, to end: LogTime, asOf: LogTime) -> Step? {
        let all = moments[pool] ?? []
        let inside = all.filter { $0.at >= start && $0.at < end }
        let before = all.last { $0.at < start }
        let stretch = (before.map { [(at: start, moment: $0)] } ?? []) + inside.map { (at: $0.at, moment: $0) }
        guard let first = stretch.first else { return nil }
        var step = Step(
            low: first.moment.counts, high: first.moment.counts, waitLow: first.moment.wait(at: first.at), waitHigh: 0, bands: [])
        for (k, part) in stretch.enumerated() {
            let next = k + 1 < stretch.count ? stretch[k + 1].at : min(end, asOf)
            for lane in step.low.indices {
                step.low[lane] = min(step.low[lane], part.moment.counts[lane])
                step.high[lane] = max(step.high[lane], part.moment.counts[lane])
            }
            step.waitLow = min(step.waitLow, part.moment.wait(at: part.at))
            step.waitHigh = max(step.waitHigh, part.moment.wait(at: part.at), part.moment.wait(at: next))
            step.bands.formUnion(part.moment.bands)
        }
        return step
    }

    /// The newest moment before a position at which it began to hold, of what commits alone change.
    func newest(_ pool: String, before: Position, where holds: (Moment) -> Bool) -> Position? {
        var found: Position?
        var held = false
        for moment in moments[pool] ?? [] where moment.seq < before {
            let holdsNow = holds(moment)
            if holdsNow, !held { found = moment.seq }
            held = holdsNow
        }
        return found
    }

    /// The same of a wait that grows beyond a bound.
    func waitedLonger(_ pool: String, before: Position, than microseconds: Int64, asOf: LogTime) -> LogTime? {
        let all = moments[pool] ?? []
        var found: LogTime?
        var held = false
        for (k, moment) in all.enumerated() where moment.seq < before {
            if moment.wait(at: moment.at) > microseconds {
                if !held { found = moment.at }
                held = true
                continue
            }
            held = false
            let next = k + 1 < all.count ? all[k + 1].at : asOf
            if let oldest = moment.oldestRequestedAt, moment.wait(at: next) > microseconds {
                found = oldest.adding(microseconds: microseconds)
                held = true
            }
        }
        return found
    }
}
