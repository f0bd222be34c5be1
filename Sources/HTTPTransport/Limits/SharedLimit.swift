import Synchronization

// May one more be in flight?
//
// A counter with a limit, shared by all event loops: connections, followers, requests, bytes. Each `enter` that succeeds needs one `leave`.

package final class SharedLimit: Sendable {
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

/// One count under a limit. It is given back once, by whoever does so first.
package final class Place: Sendable {
    private let limit: SharedLimit
    private let isHeld = Atomic<Bool>(true)

    /// nil where the limit is reached.
    package init?(under limit: SharedLimit) {
        guard limit.enter() else { return nil }
        self.limit = limit
    }

    package func leave() {
        if isHeld.exchange(false, ordering: .relaxed) { limit.leave() }
    }
}
