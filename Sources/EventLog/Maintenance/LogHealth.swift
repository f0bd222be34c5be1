// Can the log be written, and if not, since when and why?

package import Domain
import Synchronization
import Machine

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

package struct LogHealth: Hashable, Sendable {
    package var isWritable: Bool
    /// When the first append failed, of those since the last that succeeded.
    package var failingSince: LogTime?
    package var problem: String?
    package var hint: String?
    /// What the log's own housekeeping last failed at; appends went on.
    package var maintenanceProblem: String?
    /// Bytes that are free where the log lies; nil where that can't be told.
    package var diskFreeBytes: Int64?
}

/// What the writer and the keeper have to say, for whoever asks; what changes is also told as it happens.
final class HealthRecord: Sendable {
    struct Failure: Sendable {
        var since: LogTime
        var problem: String
        var hint: String
        var refused = 0
        /// It was told that this began.
        var isSaid = false
    }

    private struct State: Sendable {
        var failure: Failure?
        var keeperProblem: String?
        var otherProblem: String?
        var isShortOfDisk = false
        /// When a failure was told last.
        var saidAt: Int64?
    }

    /// Below it, it is said that room gets scarce; the log is written all the same.
    static let scarceBytes: Int64 = 256 << 20

    private let state = Mutex(State())
    private let notice: @Sendable (LogNotice) -> Void
    /// While the log can't be written it is said again after so long.
    private let again: Int64

    init(notice: @escaping @Sendable (LogNotice) -> Void = { _ in }, again: Int64 = .max) {
        self.notice = notice
        self.again = again
    }

    var failure: Failure? { state.withLock { $0.failure } }

    func fail(_ error: LogError, at: LogTime) {
        state.withLock { state in
            let before = state.failure
            state.failure = Failure(
                since: before?.since ?? at, problem: error.problem, hint: error.hint, refused: (before?.refused ?? 0) + 1,
                isSaid: before?.isSaid ?? false)
        }
        tellFailure()
    }

    /// A commit that wasn't tried, as the last one failed just now.
    func noteRefusal() { state.withLock { $0.failure?.refused += 1 } }

    /// A disk that fails now and then isn't told of more often than this.
    private static let quietMicroseconds: Int64 = 10_000_000

    /// Tells a failure when it begins, and again while it stays; at a bounded pace. Called with each one, and once a second.
    func tellFailure() {
        let now = MeasuringClock.microseconds()
        let told = state.withLock { state -> Failure? in
            guard let failure = state.failure else { return nil }
            if let saidAt = state.saidAt, now - saidAt < (failure.isSaid ? again : min(again, Self.quietMicroseconds)) { return nil }
            state.saidAt = now
            state.failure?.isSaid = true
            return failure
        }
        guard let told else { return }
        let begin =
            told.isSaid
            ? "the log still can't be written, since \(told.since.rfc3339); \(told.refused) commits were refused"
            : "the log can't be written, and appends are refused"
        notice(LogNotice(.error, "\(begin): \(told.problem); \(told.hint)"))
    }

    func recover() {
        let before = state.withLock { state in
            defer { state.failure = nil }
            return state.failure
        }
        guard let before, before.isSaid else { return }
        notice(LogNotice(.notice, "the log is written again; \(before.refused) commits were refused since \(before.since.rfc3339)"))
    }

    /// The keeper failed at something and will try again; nil: it did all it had to.
    func noteKeeper(_ error: (any Error)?, path: String) {
        let problem = error.map { LogError(wrapping: $0, operation: "maintain", path: path).description }
        let before = state.withLock { state in
            defer { state.keeperProblem = problem }
            return state.keeperProblem
        }
        guard problem != before else { return }
        notice(
            problem.map { LogNotice(.warning, "the log is written, but not maintained: can't \($0)") }
                ?? LogNotice(.notice, "the log is maintained again"))
    }

    /// Something that stops no append is not as it should be.
    func note(_ problem: String) {
        let isNews = state.withLock { state in
            defer { state.otherProblem = problem }
            return state.otherProblem != problem
        }
        if isNews { notice(LogNotice(.warning, problem)) }
    }

    func noteDisk(path: String) {
        guard let free = Self.diskFree(path) else { return }
        let isNews = state.withLock { state in
            let isShort = free < (state.isShortOfDisk ? 2 * Self.scarceBytes : Self.scarceBytes)
            defer { state.isShortOfDisk = isShort }
            return isShort && !state.isShortOfDisk
        }
        if isNews {
            notice(LogNotice(.warning, "only \(free >> 20) MiB are free on the disk of \(path): make room before appends are refused"))
        }
    }

    func health(path: String) -> LogHealth {
        let (failure, maintenance) = state.withLock { ($0.failure, $0.keeperProblem ?? $0.otherProblem) }
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
