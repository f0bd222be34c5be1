import Autoscaling
import Domain
import EventLog

// Does the target follow?
//
// One `PoolActuation` a pool: it holds what is wanted last (a count, workers to drain and to remove), carries it out one call at a time,
// and retries with backoff until the target answers or something newer is wanted. What came of it goes to the log:
// `scale.applied` once, `scale.failed` for each attempt. Wishes overtaken while a call is under way are never sent.

public struct ActuationLimits: Sendable {
    public var firstBackoffSeconds = 0.1
    public var longestBackoffSeconds = 30.0
    /// Drains, and removals, waiting to be passed on, at most; the oldest win.
    public var pendingDrains = 10_000
    public init() {}
}

/// What an actuation tells the log.
enum ActuationOutcome: Sendable {
    case applied(to: Int, since: LogTime)
    case failed(error: String, attempt: Int)
}

actor PoolActuation {
    typealias Report = @Sendable (ActuationOutcome) -> Void
    typealias Pause = @Sendable (_ seconds: Double) async -> Void

    private let actuator: any Actuator
    private let fence: Fence
    private let limits: ActuationLimits
    private let report: Report
    private let pause: Pause

    private var pool: ActuatedPool
    private var wantedCount: Int?
    /// The commit that led to it.
    private var wantedSince = LogTime.zero
    /// The decision it comes from: wishes arrive by tasks of their own, so an older one may come after a newer one.
    private var wantedSeq: Position = 0
    private var drains: [String] = []
    private var removals: [String] = []
    private var isRunning = false
    private var isStopped = false

    init(_ pool: ActuatedPool, actuator: any Actuator, fence: Fence, limits: ActuationLimits, pause: @escaping Pause, report: @escaping Report) {
        self.pool = pool
        self.actuator = actuator
        self.fence = fence
        self.limits = limits
        self.pause = pause
        self.report = report
    }

    func want(_ count: Int, of pool: ActuatedPool, seq: Position, since: LogTime) {
        guard seq >= wantedSeq else { return }
        self.pool = pool
        wantedSeq = seq
        wantedCount = count
        wantedSince = since
        start()
    }

    func drain(_ worker: String) {
        guard drains.count < limits.pendingDrains, !drains.contains(worker) else { return }
        drains.append(worker)
        start()
    }

    /// To be called after `drain` of the same worker, once it is empty.
    func remove(_ worker: String) {
        guard removals.count < limits.pendingDrains, !removals.contains(worker) else { return }
        removals.append(worker)
        start()
    }

    func stop() { isStopped = true }

    private func start() {
        guard !isRunning, !isStopped else { return }
        isRunning = true
        Task { await run() }
    }

    private func run() async {
        var attempt = 0
        while !isStopped, wantedCount != nil || !drains.isEmpty || !removals.isEmpty {
            do throws(ActuationFault) {
                try await carryOutNext()
                attempt = 0
            } catch {
                attempt += 1
                report(.failed(error: error.sentence, attempt: attempt))
                await pause(backoffSeconds(attempt))
            }
        }
        isRunning = false
    }

    /// The count first: it is what starts workers. A wish that was replaced during the call is kept for the next round.
    private func carryOutNext() async throws(ActuationFault) {
        if let count = wantedCount {
            let since = wantedSince
            try await actuator.resize(pool, to: count, fence: fence)
            if wantedCount == count { wantedCount = nil }
            report(.applied(to: count, since: since))
        } else if let worker = drains.first {
            try await actuator.drain(worker, of: pool, fence: fence)
            drains.removeFirst()
        } else if let worker = removals.first {
            try await remove(first: worker)
        }
    }

    /// A refusal stands: the worker got an actor in the meantime, and the loop asks again when that has left.
    private func remove(first worker: String) async throws(ActuationFault) {
        do throws(ActuationFault) {
            try await actuator.remove(worker, of: pool, fence: fence)
            removals.removeFirst()
        } catch {
            if case .refused = error { removals.removeFirst() }
            throw error
        }
    }

    /// 0.1, 0.2, 0.4 … at most 30 s.
    private func backoffSeconds(_ attempt: Int) -> Double {
        var seconds = limits.firstBackoffSeconds
        for _ in 1..<min(max(attempt, 1), 32) { seconds = min(seconds * 2, limits.longestBackoffSeconds) }
        return seconds
    }
}

extension ActuationFault {
    var sentence: String {
        switch self {
        case .unreachable(let why): "can't be reached: \(why)"
        case .refused(let why): "refused: \(why)"
        case .fenced(let current): "a newer writer (fence \(current.number)) acts on this target"
        }
    }
}
