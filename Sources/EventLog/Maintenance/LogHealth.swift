// Can the log be written, and if not, since when and why?

public import Domain
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

public struct LogHealth: Hashable, Sendable {
    public var isWritable: Bool
    /// When the first append failed, of those since the last that succeeded.
    public var failingSince: LogTime?
    public var problem: String?
    public var hint: String?
    /// What the log's own housekeeping last failed at; appends went on.
    public var maintenanceProblem: String?
    /// Bytes that are free where the log lies; nil where that can't be told.
    public var diskFreeBytes: Int64?
}

/// What the writer and the keeper have to say, for whoever asks.
final class HealthRecord: Sendable {
    struct Failure: Sendable {
        var since: LogTime
        var problem: String
        var hint: String
    }

    private struct State: Sendable {
        var failure: Failure?
        var keeperProblem: String?
        var checkpointProblem: String?
    }

    private let state = Mutex(State())

    var failure: Failure? { state.withLock { $0.failure } }

    func fail(_ error: LogError, at: LogTime) {
        state.withLock { state in
            state.failure = Failure(since: state.failure?.since ?? at, problem: error.problem, hint: error.hint)
        }
    }

    func recover() { state.withLock { $0.failure = nil } }

    /// The keeper failed at something and will try again; nil: it did all it had to.
    func noteKeeper(_ error: (any Error)?, path: String) {
        let problem = error.map { LogError(wrapping: $0, operation: "maintain", path: path).description }
        state.withLock { $0.keeperProblem = problem }
    }

    func noteCheckpoints(_ problem: String) { state.withLock { $0.checkpointProblem = problem } }

    func health(path: String) -> LogHealth {
        let (failure, maintenance) = state.withLock { ($0.failure, $0.keeperProblem ?? $0.checkpointProblem) }
        return LogHealth(
            isWritable: failure == nil, failingSince: failure?.since, problem: failure?.problem, hint: failure?.hint,
            maintenanceProblem: maintenance, diskFreeBytes: Self.diskFree(path))
    }

    private static func diskFree(_ path: String) -> Int64? {
        var figures = statvfs()
        guard statvfs(path, &figures) == 0 else { return nil }
        return Int64(figures.f_bavail) * Int64(figures.f_frsize)
    }
}
