package import Domain
import Basics

// By how much has the pool been scaled lately?
//
// HPA's scale events (`storeScaleEvent`, `getReplicasChangePerPeriod`): what was added and what was removed, apart. An
// event counts for a period until it is exactly that old. Events are kept by HPA's own rule, which is not the obvious
// one: a new event takes the place of the last one in the list that is older than the longest period *of its own
// direction*. So a long scale-down period may lose sight of additions that a short scale-up period gave up; the answers
// depend on it, so it is kept.

/// One change of the pool's size.
package struct ScaleEvent: Hashable, Sendable {
    /// How many were added, or removed. Positive.
    package var change: Int
    package var at: LogTime

    package init(change: Int, at: LogTime) { self.change = change; self.at = at }
}

package struct ScaleEvents: Hashable, Sendable {
    /// In each direction. A pool that changes more often than this within its longest period has neighbours joined.
    package static let mostEvents = 256

    package internal(set) var added: [ScaleEvent] = []
    package internal(set) var removed: [ScaleEvent] = []

    package init() {}
    package init(added: [ScaleEvent], removed: [ScaleEvent]) { self.added = added; self.removed = removed }

    mutating func record(from: Int, to: Int, at now: LogTime, behavior: Behavior?) {
        if to > from {
            Self.store(ScaleEvent(change: to.subtractingClamped(from), at: now), in: &added, longest: Self.longestPeriod(behavior?.scaleUp))
        } else if to < from {
            Self.store(
                ScaleEvent(change: from.subtractingClamped(to), at: now), in: &removed, longest: Self.longestPeriod(behavior?.scaleDown))
        }
    }

    /// How many there were when the period of that length began.
    func countAtStart(ofSeconds seconds: Int, current: Int, at now: LogTime) -> Int {
        current.subtractingClamped(Self.change(added, withinSeconds: seconds, at: now)).addingClamped(
            Self.change(removed, withinSeconds: seconds, at: now))
    }

    /// When the next event leaves a period of that length; nil where none is in it.
    func nextExpiry(periodSeconds: Int, at now: LogTime) -> LogTime? {
        var earliest: LogTime?
        for event in added { Self.note(event, periodSeconds, now, &earliest) }
        for event in removed { Self.note(event, periodSeconds, now, &earliest) }
        return earliest
    }

    private static func note(_ event: ScaleEvent, _ seconds: Int, _ now: LogTime, _ earliest: inout LogTime?) {
        let expiry = event.at.adding(seconds: seconds)
        guard expiry > now else { return }
        earliest = earliest.map { min($0, expiry) } ?? expiry
    }

    private static func change(_ events: [ScaleEvent], withinSeconds seconds: Int, at now: LogTime) -> Int {
        var total = 0
        for event in events where event.at.adding(seconds: seconds) > now { total = total.addingClamped(event.change) }
        return total
    }

    private static func longestPeriod(_ rules: Behavior.Rules?) -> Int {
        guard let rules else { return RateLimit.syncPeriodSeconds }
        return rules.limits.reduce(0) { max($0, $1.periodSeconds) }
    }

    private static func store(_ event: ScaleEvent, in events: inout [ScaleEvent], longest: Int) {
        if let outdated = events.lastIndex(where: { $0.at.adding(seconds: longest) < event.at }) {
            events[outdated] = event
        } else {
            events.append(event)
            if events.count > mostEvents { join(&events) }
        }
    }

    /// Neighbours become one event with the later stamp: a budget is then freed later, never earlier.
    private static func join(_ events: inout [ScaleEvent]) {
        var joined: [ScaleEvent] = []
        joined.reserveCapacity(mostEvents)
        for index in stride(from: 0, to: events.count - 1, by: 2) {
            let (a, b) = (events[index], events[index + 1])
            joined.append(ScaleEvent(change: a.change.addingClamped(b.change), at: max(a.at, b.at)))
        }
        if events.count % 2 == 1, let last = events.last { joined.append(last) }
        events = joined
    }
}
