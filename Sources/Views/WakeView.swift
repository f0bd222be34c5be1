import Autoscaling
import Domain
import State

// When is an actor predicted to wake, and if no node gets a suggestion before: why not?
//
// An `actor.created` is taken whatever its schedule says: the log is append-only, and nothing but suggestions looks at it.
// So this is where a schedule that can't be read shows. Part of a single actor's view alone: lists do without.

package struct WakeView: Codable, Hashable, Sendable {
    /// Its cron expression as it came with `actor.created`; nil where the wake is predicted from its history.
    package var schedule: String?
    package var timezone: String?
    /// The mean gap between its wakes; nil where it has a schedule.
    package var everySeconds: Double?
    /// The next one; nil where none is predicted.
    package var at: String?
    /// Why no node will be told before it, and what to do; nil where one will.
    package var problem: String?
}

extension State {
    /// Of a schedule as it is shown: a longer one is no cron expression.
    private static let scheduleLimitCharacters = 256

    /// nil where neither a schedule came with the actor nor its wakes are steady.
    func wakeView(of index: Int, at now: LogTime) -> WakeView? {
        guard actors[index].pool >= 0, let entry = forecasts[index], entry.hasSchedule || entry.steadyGapMicroseconds != nil else {
            return nil
        }
        var view = WakeView()
        if entry.hasSchedule {
            view.schedule = String(entry.cron.prefix(Self.scheduleLimitCharacters))
            view.timezone = entry.timezone
        } else {
            view.everySeconds = Double(entry.gapMicroseconds) / 1e6
        }
        do throws(UnpredictedWake) {
            let next = try nextWake(entry, in: Int(actors[index].pool), after: now)
            view.at = next?.rfc3339
            view.problem = next == nil ? "no further wake is predicted" : untold(index)
        } catch {
            view.problem = sentence(error, view, pool: Int(actors[index].pool))
        }
        return view
    }

    /// Why no node gets a suggestion before a predicted wake.
    private func untold(_ index: Int) -> String? {
        let actor = actors[index]
        let pool = pools[Int(actor.pool)]
        if !pool.placing.prefetches {
            return "no node gets a suggestion: the policy of pool \(pool.text) doesn't say placement.prefetch: true"
        }
        return actor.snapshotSeq == 0 ? "no node gets a suggestion: it has no snapshot in object storage yet" : nil
    }

    private func sentence(_ why: UnpredictedWake, _ view: WakeView, pool: Int) -> String {
        switch why {
        case .notCron(let mistake):
            return "schedule \"\(view.schedule ?? "")\" is not a cron expression: \(mistake); no wake is predicted"
        case .unknownZone:
            let zones = ["UTC"] + Set(pools[pool].policy?.policy.schedules.map(\.timezone) ?? []).subtracting(["UTC"]).sorted()
            let known = "known for pool \(pools[pool].text) are those of its policy's schedules: \(zones.joined(separator: ", "))"
            return "timezone \(view.timezone ?? "") is not known; \(known); no wake is predicted"
        }
    }
}
