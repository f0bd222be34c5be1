package import Domain

// Which wall-clock time is it in a zone at an instant, and which instants show a wall-clock time?
//
// A zone is carried as the list of its changes, resolved when a policy is read: what a schedule decides never depends on the
// machine's tz database. The first offset also holds before its `from`, the last one for ever after. Wall-clock times are
// counted in minutes of a calendar without zone.

/// A zone's offset from an instant on.
package struct ZoneOffset: Hashable, Sendable {
    package var from: LogTime
    package var secondsEastOfUTC: Int

    package init(from: LogTime, secondsEastOfUTC: Int) {
        self.from = from
        self.secondsEastOfUTC = secondsEastOfUTC
    }

    /// Furthest from UTC that an offset may be (Kiribati is at +14 h); RFC 3339 can't write more than a day.
    package static let limitSeconds = 24 * 3_600
}

/// A stretch of time with one offset.
struct ZoneSegment: Hashable {
    /// Seconds since the epoch; the ends of the range where the stretch has none.
    var start: Int64
    var end: Int64
    var offset: Int64
    /// The offset before it; its own where nothing was before.
    var previousOffset: Int64

    /// The wall-clock seconds that the clocks jumped over when it began, [from, to); empty where they didn't.
    var skipped: Range<Int64> { start + min(previousOffset, offset)..<start + offset }
    /// The wall-clock second from which on it doesn't repeat what the stretch before it showed already.
    var firstUnrepeated: Int64 { start + max(previousOffset, offset) }
}

extension [ZoneOffset] {
    /// Years 0000 and 9999, with room to add an offset.
    private static var ends: ClosedRange<Int64> { -62_167_219_200...253_402_300_800 }

    /// The number of stretches; an empty list is UTC.
    var segmentCount: Int { Swift.max(count, 1) }

    /// The stretch that holds at an instant (seconds since the epoch).
    func segmentIndex(at second: Int64) -> Int {
        var low = 0
        var high = segmentCount
        while high - low > 1 {
            let middle = (low + high) / 2
            if wholeSeconds(self[middle].from) <= second { low = middle } else { high = middle }
        }
        return low
    }

    func segment(_ index: Int) -> ZoneSegment {
        guard !isEmpty else { return ZoneSegment(start: Self.ends.lowerBound, end: Self.ends.upperBound, offset: 0, previousOffset: 0) }
        let offset = Int64(self[index].secondsEastOfUTC)
        return ZoneSegment(
            start: index == 0 ? Self.ends.lowerBound : wholeSeconds(self[index].from),
            end: index + 1 < count ? wholeSeconds(self[index + 1].from) : Self.ends.upperBound,
            offset: offset,
            previousOffset: index == 0 ? offset : Int64(self[index - 1].secondsEastOfUTC))
    }

    private func wholeSeconds(_ time: LogTime) -> Int64 { time.microseconds / 1_000_000 }
}
