import Synchronization

// Is there room for one more?
//
// A counter with a limit, shared by all event loops: connections, followers, questions. Whoever entered must leave.

package final class Gate: Sendable {
    package let limit: Int
    private let inside = Atomic<Int>(0)

    package init(limit: Int) { self.limit = limit }

    package func enter() -> Bool {
        let before = inside.add(1, ordering: .relaxed).oldValue
        if before < limit { return true }
        inside.subtract(1, ordering: .relaxed)
        return false
    }

    package func leave() { inside.subtract(1, ordering: .relaxed) }

    package var count: Int { inside.load(ordering: .relaxed) }
}
