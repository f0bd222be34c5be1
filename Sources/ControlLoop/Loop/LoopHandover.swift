package import Domain
package import EventLog
package import Views

// Who does what this instance may not do itself?
//
// Of several instances over one log one leads: it writes, and it counts the leases of workers. The loop of another folds what comes, and
// hands over what it is asked to write. It waits for its own fold all the same, so an answer is of a state that this instance has, too.

package protocol LoopHandover: Sendable {
    /// Appends here or at the leader, whichever may.
    func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void)
    /// A worker told this instance that it is there: the leader counts its lease.
    func hear(worker name: String, uid: String?) async throws(ControlFault) -> Int
}
