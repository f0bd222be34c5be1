import Basics
internal import Domain

// Is this text a cron expression?
//
// Five fields, or one of the names for common ones. What no calendar has (30 February) is refused here, so that whatever
// was accepted does come round. Mistakes name the field and the column.

/// Why a schedule was refused.
package struct ScheduleError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Field: String, Hashable, Sendable, CaseIterable {
        case cron, minute, hour
        case dayOfMonth = "day of month"
        case month
        case dayOfWeek = "day of week"
        case durationSeconds, minReplicaCount, offsets
    }

    package var field: Field
    /// In the cron expression, from 1; 0 where the mistake isn't in it.
    package var column: Int
    package var message: String

    package var description: String { column == 0 ? "\(field.rawValue): \(message)" : "\(field.rawValue) (column \(column)): \(message)" }
}

struct CronParser {
    /// What one field can be.
    private struct Rule {
        var field: ScheduleError.Field
        var values: ClosedRange<Int>
        var names: [String] = []
        /// The value of the first name.
        var firstName = 0
    }

    private static let rules = [
        Rule(field: .minute, values: 0...59),
        Rule(field: .hour, values: 0...23),
        Rule(field: .dayOfMonth, values: 1...31),
        Rule(
            field: .month, values: 1...12, names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
            firstName: 1),
        // 7 is Sunday too.
        Rule(field: .dayOfWeek, values: 0...7, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]),
    ]

    private static let nicknames: [(name: String, expression: String)] = [
        ("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"), ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"),
    ]

    static let textLimitBytes = 256

    private struct Part {
        var text: Substring
        /// From 1.
        var column: Int
    }

    static func parse(_ text: String) throws(ScheduleError) -> CronExpression {
        guard text.utf8.count <= textLimitBytes else {
            throw ScheduleError(field: .cron, column: textLimitBytes + 1, message: "at most \(textLimitBytes) bytes")
        }
        let parts = split(Substring(text), at: { $0 == " " || $0 == "\t" }, from: 1).filter { !$0.text.isEmpty }
        if let first = parts.first, first.text.hasPrefix("@") { return try nickname(first, alone: parts.count == 1) }
        guard parts.count == rules.count else {
            throw ScheduleError(
                field: .cron, column: parts.count > rules.count ? parts[rules.count].column : text.utf8.count + 1,
                message: "needs five fields (minute, hour, day of month, month, day of week) and has \(parts.count)")
        }
        return try expression(parts)
    }

    private static func nickname(_ part: Part, alone: Bool) throws(ScheduleError) -> CronExpression {
        let known = nicknames.map(\.name)
        guard alone, let found = nicknames.first(where: { $0.name == part.text }) else {
            let hint = alone ? NearestName.hint(for: String(part.text), in: known) : "; a name like it stands alone"
            throw ScheduleError(field: .cron, column: part.column, message: "no schedule is called \(part.text)\(hint)")
        }
        return try parse(found.expression)
    }

    private static func expression(_ parts: [Part]) throws(ScheduleError) -> CronExpression {
        var masks: [UInt64] = []
        for (part, rule) in zip(parts, rules) { masks.append(try mask(part, rule)) }
        // Sunday is 0 and 7.
        let daysOfWeek = (masks[4] | masks[4] >> 7) & 0x7F
        let starred = isStarred(parts[2]) || isStarred(parts[4])
        let parsed = CronExpression(
            minutes: masks[0], hours: masks[1], daysOfMonth: masks[2], months: masks[3], daysOfWeek: daysOfWeek, daysNeedBoth: starred)
        try checkDayExists(parsed, parts)
        return parsed
    }

    private static func isStarred(_ part: Part) -> Bool { part.text.hasPrefix("*") || part.text == "?" }

    /// Days beyond the end of every month named, with no day of week to stand in for them.
    private static func checkDayExists(_ cron: CronExpression, _ parts: [Part]) throws(ScheduleError) {
        guard cron.daysNeedBoth else { return }
        let longest =
            (1...12).filter { cron.months >> UInt64($0) & 1 == 1 }.map { CivilDate.days(inMonth: Int64($0), year: 2_000) }.max() ?? 31
        if cron.daysOfMonth.trailingZeroBitCount > Int(longest) {
            throw ScheduleError(field: .dayOfMonth, column: parts[2].column, message: "the months named have no day \(parts[2].text)")
        }
    }

    // MARK: - One field

    private static func mask(_ part: Part, _ rule: Rule) throws(ScheduleError) -> UInt64 {
        var mask: UInt64 = 0
        for item in split(part.text, at: { $0 == "," }, from: part.column) { mask |= try itemMask(item, rule) }
        return mask
    }

    /// `*`, `5`, `1-5`, `*/2`, `1-30/5`, `5/15` (which is from 5 to the end).
    private static func itemMask(_ item: Part, _ rule: Rule) throws(ScheduleError) -> UInt64 {
        let halves = split(item.text, at: { $0 == "/" }, from: item.column)
        guard halves.count <= 2 else { throw fault(halves[2], rule, "one step at the most") }
        let range = try values(halves[0], rule, isOpen: halves.count == 2)
        let step = halves.count == 2 ? try self.step(halves[1], rule) : 1
        return stride(from: range.lowerBound, through: range.upperBound, by: step).reduce(0) { $0 | 1 << UInt64($1) }
    }

    private static func step(_ part: Part, _ rule: Rule) throws(ScheduleError) -> Int {
        guard let step = number(part.text), (1...rule.values.upperBound).contains(step) else {
            throw fault(part, rule, "a step is a number from 1 to \(rule.values.upperBound)")
        }
        return step
    }

    private static func values(_ part: Part, _ rule: Rule, isOpen: Bool) throws(ScheduleError) -> ClosedRange<Int> {
        // Every day of the week once, not Sunday twice.
        let all = rule.field == .dayOfWeek ? 0...6 : rule.values
        if part.text == "*" || (part.text == "?" && [.dayOfMonth, .dayOfWeek].contains(rule.field)) { return all }
        let ends = split(part.text, at: { $0 == "-" }, from: part.column)
        guard ends.count <= 2 else { throw fault(ends[2], rule, "a range has two ends") }
        let first = try value(ends[0], rule)
        guard ends.count == 2 else { return isOpen ? first...max(first, all.upperBound) : first...first }
        let last = try value(ends[1], rule)
        guard first <= last else { throw fault(part, rule, "the range \(part.text) runs backwards; write two, with a comma") }
        return first...last
    }

    private static func value(_ part: Part, _ rule: Rule) throws(ScheduleError) -> Int {
        if let number = number(part.text) {
            guard rule.values.contains(number) else {
                throw fault(part, rule, "\(number) is not from \(rule.values.lowerBound) to \(rule.values.upperBound)")
            }
            return number
        }
        if let index = rule.names.firstIndex(of: part.text.uppercased()) { return rule.firstName + index }
        let names = rule.names.isEmpty ? "" : " or a name such as \(rule.names[1])"
        guard !part.text.isEmpty else { throw fault(part, rule, "a value is missing") }
        throw fault(
            part, rule, "\(part.text) is neither *\(names) nor a number from \(rule.values.lowerBound) to \(rule.values.upperBound)")
    }

    /// Up to four digits; the fields need two.
    private static func number(_ text: Substring) -> Int? {
        text.utf8.count <= 4 && text.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") <= 9 }) ? Int(text) : nil
    }

    private static func split(_ text: Substring, at isSeparator: (Character) -> Bool, from column: Int) -> [Part] {
        text.split(omittingEmptySubsequences: false, whereSeparator: isSeparator).map {
            Part(text: $0, column: column + text.utf8.distance(from: text.startIndex, to: $0.startIndex))
        }
    }

    private static func fault(_ part: Part, _ rule: Rule, _ message: String) -> ScheduleError {
        ScheduleError(field: rule.field, column: part.column, message: message)
    }
}
