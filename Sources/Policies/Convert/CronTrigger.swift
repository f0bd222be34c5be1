internal import Autoscaling
internal import Domain

// Which schedule does a KEDA trigger of type cron amount to?
//
// KEDA has two expressions, start and end; a schedule has one and a duration. They say the same where every run is as long
// as every other, which is found by looking at the next few dozen: on a clock without a zone, as KEDA's ends stay put when
// the clocks change and ours last their time.

struct CronTrigger {
    let metadata: ManifestObject
    let maxReplicaCount: Int
    let now: LogTime

    private static let runsCompared = 32
    /// Changes looked at while searching for a start: each run has a start and an end.
    private static let changesLimit = 4

    func schedule() -> Schedule? {
        guard let start = metadata.required("start", metadata.text("start")), let end = metadata.required("end", metadata.text("end")),
            let replicas = metadata.required("desiredReplicas", metadata.integer("desiredReplicas"))
        else { return nil }
        let timezone = metadata.required("timezone", metadata.text("timezone")) ?? "UTC"
        guard let offsets = TimeZoneOffsets.offsets(of: timezone, around: now) else {
            metadata.problems.report(metadata.pathOf("timezone"), "no time zone is called \(timezone.prefix(60))\(TimeZoneOffsets.hint(for: timezone))")
            return nil
        }
        guard let starts = clock(start, "start"), let ends = clock(end, "end") else { return nil }
        guard let durationSeconds = duration(starts, ends) else {
            metadata.note("end", "left out: not every run from \(start) to \(end) has the same length; write schedules by hand")
            return nil
        }
        if replicas > maxReplicaCount { metadata.note("desiredReplicas", "lowered to maxReplicaCount, \(maxReplicaCount)") }
        do throws(ScheduleError) {
            return try Schedule(
                cron: start, timezone: timezone, durationSeconds: durationSeconds, minReplicaCount: min(replicas, maxReplicaCount), offsets: offsets)
        } catch {
            metadata.problems.report(metadata.pathOf("start"), error.description)
            return nil
        }
    }

    /// Runs of a second, in UTC: only their starts matter.
    private func clock(_ cron: String, _ field: String) -> Schedule? {
        do throws(ScheduleError) { return try Schedule(cron: cron, durationSeconds: 1, minReplicaCount: 0) } catch {
            metadata.problems.report(metadata.pathOf(field), error.description)
            return nil
        }
    }

    private func duration(_ starts: Schedule, _ ends: Schedule) -> Int? {
        var at = now
        var found: Set<Int64> = []
        for _ in 0..<Self.runsCompared {
            guard let start = next(starts, after: at), let end = next(ends, after: start) else { return nil }
            found.insert(end.microseconds(since: start))
            at = start
        }
        guard found.count == 1, let only = found.first else { return nil }
        return Int(only / 1_000_000)
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
