import Domain

// At which resolutions is a series kept, and for how long?
//
// What was is kept finely for a day and more coarsely for longer. A bucket's number is its time divided by its width, so buckets of all
// pools begin together, and those of a coarser level are whole ones of each finer level.

enum SeriesLevel: Int, Hashable, Sendable, CaseIterable {
    case second, tenSeconds, minute, quarter

    var seconds: Int64 {
        switch self {
        case .second: 1
        case .tenSeconds: 10
        case .minute: 60
        case .quarter: 900
        }
    }

    var width: Int64 { seconds * 1_000_000 }

    /// How far back it reaches.
    var keptSeconds: Int64 {
        switch self {
        case .second: 86_400
        case .tenSeconds: 8 * 86_400
        case .minute: 70 * 86_400
        case .quarter: 731 * 86_400
        }
    }

    func bucket(at time: LogTime) -> Int64 { Self.floored(time.microseconds, by: width) }
    func start(of bucket: Int64) -> LogTime { LogTime(microseconds: bucket.multipliedReportingOverflow(by: width).partialValue) }

    /// Division that rounds down on both sides of zero.
    static func floored(_ value: Int64, by divisor: Int64) -> Int64 {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Which level answers, and with steps of how many of its buckets: not more steps than `points`, and reaching back to `from`. Of
    /// levels that give about the same step the coarsest, as it has the fewest buckets to read.
    static func choice(from: LogTime, to: LogTime, points: Int, newest: LogTime) -> (level: SeriesLevel, buckets: Int64) {
        let range = max(0, to.microseconds(since: from))
        let age = newest.microseconds(since: from)
        let reaching = allCases.filter { age <= $0.keptSeconds * 1_000_000 }
        guard let finest = reaching.map({ $0.step(range, points) }).min(),
            let level = reaching.last(where: { $0.step(range, points) <= finest + finest / 4 })
        else { return (.quarter, quarter.bucketsPerStep(range, points)) }
        return (level, level.bucketsPerStep(range, points))
    }

    private func step(_ range: Int64, _ points: Int) -> Int64 {
        bucketsPerStep(range, points).multipliedReportingOverflow(by: seconds).partialValue
    }

    /// A stretch touches one bucket more than its length says.
    private func bucketsPerStep(_ range: Int64, _ points: Int) -> Int64 {
        let most = max(Int64(points) - 1, 1)
        return max(1, (range / width + most) / most)
    }
}
