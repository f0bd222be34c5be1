// Which worker events follow from a pod's change?
//
// Pure: what was known of a pod, and what it is now, give events and what is known from here on. A pod is one worker of its
// name. It is announced when it is ready (or registered, where its pool's controller doesn't wait for that), and again when what it says of itself changed. It drains when it is marked or being
// deleted, and while it isn't ready: its actors are still on it, and no other may come. It is gone when it is deleted, over, or its
// node is lost.
//
//     pending ─ready→ announced ─marked, being deleted, not ready→ draining ─mark taken off, ready→ announced
//        └───────────────┴──────────deleted, over, node lost──────────┴──→ gone ─ready again→ announced

package enum WorkerEvent: Hashable, Sendable {
    case ready(node: String, ip: String?, slots: Int?)
    case draining(reason: String)
    case gone(reason: String)
}

/// What is known of one pod.
package struct PodRecord: Hashable, Sendable {
    package var view: PodView
    /// `worker.ready` was said of it, and nothing later took that back.
    package var isAnnounced: Bool
    package var isDraining: Bool

    package init(view: PodView, isAnnounced: Bool = false, isDraining: Bool = false) {
        self.view = view
        self.isAnnounced = isAnnounced
        self.isDraining = isDraining
    }
}

package enum PodEvents {
    /// - Parameters:
    ///   - before: nil where the pod wasn't known.
    ///   - now: nil where it isn't there any more.
    package static func change(from before: PodRecord?, to now: PodView?) -> (record: PodRecord?, events: [WorkerEvent]) {
        guard let now else { return (nil, departure(of: before, reason: "its pod was deleted")) }
        guard let before, before.view.uid == now.uid else {
            let left = departure(of: before, reason: "its pod was replaced by another of its name")
            let (record, events) = arrival(of: now, after: PodRecord(view: now), isNew: true)
            return (record, left + events)
        }
        return arrival(of: now, after: before, isNew: false)
    }

    /// The pod stays, and is no longer this pool's worker.
    static func leaving(_ record: PodRecord?) -> [WorkerEvent] {
        departure(of: record, reason: "its pod no longer belongs to the pool's target")
    }

    private static func arrival(of now: PodView, after before: PodRecord, isNew: Bool) -> (PodRecord, [WorkerEvent]) {
        var record = before
        record.view = now
        if now.isOver {
            // A worker may have reported itself before its pod was ever ready, or before this run: having run is enough.
            let mayBeKnown = before.isAnnounced || (now.phase != .pending && (isNew || !before.view.isOver))
            record.isAnnounced = false
            record.isDraining = false
            return (record, mayBeKnown ? [.gone(reason: overReason(now))] : [])
        }
        var events: [WorkerEvent] = []
        let reason =
            now.drainingReason.map { $0.isEmpty ? "marked \(Mark.draining)" : $0 }
            ?? (now.isBeingDeleted ? "its pod is being deleted" : nil)
            ?? (before.isAnnounced && !now.isUsable ? now.startProblem.map { "its pod isn't ready: \($0)" } ?? "its pod isn't ready" : nil)
        let isBack = before.isDraining && reason == nil
        if now.isUsable, let node = now.node, !node.isEmpty,
            !before.isAnnounced || isBack || (reason == nil && facts(before.view) != facts(now))
        {
            events.append(.ready(node: node, ip: now.ip, slots: now.slots))
            record.isAnnounced = true
        }
        if let reason, !before.isDraining, record.isAnnounced { events.append(.draining(reason: reason)) }
        record.isDraining = reason != nil && record.isAnnounced
        return (record, events)
    }

    private static func departure(of before: PodRecord?, reason: String) -> [WorkerEvent] {
        guard let before, !before.view.isOver, before.isAnnounced || before.view.phase != .pending else { return [] }
        return [.gone(reason: before.view.reason.isEmpty ? reason : "\(reason): \(before.view.reason)")]
    }

    private static func overReason(_ pod: PodView) -> String {
        let what = pod.isNodeLost ? "its node \(pod.node ?? "") is lost" : pod.phase == .failed ? "its pod failed" : "its pod ended"
        return pod.reason.isEmpty ? what : "\(what): \(pod.reason)"
    }

    private struct Facts: Hashable { var node, ip: String?; var slots: Int? }
    private static func facts(_ pod: PodView) -> Facts { Facts(node: pod.node, ip: pod.ip, slots: pod.slots) }
}
