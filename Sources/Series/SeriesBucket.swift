import Domain
import State

// What was a pool within one bucket?
//
// The minimum and maximum of each figure: of the value it began with and of each that a commit gave it. The oldest wait grows by
// itself until the next commit or the bucket's end. So a bucket keeps since when somebody waited at its last commit, and the reader says
// until when that holds. Nothing needs to be done when a bucket ends.

struct SeriesBucket: Hashable, Sendable {
    let number: Int64
    private(set) var low: PoolSample.Counts
    private(set) var high: PoolSample.Counts
    private(set) var waitLow: Int64
    /// But for the stretch after the last commit.
    private(set) var waitHigh: Int64
    /// In force at any time.
    private(set) var bands: PoolBands
    /// As the last commit left it.
    private(set) var last: PoolSample

    /// One that begins with what was before.
    init(_ number: Int64, startingAt start: LogTime, with sample: PoolSample) {
        self.number = number
        low = sample.counts
        high = sample.counts
        waitLow = Self.wait(sample, at: start)
        waitHigh = waitLow
        bands = sample.bands
        last = sample
    }

    init(
        number: Int64, low: PoolSample.Counts, high: PoolSample.Counts, waitLow: Int64, waitHigh: Int64, bands: PoolBands, last: PoolSample
    ) {
        self.number = number
        self.low = low
        self.high = high
        self.waitLow = waitLow
        self.waitHigh = waitHigh
        self.bands = bands
        self.last = last
    }

    static func wait(_ sample: PoolSample, at time: LogTime) -> Int64 {
        sample.oldestRequestedAt.map { max(0, time.microseconds(since: $0)) } ?? 0
    }

    mutating func apply(_ sample: PoolSample, at time: LogTime) {
        waitHigh = max(waitHigh, Self.wait(last, at: time))
        let wait = Self.wait(sample, at: time)
        waitLow = min(waitLow, wait)
        waitHigh = max(waitHigh, wait)
        low = pointwiseMin(low, sample.counts)
        high = pointwiseMax(high, sample.counts)
        bands.formUnion(sample.bands)
        last = sample
    }

    /// The whole of another one that follows within the same step.
    mutating func merge(_ other: SeriesBucket) {
        low = pointwiseMin(low, other.low)
        high = pointwiseMax(high, other.high)
        waitLow = min(waitLow, other.waitLow)
        waitHigh = max(waitHigh, other.waitHigh)
        bands.formUnion(other.bands)
        last = other.last
    }

    /// The longest wait, where nothing came after its last commit until `end`.
    func waitHigh(until end: LogTime) -> Int64 { max(waitHigh, Self.wait(last, at: end)) }
}
