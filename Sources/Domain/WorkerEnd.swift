// How does a worker's life end?

/// How a worker ended.
package enum WorkerEnd: String, Hashable, Sendable, CaseIterable {
    /// It was told to go.
    case drained
    case lost
    /// It ended before it was ready.
    case failedToStart = "failed_to_start"
}
