internal import Autoscaling
internal import Domain

// Which schedule does a KEDA trigger of type cron amount to?
//
// KEDA has two expressions, start and end, and is active whenever an end comes before the next start. A schedule has one and
// a duration. They say the same where starts and ends alternate and every run is as long as every other. The next few years
// are looked at to find out, on a clock without a zone: KEDA's ends stay put when the clocks change, ours last their time.
// What differs is left out by name. Expressions are read as KEDA's parser reads them (`KEDACron`).

struct CronTrigger {
    let metadata: ManifestObject
    let maxReplicaCount: Int
    let now: LogTime

    private static let yearsCompared = 5
    /// Beyond that many runs the rest is taken to be alike.
    private static let runsCompared = 4_000
    /// Changes looked at while searching for a start: each run has a start and an end.
    private static let changesLimit = 4

    func schedule() -> Schedule? {
        guard let start = metadata.required("start", metadata.text("start")), let end = metadata.required("end", metadata.text("end")),
            let replicas = metadata.required("desiredReplicas", metadata.integer("desiredReplicas"))
        else { return nil }
        let timezone = zone(metadata.required("timezone", metadata.text("timezone")) ?? "UTC", start: KEDACron(start), end: KEDACron(end))
        guard let timezone, let offsets = offsets(of: timezone) else { return nil }
        guard replicas >= 1 else {
            metadata.problems.report(metadata.pathOf("desiredReplicas"), "must be 1 or more, and is \(replicas)")
            return nil
        }
        guard let starts = clock(start, "start"), let ends = clock(end, "end") else { return nil }
        switch runs(starts, ends) {
        case .none:
            metadata.problems.report(metadata.pathOf("end"), "names the same times as start, which KEDA refuses; write when a run ends")
            return nil
        case .unlike:
            metadata.note("end", "left out: runs from \(start) to \(end) aren't all alike; write schedules by hand")
            return nil
        case .alike(let seconds):
            if replicas > maxReplicaCount { metadata.note("desiredReplicas", "lowered to maxReplicaCount, \(maxReplicaCount)") }
            do throws(ScheduleError) {
                return try Schedule(
                    cron: starts.cron, timezone: timezone, durationSeconds: seconds, minReplicaCount: min(replicas, maxReplicaCount),
                    offsets: offsets)
            } catch {
                metadata.problems.report(metadata.pathOf("start"), error.description)
                return nil
            }
        }
    }

    // MARK: - Zones

    /// An expression may carry a zone of its own, which wins.
    private func zone(_ written: String, start: KEDACron, end: KEDACron) -> String? {
        guard let own = start.timezone ?? end.timezone else { return written }
        guard start.timezone ?? written == end.timezone ?? written else {
            metadata.note("end", "left out: start and end are in different time zones; write schedules by hand")
            return nil
        }
        metadata.note(start.timezone == nil ? "end" : "start", "its own time zone, \(own), is used instead of timezone")
        return own
    }

    private func offsets(of timezone: String) -> [ZoneOffset]? {
        if let offsets = TimeZoneOffsets.offsets(of: timezone, around: now) { return offsets }
        guard !timezone.isEmpty else {
            metadata.problems.report(metadata.pathOf("timezone"), "is empty, which KEDA refuses; name a zone of the tz database")
            return nil
        }
        let remedy =
            timezone == "Local" ? "; Local is the zone of KEDA's own pod, mostly UTC: write its name" : TimeZoneOffsets.hint(for: timezone)
        metadata.problems.report(metadata.pathOf("timezone"), "no time zone is called \(timezone.prefix(60))\(remedy)")
        return nil
    }

    // MARK: - Runs

    /// Runs of a second, in UTC: only their starts matter.
    private func clock(_ cron: String, _ field: String) -> Schedule? {
        let read = KEDACron(cron)
        do throws(ScheduleError) {
            let schedule = try Schedule(cron: read.expression, durationSeconds: 1, minReplicaCount: 0)
            if read.isRewritten { metadata.note(field, "written as \(read.expression): \(read.why)") }
            return schedule
        } catch {
            metadata.problems.report(metadata.pathOf(field), error.description)
            return nil
        }
    }

    private enum Runs {
        /// Starts and ends fall together.
        case none
        case unlike
        case alike(seconds: Int)
    }

    private func runs(_ starts: Schedule, _ ends: Schedule) -> Runs {
        var at = now
        let last = now.adding(seconds: Self.yearsCompared * 366 * 86_400)
        var length: Int64?
        for _ in 0..<Self.runsCompared {
            guard let start = next(starts, after: at), let end = next(ends, after: start), let following = next(starts, after: start) else {
                break
            }
            // An end at the moment of a start: KEDA sees neither a beginning nor an end.
            if length == nil, next(ends, after: at) == start, end == following { return .none }
            let isAlternating = end < following && next(ends, after: end).map { $0 > following } ?? true
            let found = end.microseconds(since: start)
            guard isAlternating, length ?? found == found else { return .unlike }
            length = found
            if start > last { break }
            at = start
        }
        return length.map { .alike(seconds: Int($0 / 1_000_000)) } ?? .unlike
    }

    private func next(_ schedule: Schedule, after time: LogTime) -> LogTime? {
        var at = time
        for _ in 0..<Self.changesLimit {
            guard let change = schedule.nextChange(after: at) else { return nil }
            if schedule.isActive(at: change) { return change }
            at = change
        }
        return nil
    }
}
