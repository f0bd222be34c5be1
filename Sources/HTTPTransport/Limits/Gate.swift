import Synchronization

// Is there room for one more?
//
// A counter with a limit, shared by all event loops: connections, followers, questions, bytes. Whoever entered must leave.

package final class Gate: Sendable {
    package let limit: Int
    private let inside = Atomic<Int>(0)

    package init(limit: Int) { self.limit = limit }

    package func enter(_ count: Int = 1) -> Bool {
        let before = inside.add(count, ordering: .relaxed).oldValue
        if before + count <= limit { return true }
        inside.subtract(count, ordering: .relaxed)
        return false
    }

    package func leave(_ count: Int = 1) { inside.subtract(count, ordering: .relaxed) }

    package var count: Int { inside.load(ordering: .relaxed) }
}

/// A place behind a gate, given back once whoever says so first.
package final class Place: Sendable {
    private let gate: Gate
    private let isHeld = Atomic<Bool>(true)

    /// nil where the gate is full.
    package init?(behind gate: Gate) {
        guard gate.enter() else { return nil }
        self.gate = gate
    }

    package func leave() {
        if isHeld.exchange(false, ordering: .relaxed) { gate.leave() }
    }
}
