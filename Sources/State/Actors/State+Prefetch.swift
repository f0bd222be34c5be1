package import Autoscaling
package import Domain
import Placement

// Which actors' snapshots could a node fetch before they come?
//
// Those of a pool whose policy has prefetch on: who has begun to wait, and who will wake soon. All of it is for suggestions
// alone: no placement and no decision about a count looks at it.

/// Why a schedule predicts no wake.
package enum UnpredictedWake: Error, Hashable {
    case notCron(ScheduleError)
    /// Neither UTC nor a zone whose changes of offset the log carries.
    case unknownZone
}

extension State {
    /// A suggestion is made this long before an actor is expected, and earlier by what the restore takes: the time to reach the
    /// node's agent.
    package static let prefetchMarginMicroseconds: Int64 = 5_000_000

    private func prefetches(_ actor: ActorRecord) -> Bool { actor.pool >= 0 && pools[Int(actor.pool)].placing.prefetches }

    /// What an actor's event says of when it wakes. `actor` as it is after the event but for its state.
    package mutating func noteForecast(
        _ actor: ActorRecord, _ index: Int, from old: ActorState, to next: ActorState, _ kind: EventKind, _ fields: ActorFields,
        at now: LogTime
    ) {
        guard !forecasts.isEmpty || fields.schedule != nil || kind == .actorRequested && prefetches(actor) else { return }
        switch kind {
        case .actorCreated:
            if let cron = fields.schedule { forecasts.declare(index, cron: cron, timezone: fields.timezone ?? "UTC") }
        case .actorRequested: if old != .waiting { forecasts.woke(index, at: now, learns: prefetches(actor)) }
        case .actorSuspended:
            guard fields.snapshot != nil else { return }
            forecasts.suspended(index, bytes: fields.bytes)
            armForecast(index, of: actor, after: now, notBefore: now)
        case .actorDeleted: forecasts.remove(index)
        default: if next != .suspended { forecasts.disarm(index) }
        }
    }

    /// Sets the deadline for its first wake after `time`, if one is predicted.
    private mutating func armForecast(_ index: Int, of actor: ActorRecord, after time: LogTime, notBefore earliest: LogTime) {
        guard prefetches(actor), let entry = forecasts[index], let wakeAt = try? nextWake(entry, in: Int(actor.pool), after: time) else {
            return
        }
        let lead = placer.bandwidth.microseconds(.cold, bytes: entry.bytes)
        let ahead = lead.addingReportingOverflow(Self.prefetchMarginMicroseconds)
        guard !ahead.overflow else { return }
        forecasts.arm(index, WakeForecasts.Armed(wakeAt: wakeAt, dueAt: max(earliest, wakeAt.adding(microseconds: -ahead.partialValue))))
    }

    /// A schedule's zone is UTC, or one that a schedule of the pool's policy has, as the log carries that one's changes.
    package func nextWake(_ entry: WakeForecasts.Entry, in pool: Int, after time: LogTime) throws(UnpredictedWake) -> LogTime? {
        guard entry.hasSchedule else {
            guard let gap = entry.steadyGapMicroseconds else { return nil }
            let wakeAt = entry.lastWake.adding(microseconds: gap)
            return wakeAt > time ? wakeAt : nil
        }
        var offsets: [ZoneOffset] = []
        if entry.timezone != "UTC" {
            guard let known = pools[pool].policy?.policy.schedules.first(where: { $0.timezone == entry.timezone }) else {
                throw .unknownZone
            }
            offsets = known.offsets
        }
        do throws(ScheduleError) {
            return try Schedule(cron: entry.cron, durationSeconds: 1, minReplicaCount: 0, offsets: offsets).nextStart(after: time)
        } catch { throw .notCron(error) }
    }

    /// The timer of a pool fired: those whose deadline has come are due. A schedule goes on with its next start.
    package mutating func ringForecasts(of pool: Int, at now: LogTime) {
        guard !forecasts.isEmpty else { return }
        forecasts.forgetDue(upTo: now)
        for (index, _) in forecasts.reached(now) where Int(actors[index].pool) == pool {
            guard let wakeAt = forecasts.ring(index) else { continue }
            news.note(wakeOf: index, at: wakeAt)
            guard forecasts[index]?.hasSchedule ?? false else { continue }
            // Not before the wake that was just told of: a restore that takes longer than from one wake to the next would be due for
            // one wake after the other at this very moment.
            armForecast(index, of: actors[index], after: max(wakeAt, now), notBefore: max(wakeAt, now))
        }
    }

    /// The policy may have turned prefetch on or off.
    package mutating func adoptPrefetch(_ home: Int) {
        let isOn = pools[home].policy?.policy.prefetch ?? false
        let wasOn = pools[home].placing.prefetches
        pools[home].placing.prefetches = isOn
        guard isOn || wasOn else { return }
        for index in forecasts.indices where Int(actors[index].pool) == home {
            forecasts.disarm(index)
            if isOn, actors[index].state == .suspended, actors[index].snapshotSeq > 0 {
                armForecast(index, of: actors[index], after: at, notBefore: at)
            }
        }
    }

    /// A suggestion is in the log: it isn't made again. Nothing else follows from it.
    package mutating func applySuggestion(_ event: CommittedEvent, _ body: EventBody, _ names: some NameReading, _ fold: inout Fold) -> Bool
    {
        fold.change.own.append(event)
        guard let home = poolByName[event.pool] else { return true }
        var actor: String?
        var request: Position?
        var wakeAt: LogTime?
        let isWhole = body.readMembers { key, value in
            if key == "actor" { actor = body.text(value) }
            if key == "request" { request = body.integer(value) }
            if key == "wakeAt" { wakeAt = body.text(value).flatMap { LogTime(rfc3339: $0) } }
        }
        guard isWhole else { return fold.skipDamaged(event) }
        if let request, pools[home].queue[request] != nil {
            pools[home].placing.noteSuggested(request, on: label(names.text(of: event.subject)))
        }
        guard let wakeAt else { return true }
        let found = forecasts.due.first { $0.value == wakeAt && names.text(of: actors[$0.key].name) == actor }
        if let found { forecasts.settle(found.key) }
        return true
    }
}
