import Basics
import Domain
import Testing

@testable import Autoscaling

private func at(_ text: String) throws -> LogTime { try #require(LogTime(rfc3339: text.count == 16 ? text + ":00Z" : text), "\(text)") }

/// Europe/Zurich: summer time (+2 h) from the last Sunday of March, 01:00 UTC, to the last Sunday of October, 01:00 UTC.
private func zurich() throws -> [ZoneOffset] {
    [
        ZoneOffset(from: .earliestWritable, secondsEastOfUTC: 3_600),
        ZoneOffset(from: try at("2026-03-29T01:00"), secondsEastOfUTC: 7_200),
        ZoneOffset(from: try at("2026-10-25T01:00"), secondsEastOfUTC: 3_600),
        ZoneOffset(from: try at("2027-03-28T01:00"), secondsEastOfUTC: 7_200),
    ]
}

private func schedule(_ cron: String, _ durationSeconds: Int = 60, offsets: [ZoneOffset] = []) throws -> Schedule {
    try Schedule(cron: cron, durationSeconds: durationSeconds, minReplicaCount: 5, offsets: offsets)
}

/// The first `count` edges after `start`, as UTC minutes.
private func edges(_ schedule: Schedule, after start: String, _ count: Int) throws -> [String] {
    var time = try at(start)
    var edges: [String] = []
    while edges.count < count, let next = schedule.nextChange(after: time) {
        #expect(next > time)
        edges.append(String(next.rfc3339.prefix(16)))
        time = next
    }
    return edges
}

@Suite struct ScheduleTests {
    @Test func officeHoursInSummerAndWinter() throws {
        let office = try schedule("0 8 * * 1-5", 36_000, offsets: try zurich())
        // Friday 27 March 2026 is still winter: 8:00 is 7:00 UTC. Monday is summer: 6:00 UTC.
        #expect(
            try edges(office, after: "2026-03-27T00:00", 4) == [
                "2026-03-27T07:00", "2026-03-27T17:00", "2026-03-30T06:00", "2026-03-30T16:00",
            ])
        #expect(try !office.isActive(at: at("2026-03-27T06:59")))
        #expect(try office.isActive(at: at("2026-03-27T07:00")))
        #expect(try office.isActive(at: at("2026-03-27T16:59:59.999999Z")))
        #expect(try !office.isActive(at: at("2026-03-27T17:00")))
        #expect(try !office.isActive(at: at("2026-03-28T10:00")))
    }

    @Test func aTimeThatDoesNotExistComesWhenTheClocksHaveJumped() throws {
        let nightly = try schedule("30 2 * * *", 600, offsets: try zurich())
        // 28th: 2:30 winter is 1:30 UTC. 29th: at the jump, 1:00 UTC. 30th: 2:30 summer is 0:30 UTC.
        #expect(
            try edges(nightly, after: "2026-03-28T00:00", 6) == [
                "2026-03-28T01:30", "2026-03-28T01:40", "2026-03-29T01:00", "2026-03-29T01:10", "2026-03-30T00:30", "2026-03-30T00:40",
            ])
        #expect(try nightly.isActive(at: at("2026-03-29T01:05")))
    }

    @Test func anAmbiguousTimeComesOnce() throws {
        let nightly = try schedule("30 2 * * *", 600, offsets: try zurich())
        // 2:30 is first 0:30 UTC (summer) and then 1:30 UTC (winter): only the first counts.
        #expect(
            try edges(nightly, after: "2026-10-24T12:00", 4) == [
                "2026-10-25T00:30", "2026-10-25T00:40", "2026-10-26T01:30", "2026-10-26T01:40",
            ])
        #expect(try !nightly.isActive(at: at("2026-10-25T01:35")))
        // What is asked in the repeated hour looks back over it.
        #expect(try schedule("30 2 * * *", 7_200, offsets: try zurich()).isActive(at: at("2026-10-25T01:35")))
    }

    @Test func theJumpStartsARunOnceHoweverManyTimesItSkipped() throws {
        let often = try schedule("*/10 2 * * *", 60, offsets: try zurich())
        #expect(
            try edges(often, after: "2026-03-29T00:00", 4) == [
                "2026-03-29T01:00", "2026-03-29T01:01", "2026-03-30T00:00", "2026-03-30T00:01",
            ])
    }

    @Test func everyHourMeansElapsedTime() throws {
        let hourly = try schedule("30 * * * *", 60, offsets: try zurich())
        #expect(
            try edges(hourly, after: "2026-10-24T23:40", 6).enumerated().filter { $0.offset % 2 == 0 }.map(\.element) == [
                "2026-10-25T00:30", "2026-10-25T01:30", "2026-10-25T02:30",
            ])
        #expect(
            try edges(hourly, after: "2026-03-29T00:00", 6).enumerated().filter { $0.offset % 2 == 0 }.map(\.element) == [
                "2026-03-29T00:30", "2026-03-29T01:30", "2026-03-29T02:30",
            ])
    }

    /// The first edge after a time in UTC; a row a rule of cron(5).
    @Test(arguments: [
        ("* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01"),
        ("*/15 * * * *", "2026-01-01T00:46", "2026-01-01T01:00"),
        ("5/15 * * * *", "2026-01-01T00:06", "2026-01-01T00:20"),
        ("10-30/10 * * * *", "2026-01-01T00:31", "2026-01-01T01:10"),
        ("0 9,17 * * *", "2026-01-01T09:05", "2026-01-01T17:00"),
        ("0 0 29 2 *", "2026-01-01T00:00", "2028-02-29T00:00"),
        ("0 0 29 FEB *", "2096-03-01T00:00", "2104-02-29T00:00"),
        ("0 0 31 * *", "2026-02-01T00:00", "2026-03-31T00:00"),
        ("0 0 * jan-mar mon", "2026-03-31T00:00", "2027-01-04T00:00"),
        // Day of month or day of week: Friday the 9th comes before the 13th.
        ("0 0 13 * FRI", "2026-01-03T00:00", "2026-01-09T00:00"),
        ("0 0 13 * FRI", "2026-01-10T00:00", "2026-01-13T00:00"),
        // One of the two with a star: both.
        ("0 0 */2 * MON", "2026-01-01T00:00:00Z", "2026-01-05T00:00"),
        ("0 0 */2 * MON", "2026-01-06T00:00", "2026-01-19T00:00"),
        ("0 0 * * 7", "2026-01-01T00:00", "2026-01-04T00:00"),
        ("0 0 * * 5-7", "2026-01-04T01:00", "2026-01-09T00:00"),
        ("0 0 ? * SUN", "2026-01-01T00:00", "2026-01-04T00:00"),
        ("@hourly", "2026-01-01T00:30", "2026-01-01T01:00"),
        ("@daily", "2026-01-01T00:30", "2026-01-02T00:00"),
        ("@midnight", "2026-01-01T00:30", "2026-01-02T00:00"),
        ("@weekly", "2026-01-01T00:30", "2026-01-04T00:00"),
        ("@monthly", "2026-01-01T00:30", "2026-02-01T00:00"),
        ("@yearly", "2026-01-01T00:30", "2027-01-01T00:00"),
        ("  @annually ", "2026-01-01T00:30", "2027-01-01T00:00"),
        ("0\t0 1 1 *", "1969-06-01T00:00", "1970-01-01T00:00"),
    ])
    func nextStart(_ cron: String, after time: String, is expected: String) throws {
        #expect(try edges(try schedule(cron, 1), after: time, 1) == [expected])
    }

    @Test func runsThatTouchAreOne() throws {
        let joined = try schedule("0,30 8-9 * * *", 1_800)
        #expect(try edges(joined, after: "2026-01-01T00:00", 3) == ["2026-01-01T08:00", "2026-01-01T10:00", "2026-01-02T08:00"])
        let overlapping = try schedule("0,30 8-9 * * *", 7_200)
        #expect(try edges(overlapping, after: "2026-01-01T08:45", 1) == ["2026-01-01T11:30"])
    }

    /// It never changes; what is answered is a time up to which it doesn't, so that someone looks again.
    @Test func aRunWithoutEndAnswersALaterTime() throws {
        let always = try schedule("* * * * *", 3_600)
        let now = try at("2026-01-01T00:00")
        let next = try #require(always.nextChange(after: now))
        #expect(next.seconds(since: now) >= 3_600)
        #expect(always.isActive(at: next))
    }

    @Test(
        arguments: [
            ("0 8 * *", .cron, 8, "five fields"), ("0 8 * * * *", .cron, 11, "has 6"), ("", .cron, 1, "has 0"),
            ("60 * * * *", .minute, 1, "0 to 59"), ("0 24 * * *", .hour, 3, "0 to 23"), ("0 0 0 * *", .dayOfMonth, 5, "1 to 31"),
            ("0 0 * 13 *", .month, 7, "1 to 12"),
            ("0 0 * * 8", .dayOfWeek, 9, "0 to 7"), ("0 0 * * MOO", .dayOfWeek, 9, "MON"), ("0 x * * *", .hour, 3, "neither"),
            ("0 0 * FOO *", .month, 7, "FEB"),
            ("0,, 0 * * *", .minute, 3, "missing"), ("1-0 * * * *", .minute, 1, "backwards"),
            ("0 0 * * FRI-MON", .dayOfWeek, 9, "backwards"), ("1-2-3 * * * *", .minute, 5, "two ends"),
            ("*/0 * * * *", .minute, 3, "step"), ("*/2/3 * * * *", .minute, 5, "one step"), ("*/x * * * *", .minute, 3, "step"),
            ("-5 * * * *", .minute, 1, "missing"),
            ("0 0 30 2 *", .dayOfMonth, 5, "no day 30"), ("0 0 31 4,6 *", .dayOfMonth, 5, "no day 31"),
            ("? * * * *", .minute, 1, "neither"), ("99999 * * * *", .minute, 1, "neither"),
            ("@dayly", .cron, 1, "@daily"), ("@daily 5", .cron, 1, "alone"), ("é * * * *", .minute, 1, "neither"),
        ] as [(String, ScheduleError.Field, Int, String)])
    func refuses(_ cron: String, _ field: ScheduleError.Field, at column: Int, saying words: String) throws {
        do throws(ScheduleError) {
            _ = try Schedule(cron: cron, durationSeconds: 60, minReplicaCount: 1)
            Issue.record("accepted \(cron)")
        } catch {
            #expect(error.field == field && error.column == column, "\(error)")
            #expect(error.message.contains(words), "\(error)")
        }
    }

    @Test func refusesNumbersAndOffsetsThatMakeNoSense() throws {
        func field(_ durationSeconds: Int = 60, _ floor: Int = 1, _ offsets: [ZoneOffset] = []) -> ScheduleError.Field? {
            do throws(ScheduleError) {
                _ = try Schedule(cron: "@daily", durationSeconds: durationSeconds, minReplicaCount: floor, offsets: offsets)
            } catch { return error.field }
            return nil
        }
        #expect(field(0) == .durationSeconds)
        #expect(field(Schedule.durationLimitSeconds + 1) == .durationSeconds)
        #expect(field(60, -1) == .minReplicaCount)
        #expect(field(60, 1, [ZoneOffset(from: .zero, secondsEastOfUTC: 0), ZoneOffset(from: .zero, secondsEastOfUTC: 60)]) == .offsets)
        #expect(field(60, 1, [ZoneOffset(from: .zero, secondsEastOfUTC: .min)]) == .offsets)
        #expect(
            field(
                60, 1,
                [ZoneOffset(from: LogTime(microseconds: .min), secondsEastOfUTC: 0), ZoneOffset(from: .distantFuture, secondsEastOfUTC: 0)])
                == nil)
    }

    @Test(arguments: [LogTime(microseconds: .min), .earliestWritable, .zero, .latestWritable, .distantFuture])
    func theEndsOfTimeDoNotTrap(_ time: LogTime) throws {
        for cron in ["* * * * *", "@yearly", "0 0 29 2 *"] {
            let all = try schedule(cron, Schedule.durationLimitSeconds, offsets: try zurich())
            _ = all.isActive(at: time)
            _ = all.nextChange(after: time)
        }
    }

    /// Against the definition, minute by minute: a start at every local minute that the fields name.
    @Test(arguments: 0..<6)
    func agreesWithTheDefinition(_ seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let offsets = try zurich()
        for _ in 0..<5 {
            let cron = random.pick([
                "*/7 1-4 * * *", "30 2 * * *", "0 */3 * * SAT,SUN", "15,45 0-22 25-31 * 1", "59 23 * * *", "* 2 29 3 *", "10 3 1-31/2 * 0",
            ])
            let durationSeconds = random.pick([60, 300, 1_800, 7_200, 90_000])
            let schedule = try schedule(cron, durationSeconds, offsets: offsets)
            let expression = try CronParser.parse(cron)
            let from = try at(random.pick(["2026-03-27T12:00", "2026-10-23T12:00"])).microseconds / 60_000_000
            var starts: [Int64] = []
            for minute in (from - 3_000)..<(from + 5_000) where isStart(minute, expression, offsets) { starts.append(minute * 60) }
            for minute in stride(from: from, to: from + 5_000, by: 7) {
                let second = minute * 60
                let expected = starts.contains { $0 <= second && second < $0 + Int64(durationSeconds) }
                if schedule.isActive(at: LogTime(microseconds: second * 1_000_000)) != expected {
                    Issue.record("\(cron) \(durationSeconds) at \(second)")
                }
            }
        }
    }

    /// Whether a run starts at this minute of UTC: its local time matches and is there for the first time, or the clocks
    /// have just jumped over one that matches.
    private func isStart(_ minute: Int64, _ expression: CronExpression, _ offsets: [ZoneOffset]) -> Bool {
        func local(_ minute: Int64) -> Int64 {
            minute + Int64(offsets.last { $0.from.microseconds <= minute * 60_000_000 }?.secondsEastOfUTC ?? 0) / 60
        }
        func matches(_ local: Int64) -> Bool { expression.next(from: local) == local }
        if matches(local(minute)), !(1...60).contains(where: { local(minute - $0) == local(minute) }) { return true }
        let expected = local(minute - 1) + 1
        return local(minute) > expected && (expected..<local(minute)).contains(where: matches)
    }
}
