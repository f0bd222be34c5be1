import Autoscaling
import Domain
import ExternalMetrics

// Do the small languages hold: formulas, cron expressions, selectors, quantities, times?

enum TextFuzz {
    private static func text(_ input: [UInt8]) -> String? { String(validating: input, as: UTF8.self) }

    static func formula(_ input: [UInt8]) throws {
        guard let text = text(input), let formula = try? Formula(compiling: text, names: ["a", "b", "queue", "rate"]) else { return }
        let numbers: [Double?] = [nil, 0, 1, -1, 0.1, 7, 1e308, -1e308, .leastNonzeroMagnitude, .nan]
        for round in 0..<numbers.count {
            let values = (0..<4).map { numbers[(round + $0 * (round + 1)) % numbers.count] }
            let result = formula.evaluate(values)
            try hold(result?.isFinite ?? true, "\(text) of \(values) is \(String(describing: result))")
            try hold(result?.bitPattern == formula.evaluate(values)?.bitPattern, "\(text) of \(values) isn't the same twice")
        }
    }

    static func cron(_ input: [UInt8]) throws {
        guard let text = text(input) else { return }
        let choice = ByteMix.of(input)
        // From 1970 to 2070, in a zone that changes its offset there or in UTC.
        let now = LogTime(microseconds: Int64(choice % 3_155_760_000) * 1_000_000)
        let change = LogTime(microseconds: now.microseconds / 1_000_000 / 3_600 * 3_600_000_000)
        let offsets =
            choice % 3 == 0
            ? []
            : [
                ZoneOffset(from: .earliestWritable, secondsEastOfUTC: 3_600),
                ZoneOffset(from: change, secondsEastOfUTC: choice % 3 == 1 ? 7_200 : 0),
            ]
        let duration = [1, 59, 60, 3_600, 86_400, Schedule.durationLimitSeconds][Int(choice >> 8) % 6]
        guard let schedule = try? Schedule(cron: text, durationSeconds: duration, minReplicaCount: 1, offsets: offsets) else { return }
        if let start = schedule.nextStart(after: now) {
            try hold(start > now, "\(text): the next start after \(now.rfc3339) is \(start.rfc3339)")
            try hold(schedule.isActive(at: start), "\(text): not active at its own start \(start.rfc3339)")
        }
        guard let next = schedule.nextChange(after: now) else { return }
        try hold(next > now, "\(text): the next change after \(now.rfc3339) is \(next.rfc3339)")
        let before = next.adding(microseconds: -1)
        try hold(
            schedule.isActive(at: before) == schedule.isActive(at: now),
            "\(text), \(duration) s, \(offsets.count) offsets: changes between \(now.rfc3339) and \(next.rfc3339)")
        if !schedule.isActive(at: now) { try hold(schedule.isActive(at: next), "\(text): still inactive at its change, \(next.rfc3339)") }
    }

    static func selector(_ input: [UInt8]) throws {
        guard let text = text(input) else { return }
        let labels = ["a": "1", "app": "web", "tier": "", "example.com/x": "y"]
        if let selector = WorkerSelector(text) {
            let again = WorkerSelector(selector.text)
            try hold(again == selector, "\(text) is written as \(selector.text), which is another")
            _ = selector.fits(labels)
        }
        if let selector = try? LabelSelector(parsing: text) {
            try hold(selector == (try? LabelSelector(parsing: text)), "\(text) isn't the same twice")
            _ = selector.matches { labels[$0] }
        }
    }

    static func quantity(_ input: [UInt8]) throws {
        guard let text = text(input) else { return }
        for decimals in [0, Quantity.milliDecimals, Quantity.microDecimals] {
            guard let value = try? Quantity.parse(text, decimals: decimals) else { continue }
            let written = Quantity.text(value, decimals: decimals)
            try hold(
                (try? Quantity.parse(written, decimals: decimals)) == value, "\(text) is \(value), written \(written), which is another")
        }
    }

    static func time(_ input: [UInt8]) throws {
        guard let text = text(input), let time = LogTime(rfc3339: text) else { return }
        try hold(LogTime(rfc3339: time.rfc3339) == time, "\(text) is written as \(time.rfc3339), which is another")
    }
}
