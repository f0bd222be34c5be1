import Autoscaling
import Basics
import Domain
import Inspection
import Output

// Where do a pool's own policy and its shadows stand apart, and what would each shadow have cost?
//
// Read from decisions alone, as the log has them: between two decisions a count stands. A *stretch* is a while in which the two
// counts differ and neither changes. What a shadow saves or adds is counted in workers decided on, times seconds. Decisions don't
// show what the target made of the live count, nor how long turns would have waited under the shadow's. Decisions of one commit
// count as one moment.

struct DecisionDiff: Sendable {
    struct Stretch: Hashable, Sendable {
        var at: LogTime
        var seconds: Double
        var pool: String
        var shadow: String
        /// Counts decided: the pool's own policy's, and the shadow's.
        var live: Int
        var shadowed: Int
        var liveReason: String
        var shadowReason: String

        var difference: Int { shadowed - live }
    }

    /// What came of one shadow, over all the time it stood.
    struct Sum: Hashable, Sendable {
        var pool: String
        var shadow: String
        var since: LogTime
        var microseconds: Int64 = 0
        var apartMicroseconds: Int64 = 0
        /// Worker-microseconds while it wanted more than there was decided, and less.
        var more: Int64 = 0
        var less: Int64 = 0

        var seconds: Double { Double(microseconds) / 1e6 }
        var apartShare: Double { microseconds > 0 ? Double(apartMicroseconds) / Double(microseconds) : 0 }
        /// Workers more on average; negative is less.
        var meanDifference: Double { microseconds > 0 ? Double(more - less) / Double(microseconds) : 0 }
    }

    /// The newest of them, in order.
    let stretches: [Stretch]
    let hasOlder: Bool
    /// By pool, then name.
    let shadows: [Sum]

    /// Shadows taken away in one log, at most.
    static let removalsLimit = 100_000

    init(_ source: any EventSource, pool: String?, namespace: String?, through: Moment?, limit: Int) async throws {
        var query = EventQuery(pool: pool, kind: .policyApplied)
        query.through = through
        var reading = DiffReading(limit: limit, removals: try await Self.removals(source, query))
        query.kind = .scaleDecided
        try await source.forEachEvent(query) { event in
            guard !event.superseded, let decision = RecordedDecision(event) else { return true }
            if namespace.map({ decision.pool.hasPrefix($0 + "/") }) ?? true { reading.decided(decision) }
            return true
        }
        let end: LogTime =
            switch through {
            case nil: try await source.end()
            case .time(let time): min(time, try await source.end())
            case .position: reading.last
            }
        reading.finish(at: end)
        stretches = Array(reading.stretches.suffix(limit))
        hasOlder = reading.stretchesMade > limit
        shadows = reading.sums
    }

    private static func removals(_ source: any EventSource, _ query: EventQuery) async throws -> [DiffReading.Removal] {
        var removals: [DiffReading.Removal] = []
        try await source.forEachEvent(query) { event in
            let isRemoval = event.data["policy"] == .object([])
            guard isRemoval, !event.superseded, let pool = event.pool, let shadow = event.data["shadow"].string else { return true }
            guard removals.count < Self.removalsLimit else {
                throw Fault(.no, "more than \(Self.removalsLimit) shadows were taken away", do: "compare one pool with --pool NS/NAME")
            }
            removals.append(DiffReading.Removal(seq: event.seq, at: event.at, key: .init(pool: pool, shadow: shadow)))
            return true
        }
        return removals
    }
}

/// The decisions as they come.
private struct DiffReading {
    struct Key: Hashable, Comparable {
        var pool: String
        var shadow: String
        static func < (a: Key, b: Key) -> Bool { (a.pool, a.shadow) < (b.pool, b.shadow) }
    }

    struct Removal {
        var seq: Position
        var at: LogTime
        var key: Key
    }

    /// A count that stands, and the decision it comes from; none where a pool's own policy hasn't decided yet.
    private struct Standing {
        var count: Int
        var decision: Decision?
        var reason: String { decision?.text ?? "nothing decided yet" }
    }

    private struct Pair {
        var live: Standing
        var shadowed: Standing
    }

    private struct Track {
        /// The last decisions.
        var pair: Pair
        /// Both counts have stood as they do since a moment; the decisions of that moment.
        var since: LogTime
        var shown: Pair
    }

    private let limit: Int
    private let removals: [Removal]
    private var nextRemoval = 0
    private var live: [String: Standing] = [:]
    private var tracks: [Key: Track] = [:]
    private var sumByKey: [Key: DecisionDiff.Sum] = [:]
    private var names: [String: Set<String>] = [:]
    private(set) var stretches: [DecisionDiff.Stretch] = []
    private(set) var stretchesMade = 0
    private(set) var last = LogTime.zero

    init(limit: Int, removals: [Removal]) {
        self.limit = limit
        self.removals = removals
    }

    var sums: [DecisionDiff.Sum] { sumByKey.sorted { $0.key < $1.key }.map(\.value) }

    mutating func decided(_ recorded: RecordedDecision) {
        remove(before: recorded.event.seq)
        last = recorded.event.at
        let standing = Standing(count: recorded.decision.to, decision: recorded.decision)
        guard let shadow = recorded.shadow else {
            live[recorded.pool] = standing
            for name in (names[recorded.pool] ?? []).sorted() { change(Key(pool: recorded.pool, shadow: name)) { $0.live = standing } }
            return
        }
        let key = Key(pool: recorded.pool, shadow: shadow)
        guard tracks[key] == nil else { return change(key) { $0.shadowed = standing } }
        let beside = live[recorded.pool] ?? Standing(count: recorded.decision.from, decision: nil)
        let pair = Pair(live: beside, shadowed: standing)
        tracks[key] = Track(pair: pair, since: last, shown: pair)
        names[key.pool, default: []].insert(key.shadow)
        if sumByKey[key] == nil { sumByKey[key] = DecisionDiff.Sum(pool: key.pool, shadow: key.shadow, since: last) }
    }

    mutating func finish(at end: LogTime) {
        remove(before: .max)
        for key in tracks.keys.sorted() { close(key, at: max(end, last)) }
    }

    private mutating func remove(before seq: Position) {
        while nextRemoval < removals.count, removals[nextRemoval].seq < seq {
            let removal = removals[nextRemoval]
            nextRemoval += 1
            close(removal.key, at: removal.at)
            tracks[removal.key] = nil
            names[removal.key.pool]?.remove(removal.key.shadow)
        }
    }

    private mutating func change(_ key: Key, _ change: (inout Pair) -> Void) {
        guard var track = tracks[key] else { return }
        change(&track.pair)
        // Other reasons for the same counts are no other stretch.
        if track.pair.live.count != track.shown.live.count || track.pair.shadowed.count != track.shown.shadowed.count {
            close(key, at: last)
            track.since = last
        }
        if track.since == last { track.shown = track.pair }
        tracks[key] = track
    }

    /// The counts of a shadow stood until `end`.
    private mutating func close(_ key: Key, at end: LogTime) {
        guard let track = tracks[key], var sum = sumByKey[key] else { return }
        let length = end.microseconds(since: track.since)
        guard length > 0 else { return }
        let (live, shadowed) = (track.shown.live, track.shown.shadowed)
        let difference = shadowed.count.subtractingClamped(live.count)
        sum.microseconds += length
        if difference != 0 { sum.apartMicroseconds += length }
        let apart = Int64(difference).multipliedClamped(by: length)
        if difference > 0 { sum.more = sum.more.addingClamped(apart) } else { sum.less = sum.less.subtractingClamped(apart) }
        sumByKey[key] = sum
        guard difference != 0 else { return }
        stretchesMade += 1
        stretches.append(
            DecisionDiff.Stretch(
                at: track.since, seconds: Double(length) / 1e6, pool: key.pool, shadow: key.shadow, live: live.count,
                shadowed: shadowed.count, liveReason: live.reason, shadowReason: shadowed.reason))
        // Twice as many are kept as are shown, so that each is moved once at most.
        if stretches.count > 2 * limit { stretches.removeFirst(stretches.count - limit) }
    }
}
