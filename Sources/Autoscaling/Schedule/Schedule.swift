package import Domain

// Does a schedule ask for its floor now, and when does that change?
//
// A schedule's runs start at the minutes its cron expression names on the wall clock of its zone, and last
// `durationSeconds`; while any run lasts it is active. Pure: the zone comes along as a list of its changes of offset.
//
// When the clocks change (Europe/Zurich, 2026):
//   29 March, 2:00 → 3:00    a start at 2:30 doesn't exist that day and comes at once when the clocks jump, at 3:00
//   25 October, 3:00 → 2:00  a start at 2:30 comes once, the first time
// An expression that runs in every hour means elapsed time: it starts in both hours of October, and skips none in March.

package struct Schedule: Hashable, Sendable {
    package let cron: String
    /// As written; what it means is in `offsets`.
    package let timezone: String
    package let durationSeconds: Int
    /// The floor while it is active.
    package let minReplicaCount: Int
    /// The zone's changes, sorted; the first also holds before its time. Empty is UTC.
    package let offsets: [ZoneOffset]
    private let expression: CronExpression

    package static let durationLimitSeconds = 366 * 86_400
    /// Runs that join without a gap are followed this far for the next change.
    package static let joinedRunsLimit = 64
    package static let offsetsLimit = 512

    package init(cron: String, timezone: String = "UTC", durationSeconds: Int, minReplicaCount: Int, offsets: [ZoneOffset] = [])
        throws(ScheduleError)
    {
        expression = try CronParser.parse(cron)
        guard (1...Self.durationLimitSeconds).contains(durationSeconds) else {
            throw ScheduleError(field: .durationSeconds, column: 0, message: "must be from 1 to \(Self.durationLimitSeconds)")
        }
        guard minReplicaCount >= 0 else { throw ScheduleError(field: .minReplicaCount, column: 0, message: "must not be negative") }
        try Self.check(offsets)
        self.cron = cron
        self.timezone = timezone
        self.durationSeconds = durationSeconds
        self.minReplicaCount = minReplicaCount
        self.offsets = offsets
    }

    private static func check(_ offsets: [ZoneOffset]) throws(ScheduleError) {
        guard offsets.count <= offsetsLimit else { throw ScheduleError(field: .offsets, column: 0, message: "at most \(offsetsLimit)") }
        let withinADay = 1 - ZoneOffset.limitSeconds...ZoneOffset.limitSeconds - 1
        guard offsets.allSatisfy({ withinADay.contains($0.secondsEastOfUTC) }) else {
            throw ScheduleError(field: .offsets, column: 0, message: "secondsEastOfUTC must be less than a day either way")
        }
        guard zip(offsets, offsets.dropFirst()).allSatisfy({ $0.from < $1.from }) else {
            throw ScheduleError(field: .offsets, column: 0, message: "must be in the order of their times")
        }
    }

    /// Whether a run started at `time` or less than `durationSeconds` before it.
    package func isActive(at time: LogTime) -> Bool { end(ofRunAt: seconds(time)) != nil }

    /// The next instant later than `time` at which `isActive` changes; nil where it never does again. Where more than
    /// `joinedRunsLimit` runs join (a run each minute that lasts a minute), an instant up to which it doesn't change.
    package func nextChange(after time: LogTime) -> LogTime? {
        let now = seconds(time)
        guard var end = end(ofRunAt: now) else { return start(after: now).map(instant) }
        for _ in 0..<Self.joinedRunsLimit {
            guard let later = self.end(ofRunAt: end) else { break }
            end = later
        }
        return instant(end)
    }

    /// The first start later than `time`; nil where there is none any more.
    package func nextStart(after time: LogTime) -> LogTime? { start(after: seconds(time)).map(instant) }

    /// When the latest run that covers this second ends.
    private func end(ofRunAt second: Int64) -> Int64? {
        guard let start = start(atOrBefore: second), second - start < Int64(durationSeconds) else { return nil }
        return start + Int64(durationSeconds)
    }

    private func instant(_ second: Int64) -> LogTime { LogTime(microseconds: second * 1_000_000) }

    /// Runs start and end on whole seconds; times outside what RFC 3339 can write are those ends.
    private func seconds(_ time: LogTime) -> Int64 {
        min(max(time, .earliestWritable), .latestWritable).microseconds.dividing(by: 1_000_000).quotient
    }
}

// MARK: - Starts

extension Schedule {
    /// The first start later than `second`, stretch of offset by stretch.
    func start(after second: Int64) -> Int64? {
        for index in offsets.segmentIndex(at: second)..<offsets.segmentCount {
            let segment = offsets.segment(index)
            if segment.start > second, startsAtOnce(segment) { return segment.start }
            let from = max(second + 1 + segment.offset, firstWallSecond(segment))
            let minute = from.dividing(by: 60)
            guard let match = expression.next(from: minute.remainder == 0 ? minute.quotient : minute.quotient + 1) else { return nil }
            if match * 60 - segment.offset < segment.end { return match * 60 - segment.offset }
        }
        return nil
    }

    /// The last start not later than `second`.
    func start(atOrBefore second: Int64) -> Int64? {
        for index in (0...offsets.segmentIndex(at: second)).reversed() {
            let segment = offsets.segment(index)
            let until = min(second, segment.end - 1) + segment.offset
            if let match = expression.previous(from: until.dividing(by: 60).quotient), match * 60 >= firstWallSecond(segment) {
                return match * 60 - segment.offset
            }
            if index > 0, startsAtOnce(segment) { return segment.start }
        }
        return nil
    }

    /// Where a stretch's own wall-clock times begin: those the stretch before it showed already aren't starts again.
    private func firstWallSecond(_ segment: ZoneSegment) -> Int64 {
        expression.isEveryHour ? segment.start + segment.offset : segment.firstUnrepeated
    }

    /// Whether a start fell among the times the clocks jumped over, and so comes when they have jumped.
    private func startsAtOnce(_ segment: ZoneSegment) -> Bool {
        let skipped = segment.skipped
        guard !skipped.isEmpty, !expression.isEveryHour else { return false }
        let minute = skipped.lowerBound.dividing(by: 60)
        guard let match = expression.next(from: minute.remainder == 0 ? minute.quotient : minute.quotient + 1) else { return false }
        return match * 60 < skipped.upperBound
    }
}
