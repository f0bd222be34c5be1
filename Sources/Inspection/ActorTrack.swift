package import Domain

// Where have an actor's events taken it?
//
// The domain's state machine over event records, for whoever reads the log from outside the control loop. An event that
// doesn't fit, or is older than one already seen, changes nothing.

package struct ActorTrack: Hashable, Sendable {
    package private(set) var state = ActorState.unknown
    package private(set) var worker: String?
    private var resting = ActorState.suspended
    private var version: Int64?

    package init() {}

    /// Where the event takes the actor; nil where it changes nothing.
    package mutating func apply(_ event: EventRecord) -> ActorState? {
        guard let kind = event.kind, kind.subject == .actor, !event.superseded else { return nil }
        let given = event.data["version"].integer
        if let given, let version, given < version { return nil }
        let named = event.data["worker"].string
        let corrected = event.data["corrects"].integer == nil ? nil : ActorState.corrected(by: kind)
        guard
            case .moves(let next) = corrected ?? state.after(kind, resting: resting, sameWorker: named == nil || named == worker)
        else { return nil }
        if state.isResting { resting = state }
        state = next
        version = given ?? version
        worker = next.isResident ? named ?? worker : nil
        return next
    }

    /// Its worker went: a resident actor crashes with it. Answers whether it did.
    package mutating func lostWorker() -> Bool {
        guard state.isResident else { return false }
        state = .crashed
        worker = nil
        return true
    }
}
