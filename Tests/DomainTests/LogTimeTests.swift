import Basics
import Domain
import Testing

@Suite struct LogTimeTests {
    private static let second: Int64 = 1_000_000

    @Test(
        "an instant is written in UTC with six places",
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (86_399_999_999, "1970-01-01T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_795_246_320_000_125, "2026-11-21T07:32:00.000125Z"),
            (-2_208_988_800_000_000, "1900-01-01T00:00:00.000000Z"),
            (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ])
    func written(_ microseconds: Int64, _ text: String) throws {
        #expect(LogTime(microseconds: microseconds).rfc3339 == text)
        #expect(LogTime(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(
        "what lies outside years 0000 to 9999 is written as the nearest instant inside",
        arguments: [
            (Int64.min, "0000-01-01T00:00:00.000000Z"), (.max, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "9999-12-31T23:59:59.999999Z"), (-62_167_219_200_000_001, "0000-01-01T00:00:00.000000Z"),
        ])
    func clamped(_ microseconds: Int64, _ text: String) { #expect(LogTime(microseconds: microseconds).rfc3339 == text) }

    @Test(
        "RFC 3339 is read: text → the same instant in UTC",
        arguments: [
            ("2026-11-21T07:32:00Z", "2026-11-21T07:32:00.000000Z"),
            ("2026-11-21t07:32:00z", "2026-11-21T07:32:00.000000Z"),
            ("2026-11-21 07:32:00Z", "2026-11-21T07:32:00.000000Z"),
            ("2026-11-21T07:32:00.5Z", "2026-11-21T07:32:00.500000Z"),
            ("2026-11-21T07:32:00.000001Z", "2026-11-21T07:32:00.000001Z"),
            ("2026-11-21T07:32:00.0000019Z", "2026-11-21T07:32:00.000001Z"),
            ("2026-11-21T07:32:00.123456789123456789123456789Z", "2026-11-21T07:32:00.123456Z"),
            ("2026-11-21T07:32:00+00:00", "2026-11-21T07:32:00.000000Z"),
            ("2026-11-21T07:32:00-00:00", "2026-11-21T07:32:00.000000Z"),
            ("2026-11-21T07:32:00+02:00", "2026-11-21T05:32:00.000000Z"),
            ("2026-11-21T00:00:00+05:45", "2026-11-20T18:15:00.000000Z"),
            ("2026-12-31T23:30:00-23:59", "2027-01-01T23:29:00.000000Z"),
            ("2026-11-21T07:32:00.25-08:00", "2026-11-21T15:32:00.250000Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
            ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000000Z"),
            ("2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000000Z"),
            ("0000-02-29T00:00:00Z", "0000-02-29T00:00:00.000000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
            ("0000-01-01T01:00:00+01:00", "0000-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("9999-12-31T00:00:00-23:59", "9999-12-31T23:59:00.000000Z"),
        ])
    func read(_ text: String, _ utc: String) throws { #expect(try #require(LogTime(rfc3339: text)).rfc3339 == utc) }

    @Test(
        "what is not RFC 3339, or no day, or no year of four digits, is refused",
        arguments: [
            "", "Z", "2026", "2026-11-21", "2026-11-21T", "2026-11-21T07:32", "2026-11-21T07:32Z", "2026-11-21T07:32:00",
            "2026-11-21T07:32:00.Z", "2026-11-21T07:32:00,5Z", "2026-11-21T07:32:00+0200", "2026-11-21T07:32:00+02",
            "2026-11-21T07:32:00+2:00",
            "2026-11-21T07:32:00+24:00", "2026-11-21T07:32:00+02:60", "2026-11-21T07:32:00 +02:00", "2026-11-21T07:32:00ZZ",
            "2026-11-21T07:32:00Z ",
            " 2026-11-21T07:32:00Z", "2026-11-21T24:00:00Z", "2026-11-21T23:60:00Z", "2026-11-21T23:59:61Z", "2026-00-21T07:32:00Z",
            "2026-13-21T07:32:00Z", "2026-11-00T07:32:00Z", "2026-11-31T07:32:00Z", "2026-02-29T07:32:00Z", "1900-02-29T07:32:00Z",
            "2100-02-29T07:32:00Z",
            "26-11-21T07:32:00Z", "+2026-11-21T07:32:00Z", "-001-11-21T07:32:00Z", "12026-11-21T07:32:00Z", "2026/11/21T07:32:00Z",
            "20261121T073200Z",
            "2026-11-21T07:32:0aZ", "２026-11-21T07:32:00Z", "2026-11-21T07:32:00\u{0}Z", "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "9999-12-31T23:59:60Z", "2026-11-21T-7:32:00Z", "2026-W47-6T07:32:00Z", "now",
        ])
    func refused(_ text: String) { #expect(LogTime(rfc3339: text) == nil) }

    @Test("every instant of four-digit years comes back as it was written", arguments: 0..<20)
    func roundTrip(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        for _ in 0..<500 {
            let time = LogTime(
                microseconds: Int64.random(in: LogTime.earliestWritable.microseconds...LogTime.latestWritable.microseconds, using: &random))
            let text = time.rfc3339
            #expect(text.utf8.count == 27)
            #expect(LogTime(rfc3339: text) == time, "\(time.microseconds)")
        }
    }

    @Test("texts sort as the instants do", arguments: 0..<5)
    func order(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let times = (0..<300).map { _ in
            LogTime(
                microseconds: Int64.random(in: LogTime.earliestWritable.microseconds...LogTime.latestWritable.microseconds, using: &random))
        }
        #expect(times.sorted().map(\.rfc3339) == times.map(\.rfc3339).sorted())
    }

    @Test("damaged texts are read or refused, never a trap", arguments: 0..<10)
    func damaged(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        for _ in 0..<500 {
            let bytes = random.mutated(Array("2026-11-21T07:32:00.123456+05:45".utf8))
            if let time = bytes.withBytes({ LogTime(rfc3339: $0) }) { #expect(LogTime(rfc3339: time.rfc3339) == time) }
        }
    }

    @Test(
        "addition stops at the ends of the range: start, seconds, sum",
        arguments: [
            (0, 1, 1_000_000), (0, -1, -1_000_000), (Int64.max, 1, Int64.max), (.min, -1, .min), (0, Int.max, .max), (0, Int.min, .min),
            (5, 9_223_372_036_855, .max), (-5, -9_223_372_036_855, .min), (.max, -1, .max - 1_000_000),
        ])
    func addition(_ start: Int64, _ seconds: Int, _ sum: Int64) {
        #expect(LogTime(microseconds: start).adding(seconds: seconds).microseconds == sum)
    }

    @Test("differences are later minus earlier")
    func differences() {
        let a = LogTime(microseconds: 1_500_000)
        let b = LogTime(microseconds: 4_000_000)
        #expect(b.microseconds(since: a) == 2_500_000)
        #expect(a.seconds(since: b) == -2.5)
        #expect(a < b && a.adding(microseconds: 2_500_000) == b)
    }
}

@Suite struct CivilDateTests {
    @Test(
        "a day's number and its date: days since 1970-01-01, year, month, day, weekday",
        arguments: [
            (0, 1970, 1, 1, 4), (-1, 1969, 12, 31, 3), (-6, 1969, 12, 26, 5), (-7, 1969, 12, 25, 4), (11_016, 2000, 2, 29, 2),
            (11_017, 2000, 3, 1, 3),
            (20_778, 2026, 11, 21, 6), (-25_508, 1900, 3, 1, 4), (-719_528, 0, 1, 1, 6), (2_932_896, 9999, 12, 31, 5),
        ])
    func knownDays(_ days: Int64, _ year: Int64, _ month: Int64, _ day: Int64, _ weekday: Int64) {
        #expect(CivilDate.daysSinceEpoch(year: year, month: month, day: day) == days)
        #expect(CivilDate.date(daysSinceEpoch: days) == (year, month, day))
        #expect(CivilDate.weekday(daysSinceEpoch: days) == weekday)
    }

    @Test("counting day by day through 800 years and their leap rules agrees with the formulas")
    func everyDay() {
        var date: (year: Int64, month: Int64, day: Int64) = (1600, 1, 1)
        var days = CivilDate.daysSinceEpoch(year: 1600, month: 1, day: 1)
        var weekday = CivilDate.weekday(daysSinceEpoch: days)
        var wrong: [String] = []
        while date.year < 2400, wrong.isEmpty {
            if CivilDate.date(daysSinceEpoch: days) != date
                || CivilDate.daysSinceEpoch(year: date.year, month: date.month, day: date.day) != days
                || CivilDate.weekday(daysSinceEpoch: days) != weekday
            {
                wrong.append("\(date) is day \(days), weekday \(weekday)")
            }
            days += 1
            weekday = (weekday + 1) % 7
            date.day += 1
            if date.day > length(of: date.month, date.year) { date = (date.year, date.month + 1, 1) }
            if date.month > 12 { date = (date.year + 1, 1, 1) }
        }
        #expect(wrong.isEmpty)
    }

    @Test("any day's number gives a date that gives the number back", arguments: 0..<10)
    func roundTrip(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        for _ in 0..<1_000 {
            let days = Int64(random.int(-4_000_000...4_000_000))
            let (year, month, day) = CivilDate.date(daysSinceEpoch: days)
            #expect((1...12).contains(month) && day >= 1 && day <= CivilDate.days(inMonth: month, year: year))
            #expect(CivilDate.daysSinceEpoch(year: year, month: month, day: day) == days)
        }
    }

    /// The rule as calendars print it.
    private func length(of month: Int64, _ year: Int64) -> Int64 {
        let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][Int(month) - 1]
    }

    @Test("the time between two instants stops at the ends too")
    func times() {
        let (first, last) = (LogTime(microseconds: .min), LogTime(microseconds: .max))
        #expect(last.microseconds(since: first) == .max && first.microseconds(since: last) == .min)
        #expect(LogTime.zero.microseconds(since: first) == .max && LogTime.zero.microseconds(since: last) == -.max)
        #expect(first.adding(seconds: .min) == first && last.adding(seconds: .max) == last)
    }
}
