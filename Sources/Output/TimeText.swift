package import Domain
package import Foundation
import Machine

// How is an instant shown to a person, and how does a person name one?
//
// Shown in the local time zone to the millisecond; machine formats stay RFC 3339 in UTC. Read back: RFC 3339, or a local
// date and time, or a time of today.

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

    /// `2026-11-21T08:03:12Z`, `2026-11-21 08:03:12` or `2026-11-21 08:03` here, `08:03` or `08:03:12.5` of today.
    package func instant(_ text: String, today: LogTime) -> LogTime? {
        if let exact = LogTime(rfc3339: text) { return exact }
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "T" })
        guard (1...2).contains(parts.count), let clock = parts.last else { return nil }
        let date = parts.count == 2 ? String(parts[0]) : self.parts(today).date
        let colons = clock.count(where: { $0 == ":" })
        guard colons == 1 || colons == 2 else { return nil }
        guard let asUTC = LogTime(rfc3339: "\(date)T\(clock)\(colons == 1 ? ":00" : "")Z") else { return nil }
        // The offset of the guess is right except within the hour of a change.
        return asUTC.adding(microseconds: -Int64(zone.secondsFromGMT(for: Self.date(asUTC))) * 1_000_000)
    }

    private func parts(_ time: LogTime) -> (date: String, clock: String) {
        let offset = Int64(zone.secondsFromGMT(for: Self.date(time)))
        let text = time.adding(microseconds: offset * 1_000_000).rfc3339
        return (String(text.prefix(10)), String(text.dropFirst(11).prefix(12)))
    }

    private static func date(_ time: LogTime) -> Date { Date(timeIntervalSince1970: Double(time.microseconds) / 1e6) }
}
