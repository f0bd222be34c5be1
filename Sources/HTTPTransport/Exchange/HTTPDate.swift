import Domain

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

// What time is it, as HTTP writes it?
//
// RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`. The clock is the machine's own: an answer's date is no business of the log.

package enum HTTPDate {
    package static func secondsNow() -> Int64 { Int64(time(nil)) }

    package static func text(secondsSinceEpoch seconds: Int64) -> String {
        let days = seconds / 86_400
        let ofDay = seconds % 86_400
        let (year, month, day) = CivilDate.date(daysSinceEpoch: days)
        let weekday = weekdays[Int(CivilDate.weekday(daysSinceEpoch: days))]
        let clock = "\(two(ofDay / 3_600)):\(two(ofDay / 60 % 60)):\(two(ofDay % 60))"
        return "\(weekday), \(two(day)) \(months[Int(month) - 1]) \(year) \(clock) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : String(value) }
}
