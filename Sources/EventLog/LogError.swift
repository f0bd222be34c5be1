// What went wrong with the log, where, and what to do about it?
//
// Two kinds of error, for two kinds of caller. `AppendError` answers one append: nothing of that batch is in the log.
// `LogError` answers opening, reading and maintenance. Each names the operation, the path and a remedy; nothing is to be
// matched by its text.

package struct LogError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// Another process writes this log.
        case locked(pid: Int32?)
        /// The file can't be opened, made or read.
        case unreachable
        /// The file is not a log, or one of a newer version.
        case notALog
        /// What is in the file contradicts itself.
        case damaged
        /// The disk is full, or the file can't be written.
        case notWritable
        /// The operation needs a log opened for writing, or an empty one, or one that isn't closed.
        case refused
    }

    package var reason: Reason
    package var operation: String
    package var path: String
    package var problem: String
    package var hint: String

    package init(_ reason: Reason, operation: String, path: String, problem: String, hint: String) {
        self.reason = reason
        self.operation = operation
        self.path = path
        self.problem = problem
        self.hint = hint
    }

    package var description: String { "\(operation) \(path): \(problem); \(hint)" }
}

package enum AppendError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The queue to the writer is full. Nothing was taken; come again.
    case overloaded(retryAfterSeconds: Int)
    /// An event of the batch can't be stored. `index` is its place in the batch, from 0.
    case invalid(index: Int, problem: String)
    /// The disk refused. The batch may be sent again, unchanged, once the cause is gone.
    case notWritable(reason: String, hint: String)
    /// A request has more than one message of the stream can hold. Sending it again doesn't help; splitting it does.
    case tooLarge(problem: String)
    /// The log was closed, or opened for reading only.
    case closed

    /// The same for a client of the service.
    package var sentence: String {
        switch self {
        case .overloaded(let seconds): "the log accepts no more at the moment: retry after \(seconds) s"
        case .invalid(_, let problem): "the event can't be stored: \(problem)"
        case .notWritable(let reason, let hint): "the log can't be written: \(reason); \(hint)"
        case .tooLarge(let problem): "the request is too large: \(problem)"
        case .closed: "the service is stopping"
        }
    }

    package var description: String {
        switch self {
        case .overloaded(let seconds): "too much is waiting to be written: try again in \(seconds) s"
        case .invalid(let index, let problem): "event \(index) can't be stored: \(problem)"
        case .notWritable(let reason, let hint): "the log can't be written: \(reason); \(hint)"
        case .tooLarge(let problem): "too large: \(problem)"
        case .closed: "the log is not open for writing"
        }
    }
}
