package import Domain
package import State

// How did a pool's counts move over time?
//
// Steps of equal length, each with the minimum and maximum of every figure: the value it began with, and each that it had within. So a
// peak of one commit shows at any zoom. Only rows that differ from the one before are there; a row holds until the next.

package enum SeriesColumn: String, Hashable, Sendable, CaseIterable {
    case demand, desired, ready, busy, starting, waiting, oldestWait, min, max

    /// The lane of a sample's counts; nil of the wait, which grows by itself.
    package var count: PoolSample.Count? {
        switch self {
        case .demand: .demand
        case .desired: .desired
        case .ready: .ready
        case .busy: .busy
        case .starting: .starting
        case .waiting: .waiting
        case .oldestWait: nil
        case .min: .min
        case .max: .max
        }
    }
}

package struct SeriesQuery: Hashable, Sendable {
    package static let pointsMost = 2_000

    package var from: LogTime
    package var to: LogTime
    /// Steps of the answer, at most.
    package var points: Int
    package var withMarks: Bool

    package init(from: LogTime, to: LogTime, points: Int, withMarks: Bool = true) {
        self.from = from
        self.to = to
        self.points = points
        self.withMarks = withMarks
    }
}

package struct SeriesView: Hashable, Sendable {
    /// `NAMESPACE/NAME`.
    package var pool: String
    /// Where the first step begins, and where the last one ends.
    package var from: LogTime
    package var to: LogTime
    package var stepSeconds: Int64
    /// Folded up to this position; the last row holds until `through`.
    package var seq: Position
    package var through: LogTime
    package var rows: [Row] = []
    package var bands: [Band] = []
    package var marks: [Mark] = []
    package var marksLeftOut = 0

    package struct Row: Hashable, Sendable {
        /// After `from`.
        package var seconds: Int64
        package var low: PoolSample.Counts
        package var high: PoolSample.Counts
        /// Of the one that waits longest.
        package var waitLowMicroseconds: Int64
        package var waitHighMicroseconds: Int64

        package init(
            seconds: Int64, low: PoolSample.Counts, high: PoolSample.Counts, waitLowMicroseconds: Int64, waitHighMicroseconds: Int64
        ) {
            self.seconds = seconds
            self.low = low
            self.high = high
            self.waitLowMicroseconds = waitLowMicroseconds
            self.waitHighMicroseconds = waitHighMicroseconds
        }

        /// Whether it says the same, at whatever time.
        package func isSame(as other: Row) -> Bool {
            low == other.low && high == other.high && waitLowMicroseconds == other.waitLowMicroseconds
                && waitHighMicroseconds == other.waitHighMicroseconds
        }
    }

    /// Whole steps in which it held at any time.
    package struct Band: Hashable, Sendable {
        package var kind: String
        package var fromSeconds: Int64
        package var toSeconds: Int64

        package init(kind: String, fromSeconds: Int64, toSeconds: Int64) {
            self.kind = kind
            self.fromSeconds = fromSeconds
            self.toSeconds = toSeconds
        }
    }

    /// Those of one kind in one step are one.
    package struct Mark: Hashable, Sendable {
        package var kind: String
        /// Of the last.
        package var seq: Position
        package var at: LogTime
        package var count: Int
        package var text: String

        package init(kind: String, seq: Position, at: LogTime, count: Int, text: String) {
            self.kind = kind
            self.seq = seq
            self.at = at
            self.count = count
            self.text = text
        }
    }

    package init(pool: String, from: LogTime, to: LogTime, stepSeconds: Int64, seq: Position, through: LogTime) {
        self.pool = pool
        self.from = from
        self.to = to
        self.stepSeconds = stepSeconds
        self.seq = seq
        self.through = through
    }
}

/// What "go back to when …" asks for.
package struct WhenCondition: Hashable, Sendable {
    package enum Comparison: String, Hashable, Sendable, CaseIterable {
        // Longer ones first: a text is tried in this order.
        case atMost = "<="
        case atLeast = ">="
        case below = "<"
        case above = ">"
        case equal = "="

        package func holds(_ value: Int64, _ bound: Int64) -> Bool {
            switch self {
            case .atMost: value <= bound
            case .atLeast: value >= bound
            case .below: value < bound
            case .above: value > bound
            case .equal: value == bound
            }
        }

        /// Whether it holds for some value of a range, and whether it fails for some.
        package func mayHold(_ low: Int64, _ high: Int64, _ bound: Int64) -> (some: Bool, notAll: Bool) {
            switch self {
            case .atMost, .below: (holds(low, bound), !holds(high, bound))
            case .atLeast, .above: (holds(high, bound), !holds(low, bound))
            case .equal: (low <= bound && bound <= high, low != bound || high != bound)
            }
        }
    }

    package enum What: Hashable, Sendable {
        case count(PoolSample.Count, Comparison, Int64)
        /// The one that waits longest waits longer than so many microseconds.
        case waitedLonger(microseconds: Int64)
        case policyChanged, paused, crashed
    }

    package var what: What
    /// As it was written.
    package var text: String

    package static let known =
        "demand, desired, ready, busy, starting or waiting, with <, <=, >, >= or = and a whole number; oldestWait>SECONDS; policy; paused; crash"

    /// nil for what isn't one.
    package init?(_ written: String) {
        text = written.filter { $0 != " " }
        switch text {
        case "policy": what = .policyChanged
        case "paused": what = .paused
        case "crash": what = .crashed
        default:
            for comparison in Comparison.allCases {
                guard let range = text.firstRange(of: comparison.rawValue) else { continue }
                let (name, bound) = (String(text[..<range.lowerBound]), String(text[range.upperBound...]))
                if name == "oldestWait", comparison == .above, let seconds = Double(bound), seconds >= 0, seconds < 1e9 {
                    what = .waitedLonger(microseconds: Int64(seconds * 1e6))
                    return
                }
                guard let count = Self.counts[name], let number = Int64(bound) else { return nil }
                what = .count(count, comparison, number)
                return
            }
            return nil
        }
    }

    private static let counts: [String: PoolSample.Count] = [
        "demand": .demand, "desired": .desired, "ready": .ready, "busy": .busy, "starting": .starting, "waiting": .waiting,
    ]
}

package struct WhenView: Hashable, Sendable {
    package struct Found: Hashable, Sendable {
        /// The last position at that moment.
        package var seq: Position
        package var at: LogTime

        package init(seq: Position, at: LogTime) {
            self.seq = seq
            self.at = at
        }
    }

    package var found: Found?
    /// Everything from here on was searched; 0: everything.
    package var searchedTo: Position

    package init(found: Found?, searchedTo: Position) {
        self.found = found
        self.searchedTo = searchedTo
    }
}

/// Who answers what was over time.
package protocol SeriesReading: Sendable {
    /// nil of a pool that isn't known.
    func series(of pool: String, _ query: SeriesQuery) async throws(ControlFault) -> SeriesView?
    /// Of the first `limit` pools after the one named, by name.
    func series(_ query: SeriesQuery, after: String?, limit: Int) async throws(ControlFault) -> [SeriesView]
    /// The newest moment before a position at which a condition began to hold; nil of a pool that isn't known.
    func newest(_ condition: WhenCondition, of pool: String, before: Position) async throws(ControlFault) -> WhenView?
}
