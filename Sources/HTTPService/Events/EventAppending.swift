package import Domain
package import EventLog

// What does the HTTP service need of the log?
//
// To append, and to read (`EventReading`): the log conforms by way of `EventLogAccess`, tests bring a twin. Appending is by
// completion and not `async`, since the way of an event allocates no task.

package protocol EventAppending: Sendable {
    /// Appends all of `batch` or nothing. `completion` is called exactly once, on any thread, after the commit is durable or
    /// has failed. It must return at once.
    func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void)
}
