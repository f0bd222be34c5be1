import Basics

// What instant is it, in the log's own clock?
//
// A `LogTime` is microseconds since 1970-01-01T00:00:00Z, in a proleptic Gregorian calendar without leap seconds.
// It is a value that came out of the log or a message; nothing in the core ever reads a clock.

/// An instant, in microseconds since the Unix epoch.
@usableFromInline package struct LogTime: Hashable, Comparable, Sendable {
    @usableFromInline package var microseconds: Int64

    @inlinable package init(microseconds: Int64) { self.microseconds = microseconds }

    package static let zero = LogTime(microseconds: 0)
    package static let distantFuture = LogTime(microseconds: .max)

    @inlinable package static func < (a: LogTime, b: LogTime) -> Bool { a.microseconds < b.microseconds }

    /// Microseconds from `other` to this instant; negative where this one is earlier. At most what 64 bits hold.
    package func microseconds(since other: LogTime) -> Int64 { microseconds.subtractingClamped(other.microseconds) }

    /// Seconds from `other` to this instant, as a fraction.
    package func seconds(since other: LogTime) -> Double { Double(microseconds(since: other)) / 1e6 }

    /// The instant `delta` microseconds later; stops at the ends of the range instead of overflowing.
    @inlinable package func adding(microseconds delta: Int64) -> LogTime {
        let (sum, overflow) = microseconds.addingReportingOverflow(delta)
        return LogTime(microseconds: overflow ? (delta > 0 ? .max : .min) : sum)
    }

    @inlinable package func adding(seconds: Int) -> LogTime {
        let (delta, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000)
        return adding(microseconds: overflow ? (seconds > 0 ? .max : .min) : delta)
    }
}

extension LogTime {
    /// The earliest and latest instants RFC 3339 can write: years 0000 to 9999.
    package static let earliestWritable = LogTime(microseconds: -62_167_219_200_000_000)
    package static let latestWritable = LogTime(microseconds: 253_402_300_799_999_999)

    /// RFC 3339 in UTC with microseconds, for instance `2026-11-21T07:32:00.000125Z`. Always 27 bytes.
    package var rfc3339: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(27)
        appendRFC3339(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The same to the second, as Kubernetes' `metav1.Time` is written: `2026-11-21T07:32:00Z`.
    package var rfc3339Seconds: String { String(rfc3339.prefix(19)) + "Z" }

    /// ISO 8601's basic form, as signatures of S3 want it: `20261121T073200Z`.
    package var basicSeconds: String { rfc3339Seconds.filter { $0 != "-" && $0 != ":" } }

    package func appendRFC3339(to bytes: inout [UInt8]) {
        let clamped = min(max(self, .earliestWritable), .latestWritable)
        var seconds = clamped.microseconds / 1_000_000
        var micros = clamped.microseconds % 1_000_000
        if micros < 0 { micros += 1_000_000; seconds -= 1 }
        var days = seconds / 86_400
        var ofDay = seconds % 86_400
        if ofDay < 0 { ofDay += 86_400; days -= 1 }
        let (year, month, day) = CivilDate.date(daysSinceEpoch: days)
        digits(year, 4, &bytes)
        bytes.append(UInt8(ascii: "-"))
        digits(month, 2, &bytes)
        bytes.append(UInt8(ascii: "-"))
        digits(day, 2, &bytes)
        bytes.append(UInt8(ascii: "T"))
        digits(ofDay / 3_600, 2, &bytes)
        bytes.append(UInt8(ascii: ":"))
        digits(ofDay / 60 % 60, 2, &bytes)
        bytes.append(UInt8(ascii: ":"))
        digits(ofDay % 60, 2, &bytes)
        bytes.append(UInt8(ascii: "."))
        digits(micros, 6, &bytes)
        bytes.append(UInt8(ascii: "Z"))
    }

    private func digits(_ value: Int64, _ width: Int, _ bytes: inout [UInt8]) {
        var divisor: Int64 = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }

    /// Parses RFC 3339 (`2026-11-21T07:32:00Z`, any fraction, any offset). Digits beyond microseconds are cut off.
    /// Returns nil where the text is not RFC 3339, names no real day, or lies outside years 0000–9999.
    package init?(rfc3339 text: UnsafeBufferPointer<UInt8>) {
        var scanner = DigitScanner(bytes: text)
        guard let year = scanner.number(4), scanner.skip("-"),
            let month = scanner.number(2), scanner.skip("-"),
            let day = scanner.number(2), scanner.skip("T", or: "t", " "),
            let hour = scanner.number(2), scanner.skip(":"),
            let minute = scanner.number(2), scanner.skip(":"),
            let second = scanner.number(2)
        else { return nil }
        guard (1...12).contains(month), day >= 1, day <= CivilDate.days(inMonth: month, year: year),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        guard let micros = scanner.fractionMicroseconds(), let offsetSeconds = scanner.zoneOffsetSeconds(), scanner.atEnd
        else { return nil }
        let days = CivilDate.daysSinceEpoch(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offsetSeconds
        let instant = LogTime(microseconds: seconds * 1_000_000 + micros)
        guard instant >= .earliestWritable, instant <= .latestWritable else { return nil }
        self = instant
    }

    package init?(rfc3339 text: String) {
        var copy = text
        guard let parsed = copy.withUTF8({ LogTime(rfc3339: $0) }) else { return nil }
        self = parsed
    }
}

/// Days and dates of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
package enum CivilDate {
    package static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    package static func date(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let z = daysSinceEpoch + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted + (shifted < 10 ? 3 : -9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    package static func days(inMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        default: 31
        }
    }

    /// 0 is Sunday, as cron counts.
    package static func weekday(daysSinceEpoch: Int64) -> Int64 { ((daysSinceEpoch % 7) + 11) % 7 }
}

private struct DigitScanner {
    let bytes: UnsafeBufferPointer<UInt8>
    var index = 0

    init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    var atEnd: Bool { index == bytes.count }

    mutating func number(_ width: Int) -> Int64? {
        guard index + width <= bytes.count else { return nil }
        var value: Int64 = 0
        for k in index..<(index + width) {
            let digit = bytes[k] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value * 10 + Int64(digit)
        }
        index += width
        return value
    }

    mutating func skip(_ a: Unicode.Scalar, or others: Unicode.Scalar...) -> Bool {
        guard index < bytes.count else { return false }
        let found = bytes[index]
        guard found == UInt8(ascii: a) || others.contains(where: { found == UInt8(ascii: $0) }) else { return false }
        index += 1
        return true
    }

    mutating func fractionMicroseconds() -> Int64? {
        guard skip(".") else { return 0 }
        var value: Int64 = 0
        var seen = 0
        while index < bytes.count, case let digit = bytes[index] &- UInt8(ascii: "0"), digit <= 9 {
            if seen < 6 { value = value * 10 + Int64(digit) }
            seen += 1
            index += 1
        }
        guard seen > 0 else { return nil }
        while seen < 6 { value *= 10; seen += 1 }
        return value
    }

    mutating func zoneOffsetSeconds() -> Int64? {
        if skip("Z", or: "z") { return 0 }
        let sign: Int64
        if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
        guard let hours = number(2), skip(":"), let minutes = number(2), hours < 24, minutes < 60 else { return nil }
        return sign * (hours * 3_600 + minutes * 60)
    }
}
