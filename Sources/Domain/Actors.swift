// In which state is an actor, and which event takes it where?
//
//     suspended ─requested→ waiting ─placed→ placed ─running→ running ⇄ idle
//         ↑  ↑                 │               │                 │
//         │  └────withdrawn────┴───withdrawn───┘    ┌────────────┼──────────┐
//         └──────────────suspended──────────────────┘   paused ←─┘   crashed ←┘
//
// `paused` and `crashed` may be requested again like `suspended`; `deleted` is the end, until the same name is created
// anew. Agents race, so an event that doesn't fit is not an error: the machine answers `superseded` and nothing changes.
// Agents that place their actors themselves may report `running` from any resting state.

package enum ActorState: UInt8, Hashable, Sendable, CaseIterable {
    case unknown = 0
    case suspended = 1
    case waiting = 2
    case placed = 3
    case running = 4
    case idle = 5
    case paused = 6
    case crashed = 7
    case deleted = 8

    /// Holds a slot of a worker.
    package var isResident: Bool { self == .placed || self == .running || self == .idle }
    /// Has no slot and isn't waiting for one, but may ask.
    package var isResting: Bool { self == .suspended || self == .paused || self == .crashed }

    /// As agent-substrate's tools print it.
    package var statusName: String {
        switch self {
        case .unknown: "STATUS_UNSPECIFIED"
        case .suspended: "STATUS_SUSPENDED"
        case .waiting: "STATUS_WAITING"
        case .placed: "STATUS_RESUMING"
        case .running: "STATUS_RUNNING"
        case .idle: "STATUS_IDLE"
        case .paused: "STATUS_PAUSED"
        case .crashed: "STATUS_CRASHED"
        case .deleted: "STATUS_DELETED"
        }
    }
}

package enum ActorTransition: Hashable, Sendable {
    case moves(to: ActorState)
    /// Logged, and changes nothing.
    case superseded
}

extension ActorState {
    /// Where `kind` takes an actor in this state.
    ///
    /// - Parameters:
    ///   - resting: where the actor was before it began to wait: what a withdrawal returns it to.
    ///   - sameWorker: whether the event names the worker that the actor holds (true where it names none).
    package func after(_ kind: EventKind, resting: ActorState, sameWorker: Bool) -> ActorTransition {
        switch kind {
        case .actorCreated: self == .unknown || self == .deleted ? .moves(to: .suspended) : .superseded
        case .actorRequested: isResting || self == .unknown ? .moves(to: .waiting) : .superseded
        case .actorWithdrawn: self == .waiting || self == .placed ? .moves(to: resting.isResting ? resting : .suspended) : .superseded
        case .actorPlaced: self == .waiting ? .moves(to: .placed) : .superseded
        case .actorRunning: self == .deleted || (self == .running && sameWorker) ? .superseded : .moves(to: .running)
        case .actorIdle: self == .running ? .moves(to: .idle) : .superseded
        case .actorPaused: isResident && sameWorker ? .moves(to: .paused) : .superseded
        case .actorSuspended: (isResident && sameWorker) || self == .paused ? .moves(to: .suspended) : .superseded
        case .actorCrashed: isResident && sameWorker ? .moves(to: .crashed) : .superseded
        case .actorDeleted: self == .unknown || self == .deleted ? .superseded : .moves(to: .deleted)
        // Not about an actor.
        default: .superseded
        }
    }

    /// Where a correction takes an actor, whatever it was: somebody compared the log with the system that hosts it. nil where the
    /// kind's own rule holds for a correction as well.
    package static func corrected(by kind: EventKind) -> ActorTransition? {
        switch kind {
        case .actorRunning: .moves(to: .running)
        case .actorPaused: .moves(to: .paused)
        case .actorSuspended: .moves(to: .suspended)
        case .actorCrashed: .moves(to: .crashed)
        default: nil
        }
    }
}
