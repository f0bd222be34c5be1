package import Domain

// What does the HTTP service ask of the log?
//
// The two protocols are this target's own edge: the log conforms with a small extension, tests bring a twin. Appending is
// by completion and not `async`, since the way of an event allocates no task.

package protocol EventAppending: Sendable {
    /// Appends all of `batch` or nothing. `completion` is called exactly once, on any thread, after the commit is durable or
    /// has failed. It must return at once.
    func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<EventReceipt, AppendRefusal>) -> Void)
}

/// What became of a batch.
package struct EventReceipt: Hashable, Sendable {
    /// Events that are new in the log.
    package var accepted: Int
    /// Events that were there already, by (source, id).
    package var duplicates: Int
    /// The smallest and the greatest position of the batch's events, new or not; 0 for an empty batch.
    package var firstSeq: Position
    package var lastSeq: Position
    /// Each event's position in the order of the batch, where there are duplicates; empty where `firstSeq...lastSeq` says it all.
    package var positions: [Position]

    /// What a producer should know of events that are in the log.
    package var warnings: [Warning]

    package struct Warning: Hashable, Sendable {
        /// The event's place in the batch, from 0.
        package var index: Int
        /// What is wrong and what to do, in a sentence.
        package var detail: String

        package init(index: Int, detail: String) {
            self.index = index
            self.detail = detail
        }

        static func ambiguousName(index: Int) -> Warning {
            Warning(index: index, detail: "its subject or worker is a name of several namespaces, so it changes nothing: send NAMESPACE/NAME")
        }
    }

    package init(accepted: Int, duplicates: Int, firstSeq: Position, lastSeq: Position, positions: [Position] = [], warnings: [Warning] = []) {
        self.accepted = accepted
        self.duplicates = duplicates
        self.firstSeq = firstSeq
        self.lastSeq = lastSeq
        self.positions = positions
        self.warnings = warnings
    }
}

/// Why nothing of a batch was appended.
package enum AppendRefusal: Error, Hashable, Sendable {
    /// Too much waits already.
    case overloaded(retryAfterSeconds: Int)
    /// An event can't be stored, and never will be: which of the batch, from 0, and why.
    case invalid(index: Int, problem: String)
    /// The log can't be written now; a sentence that says why and what to do.
    case unavailable(String)
}
