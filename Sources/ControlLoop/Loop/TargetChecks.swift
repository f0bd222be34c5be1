import Basics
import Domain

// Which targets go on showing another count than the one that stands?
//
// A target shows what it was told a moment later. One that still shows another count after `firstSeconds` was deleted and made anew,
// or was set back by others before its watch saw our count. It is told the count again. If it shows another one after that too, the
// wait is twice as long each time. A target that shows nothing new isn't told again, so that a watch that is down costs one call.

struct TargetChecks {
    static let firstSeconds = 30.0
    static let longestSeconds = 900.0

    private struct Repeats {
        /// How often it was told again since it showed the count.
        var count = 0
        /// It was told again, and has shown nothing since.
        var isPending = false
    }

    private var deadlines = EarliestTimes()
    /// Of the pools that were told again, by the pool's number.
    private var repeats: [Int: Repeats] = [:]

    var first: LogTime? { deadlines.first }

    /// The target of the pool showed its replicas.
    mutating func isShown(_ pool: Int) {
        if !repeats.isEmpty { repeats[pool]?.isPending = false }
    }

    /// Whether the target shows another count than it was told. A wait that has begun goes on.
    mutating func note(_ pool: Int, showsAnother: Bool, at now: LogTime) {
        guard showsAnother else {
            deadlines[pool] = nil
            if !repeats.isEmpty { repeats[pool] = nil }
            return
        }
        guard deadlines[pool] == nil, repeats[pool]?.isPending != true else { return }
        deadlines[pool] = now.adding(microseconds: Self.wait(after: repeats[pool]?.count ?? 0))
    }

    /// The pools whose targets are to be told again.
    mutating func takeDue(_ now: LogTime) -> [Int] {
        deadlines.reached(now).map { pool, _ in
            deadlines[pool] = nil
            let count = repeats[pool]?.count ?? 0
            repeats[pool] = Repeats(count: count + 1, isPending: true)
            return pool
        }
    }

    private static func wait(after repeats: Int) -> Int64 {
        Int64(Duration.seconds(firstSeconds).doubled(repeats, atMost: .seconds(longestSeconds)).inSeconds * 1e6)
    }
}
