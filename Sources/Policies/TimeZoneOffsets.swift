internal import Autoscaling
import Basics
internal import Domain
internal import Foundation

// When do a zone's clocks change?
//
// The only place that asks the tz database. The answer covers whole calendar years, from two before `now` to ten after. So reading
// the same file twice gives the same list, except at the turn of a year. The first offset holds for all time before.

enum TimeZoneOffsets {
    static let yearsBack: Int64 = 2
    static let yearsAhead: Int64 = 10

    /// nil where no zone has this name. The list never is empty, and only offsets that differ are in it.
    static func offsets(of name: String, around now: LogTime) -> [ZoneOffset]? {
        guard isName(name), let zone = TimeZone(identifier: name) else { return nil }
        let (start, end) = window(around: now)
        var offsets = [ZoneOffset(from: .earliestWritable, secondsEastOfUTC: zone.secondsFromGMT(for: start))]
        var last = start
        while offsets.count < Schedule.offsetsLimit, let next = zone.nextDaylightSavingTimeTransition(after: last), next > last, next < end
        {
            let seconds = zone.secondsFromGMT(for: next)
            if seconds != offsets[offsets.count - 1].secondsEastOfUTC {
                offsets.append(
                    ZoneOffset(from: LogTime(microseconds: Int64(next.timeIntervalSince1970) * 1_000_000), secondsEastOfUTC: seconds))
            }
            last = next
        }
        return offsets
    }

    /// `; did you mean Europe/Zurich?`, or nothing.
    static func hint(for name: String) -> String {
        NearestName.nearest(to: name, in: TimeZone.knownTimeZoneIdentifiers.sorted()).map { "; did you mean \($0)?" } ?? ""
    }

    /// Area/Location as the tz database has them, or its names without an area. Foundation also takes abbreviations and fixed
    /// offsets (PST, GMT+2), which say less than they seem to and are no zones of the tz database.
    private static func isName(_ name: String) -> Bool {
        if withoutArea.contains(name) { return true }
        let isPlain = name.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 < 10 || "_+-/".utf8.contains($0) }
        return isPlain && name.utf8.count <= 64 && name.contains("/") && !name.hasPrefix("/")
    }

    /// All that the tz database has (file `backward` and the zones of Europe and North America): KEDA takes them.
    private static let withoutArea: Set<String> = [
        "CET", "CST6CDT", "Cuba", "EET", "EST", "EST5EDT", "Egypt", "Eire", "GB", "GB-Eire", "GMT", "GMT+0", "GMT-0", "GMT0", "Greenwich",
        "HST", "Hongkong",
        "Iceland", "Iran", "Israel", "Jamaica", "Japan", "Kwajalein", "Libya", "MET", "MST", "MST7MDT", "NZ", "NZ-CHAT", "Navajo", "PRC",
        "PST8PDT", "Poland",
        "Portugal", "ROC", "ROK", "Singapore", "Turkey", "UCT", "UTC", "Universal", "W-SU", "WET", "Zulu",
    ]

    private static func window(around now: LogTime) -> (start: Date, end: Date) {
        let clamped = min(max(now, .earliestWritable), .latestWritable)
        let year = CivilDate.date(daysSinceEpoch: clamped.microseconds / 86_400_000_000).year
        func newYear(_ year: Int64) -> Date {
            Date(timeIntervalSince1970: Double(CivilDate.daysSinceEpoch(year: year, month: 1, day: 1) * 86_400))
        }
        return (newYear(year - yearsBack), newYear(year + yearsAhead + 1))
    }
}
