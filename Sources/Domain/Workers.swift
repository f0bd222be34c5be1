// What is a worker doing?

package enum WorkerState: UInt8, Hashable, Sendable, CaseIterable {
    /// Can host actors.
    case ready = 1
    /// Takes no more actors; goes once it is empty.
    case draining = 2
    /// Removed, lost or expired.
    case gone = 3
}

/// As agent-substrate's tools print it.
package enum WorkerStatus: String, Hashable, Sendable, CaseIterable {
    case free = "FREE"
    case partial = "PARTIAL"
    case busy = "BUSY"
    case draining = "DRAINING"
    /// A claim took it out of its pool.
    case claimed = "CLAIMED"
    case starting = "STARTING"
    case gone = "GONE"

    package init(state: WorkerState, used: Int, slots: Int) {
        switch state {
        case .gone: self = .gone
        case .draining: self = .draining
        case .ready: self = used == 0 ? .free : used < slots ? .partial : .busy
        }
    }
}

/// How a placement finds the actor's state: from the closest copy to none.
package enum RestoreTier: UInt8, Hashable, Sendable, CaseIterable {
    /// The paused snapshot is on the worker's node.
    case local = 0
    /// The actor's snapshot is in the node's cache.
    case warm = 1
    /// The template's snapshot is in the node's cache.
    case golden = 2
    case cold = 3

    package var name: String {
        switch self {
        case .local: "local"
        case .warm: "warm"
        case .golden: "golden"
        case .cold: "cold"
        }
    }
}
