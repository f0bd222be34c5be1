import Autoscaling
import Domain
import EventLog

// Does the target follow?
//
// One `PoolActuation` a pool: it holds what is wanted last (workers to take back, a count, workers to drain and to remove), carries it out one call at a time,
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
    /// The target's replicas are somebody else's, and stay.
    case changedByOthers(found: Int, error: String)
}

/// What came of taking a drain back.
struct RecallAnswer: Hashable, Sendable {
    var worker: String
    var isKept: Bool
}

actor PoolActuation {
    typealias Report = @Sendable (ActuationOutcome) -> Void
    typealias Answer = @Sendable (RecallAnswer) -> Void
    typealias Pause = @Sendable (_ seconds: Double) async -> Void

    private let actuator: any Actuator
    private let fence: Fence
    private let limits: ActuationLimits
    private let report: Report
    private let answer: Answer
    private let pause: Pause

    private var pool: ActuatedPool
    private var wantedCount: Int?
    /// The commit that led to it.
    private var wantedSince = LogTime.zero
    /// The decision it comes from: wishes arrive by tasks of their own, so an older one may come after a newer one.
    private var wantedSeq: Position = 0
    private var recalls: [LoopCore.TakenBack] = []
    private var drains: [String] = []
    private var removals: [String] = []
    private var isRunning = false
    private var isStopped = false

    init(
        _ pool: ActuatedPool, actuator: any Actuator, fence: Fence, limits: ActuationLimits, pause: @escaping Pause, report: @escaping Report,
        answer: @escaping Answer
    ) {
        self.pool = pool
        self.actuator = actuator
        self.fence = fence
        self.limits = limits
        self.pause = pause
        self.report = report
        self.answer = answer
    }

    func want(_ count: Int, of pool: ActuatedPool, seq: Position, since: LogTime, takingBack: [LoopCore.TakenBack] = []) {
        for worker in takingBack { keep(worker) }
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

    /// To be called after `drain` of the same worker; it goes before everything else. Each is answered once.
    func keep(_ worker: LoopCore.TakenBack) {
        guard recalls.count < limits.pendingDrains else { return answer(RecallAnswer(worker: worker.worker, isKept: false)) }
        recalls.append(worker)
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
        while !isStopped, !recalls.isEmpty || wantedCount != nil || !drains.isEmpty || !removals.isEmpty {
            do throws(ActuationFault) {
                try await carryOutNext()
                attempt = 0
            } catch {
                if case .changedByOthers(let found) = error {
                    wantedCount = nil
                    report(.changedByOthers(found: found, error: error.sentence))
                    continue
                }
                attempt += 1
                report(.failed(error: error.sentence, attempt: attempt))
                await pause(backoffSeconds(attempt))
            }
        }
        isRunning = false
    }

    /// Workers that may stay before the count: each saves a start. The count before the rest: it is what starts workers. A wish
    /// that was replaced during the call is kept for the next round.
    private func carryOutNext() async throws(ActuationFault) {
        if let worker = recalls.first {
            recalls.removeFirst()
            try await takeBack(worker)
        } else if let count = wantedCount {
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

    /// One try: where it fails the worker goes on draining. What of it wasn't carried out yet never will be.
    private func takeBack(_ worker: LoopCore.TakenBack) async throws(ActuationFault) {
        let name = worker.worker
        // Where the target was told to remove it, and did as it was told, it is on its way.
        guard !worker.isRemovalSent || removals.contains(name) else { return answer(RecallAnswer(worker: name, isKept: false)) }
        do throws(ActuationFault) {
            let isKept = try await actuator.cancelDrain(name, of: pool, fence: fence)
            if isKept {
                drains.removeAll { $0 == name }
                removals.removeAll { $0 == name }
            }
            answer(RecallAnswer(worker: name, isKept: isKept))
        } catch {
            answer(RecallAnswer(worker: name, isKept: false))
            throw error
        }
    }

    /// A refusal stands: the worker got an actor in the meantime, and the loop asks again when that has left.
    private func remove(first worker: String) async throws(ActuationFault) {
        do throws(ActuationFault) {
            try await actuator.remove(worker, of: pool, fence: fence)
            removals.removeFirst()
        } catch {
            switch error {
            case .refused, .changedByOthers: removals.removeFirst()
            case .unreachable, .fenced: break
            }
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
        case .changedByOthers(let found): "somebody else set replicas to \(found), and the policy is to yield"
        case .fenced(let current): "a newer writer (fence \(current.number)) acts on this target"
        }
    }
}
