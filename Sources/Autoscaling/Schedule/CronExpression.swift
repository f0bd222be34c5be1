internal import Domain

// Which minutes of the calendar does a cron expression name?
//
// Five fields (minute, hour, day of month, month, day of week) of `*`, numbers, names, ranges, lists and steps, as cron(5) has
// them. A day counts where day of month *or* day of week says so, but where one of the two begins with `*` both must. A
// parsed expression is five bit masks; the next or previous minute is found field by field, so a year costs a dozen steps.
// Minutes are counted since the epoch on a clock without zone: what a zone does to them is the schedule's business.

struct CronExpression: Hashable, Sendable {
    /// Bit n is set where value n matches.
    var minutes: UInt64
    var hours: UInt64
    var daysOfMonth: UInt64
    var months: UInt64
    /// 0 is Sunday.
    var daysOfWeek: UInt64
    /// Whether a day needs both day fields, as one of them begins with `*`.
    var daysNeedBoth: Bool

    /// No expression that ever matches waits longer: a certain weekday on 29 February, over a century without one, 40 years.
    static let horizonMonths = 12 * 41

    /// Whether it runs in every hour of its days, so that what the clocks do at a change of offset must not move it.
    var isEveryHour: Bool { hours == 1 << 24 - 1 }

    /// The first matching minute at or after `minute`, or nil within the horizon.
    func next(from minute: Int64) -> Int64? {
        let (firstDay, firstOfDay) = minute.dividing(by: 1_440)
        var (year, month, day) = CivilDate.date(daysSinceEpoch: firstDay)
        for _ in 0...Self.horizonMonths {
            if months >> UInt64(month) & 1 == 1 {
                let base = CivilDate.daysSinceEpoch(year: year, month: month, day: 1) - 1
                let last = CivilDate.days(inMonth: month, year: year)
                while day <= last {
                    defer { day += 1 }
                    guard matches(dayOfMonth: day, at: base + day) else { continue }
                    let earliest = base + day == firstDay ? firstOfDay : 0
                    if let ofDay = nextMinute(from: earliest) { return (base + day) * 1_440 + ofDay }
                }
            }
            (year, month, day) = month == 12 ? (year + 1, 1, 1) : (year, month + 1, 1)
        }
        return nil
    }

    /// The last matching minute at or before `minute`, or nil within the horizon.
    func previous(from minute: Int64) -> Int64? {
        let (lastDay, lastOfDay) = minute.dividing(by: 1_440)
        var (year, month, day) = CivilDate.date(daysSinceEpoch: lastDay)
        for _ in 0...Self.horizonMonths {
            if months >> UInt64(month) & 1 == 1 {
                let base = CivilDate.daysSinceEpoch(year: year, month: month, day: 1) - 1
                while day >= 1 {
                    defer { day -= 1 }
                    guard matches(dayOfMonth: day, at: base + day) else { continue }
                    let latest = base + day == lastDay ? lastOfDay : 1_439
                    if let ofDay = previousMinute(from: latest) { return (base + day) * 1_440 + ofDay }
                }
            }
            (year, month) = month == 1 ? (year - 1, 12) : (year, month - 1)
            day = CivilDate.days(inMonth: month, year: year)
        }
        return nil
    }

    private func matches(dayOfMonth day: Int64, at daysSinceEpoch: Int64) -> Bool {
        let byMonth = daysOfMonth >> UInt64(day) & 1 == 1
        let byWeek = daysOfWeek >> UInt64(CivilDate.weekday(daysSinceEpoch: daysSinceEpoch)) & 1 == 1
        return daysNeedBoth ? byMonth && byWeek : byMonth || byWeek
    }

    private func nextMinute(from ofDay: Int64) -> Int64? {
        let (hour, minute) = ofDay.dividing(by: 60)
        if hours >> UInt64(hour) & 1 == 1, let sameHour = Self.lowestBit(minutes, from: minute) { return hour * 60 + sameHour }
        guard let later = Self.lowestBit(hours, from: hour + 1), let first = Self.lowestBit(minutes, from: 0) else { return nil }
        return later * 60 + first
    }

    private func previousMinute(from ofDay: Int64) -> Int64? {
        let (hour, minute) = ofDay.dividing(by: 60)
        if hours >> UInt64(hour) & 1 == 1, let sameHour = Self.highestBit(minutes, to: minute) { return hour * 60 + sameHour }
        guard let earlier = Self.highestBit(hours, to: hour - 1), let last = Self.highestBit(minutes, to: 59) else { return nil }
        return earlier * 60 + last
    }

    private static func lowestBit(_ mask: UInt64, from bit: Int64) -> Int64? {
        let rest = mask >> UInt64(bit)
        return rest == 0 ? nil : bit + Int64(rest.trailingZeroBitCount)
    }

    private static func highestBit(_ mask: UInt64, to bit: Int64) -> Int64? {
        guard bit >= 0 else { return nil }
        let rest = mask & (UInt64.max >> UInt64(63 - bit))
        return rest == 0 ? nil : 63 - Int64(rest.leadingZeroBitCount)
    }
}

extension Int64 {
    /// Floored division: −1 minute is minute 1,439 of the day before.
    func dividing(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
