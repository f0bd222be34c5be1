package import Domain
package import Foundation
import Machine

// How is an instant shown to a person, and how does a person name one?
//
// Shown in the local time zone, or in UTC, to the millisecond; a table's header names the zone. Machine formats stay RFC 3339 in UTC.
// Read back: RFC 3339, a date with or without a time, a time of today or yesterday, or how long ago.

package struct TimeText: Sendable {
    package var zone: TimeZone = .current

    package init(zone: TimeZone = .current) {
        self.zone = zone
    }

    /// `2026-11-21 08:03:12.123`
    package func full(_ time: LogTime) -> String { "\(parts(time).date) \(clock(time))" }

    /// `08:03:12.123`
    package func clock(_ time: LogTime) -> String { parts(time).clock }

    package static func now() -> LogTime { LogTime(microseconds: WallClock.microseconds()) }

    package static let utc = TimeText(zone: TimeZone(secondsFromGMT: 0) ?? .current)

    /// `UTC`, or `Europe/Berlin`: what a header says of the times below it.
    package var zoneName: String {
        let isUTC = ["GMT", "UTC", "Etc/UTC", "Etc/GMT", "Universal", "Zulu"].contains(zone.identifier)
        return isUTC ? "UTC" : zone.identifier
    }

    /// `TIME (UTC)`
    package var header: String { "TIME (\(zoneName))" }

    /// What `instant` reads, for messages.
    package static let forms =
        "2026-11-21T14:03:00Z, \"2026-11-21 14:03\", 2026-11-21, 14:03, \"yesterday 14:03\", or 5m for five minutes ago"

    /// `2026-11-21T08:03:12Z`; `2026-11-21 08:03:12`, `2026-11-21 08:03` or `2026-11-21` here; `08:03`, `today 08:03` or `yesterday 08:03`;
    /// `5m`, `1h30m` or `2d ago`.
    package func instant(_ text: String, today: LogTime) -> LogTime? {
        if let exact = LogTime(rfc3339: text) { return exact }
        if let ago = Self.ago(text) { return today.adding(microseconds: -ago) }
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "T" }).map(String.init)
        guard let first = parts.first, parts.count <= 2 else { return nil }
        if let day = day(first, today: today) { return at(parts.count == 2 ? parts[1] : "00:00", on: day) }
        return parts.count == 1 ? at(first, on: self.parts(today).date) : nil
    }

    /// The last time before `now` that the same words could mean: of a time of today that is still to come, yesterday's; else now.
    package func nearestPast(_ text: String, now: LogTime) -> LogTime {
        let yesterday = instant("yesterday \(text)", today: now)
        return text.contains(":") && !text.contains(" ") && !text.contains("-") ? yesterday ?? now : now
    }

    private func day(_ word: String, today: LogTime) -> String? {
        switch word.lowercased() {
        case "today": return parts(today).date
        case "yesterday": return dayBefore(parts(today).date)
        default: return LogTime(rfc3339: "\(word)T00:00:00Z") == nil ? nil : word
        }
    }

    private func dayBefore(_ date: String) -> String? {
        LogTime(rfc3339: "\(date)T00:00:00Z").map { String($0.adding(microseconds: -86_400_000_000).rfc3339.prefix(10)) }
    }

    private func at(_ clock: String, on date: String) -> LogTime? {
        let colons = clock.count(where: { $0 == ":" })
        guard colons == 1 || colons == 2 else { return nil }
        guard let asUTC = LogTime(rfc3339: "\(date)T\(clock)\(colons == 1 ? ":00" : "")Z") else { return nil }
        // The offset of the guess is right except within the hour of a change.
        return asUTC.adding(microseconds: -Int64(zone.secondsFromGMT(for: Self.date(asUTC))) * 1_000_000)
    }

    private static let agoUnits: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    private static let agoSecondsMost: Int64 = 100 * 365 * 86_400

    /// Microseconds of `90s`, `5m`, `1h30m`, `2d ago`; nil for anything else.
    private static func ago(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        guard words.count == 1 || (words.count == 2 && words[1] == "ago"), let length = words.first else { return nil }
        var seconds: Int64 = 0
        var digits = ""
        for character in length {
            if character.isASCII, character.isNumber {
                digits.append(character)
                continue
            }
            guard let unit = agoUnits[character], digits.utf8.count <= 10, let count = Int64(digits) else { return nil }
            seconds += count * unit
            guard seconds <= agoSecondsMost else { return nil }
            digits = ""
        }
        return digits.isEmpty && !length.isEmpty ? seconds * 1_000_000 : nil
    }

    private func parts(_ time: LogTime) -> (date: String, clock: String) {
        let offset = Int64(zone.secondsFromGMT(for: Self.date(time)))
        let text = time.adding(microseconds: offset * 1_000_000).rfc3339
        return (String(text.prefix(10)), String(text.dropFirst(11).prefix(12)))
    }

    private static func date(_ time: LogTime) -> Date { Date(timeIntervalSince1970: Double(time.microseconds) / 1e6) }
}
