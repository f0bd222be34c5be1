import Machine

// How does somebody watch a pool?
//
// A watcher gets its pool's summary when the watch begins, and again at each commit that changes it. It gets it in the commit's own
// fold, before anything is concluded from the commit. It is called on the loop's scheduler, in the order of commits. It must return
// at once, so it hands the summary on and keeps no queue that could grow.

package protocol PoolWatching: Sendable {
    /// Every pool's name, in no order.
    func poolNames() async -> [String]
    /// How the pool stands; nil where there is none of that name.
    func summary(of pool: String) async -> PoolSummary?
    /// Calls `changed` with the pool's summary as it is, then with each that differs from the last, until the watch is
    /// cancelled or let go of.
    ///
    /// - Parameter mayComeLater: whether a pool that isn't there yet is waited for; `changed` is then called once it is there.
    func watch(pool: String, mayComeLater: Bool, _ changed: @escaping @Sendable (PoolSummary) -> Void) async throws(ControlFault)
        -> PoolWatch
}

/// A watch lasts until it is cancelled, at the latest when nobody holds it any more.
package final class PoolWatch: Sendable {
    private let once: Once

    package init(onCancel: @escaping @Sendable () -> Void) { once = Once(onCancel) }

    deinit { once.run() }

    package func cancel() { once.run() }
}
