import Autoscaling
import Domain
import Replay
import State

// What is written down of a pool while its history goes by?

struct PoolRecorder {
    /// Worker starts kept, at most: the newest.
    private static let mostStarts = 65_536

    private(set) var turns: [RecordedTurn] = []
    private(set) var starts: [Int64] = []
    private var nextStart = 0
    var withdrawn = 0
    var forced = 0
    /// Arrivals of claims that were deleted while they waited.
    var left: [Int64] = []
    private var policies: [PolicyChange] = []
    private var timeline = PoolTimeline()
    private let initial: PoolLevels
    private var meter = SimulationMeter()
    private var readyMeter = SimulationMeter()
    private var commits = 0
    /// What was measured when the last turn ended: there a simulation ends as well.
    private var measured: (workerMicroseconds: Int64, readyMicroseconds: Int64, flaps: Int, replicas: Int)?

    init(_ levels: PoolLevels) {
        initial = levels
        meter.begin(at: 0)
        readyMeter.begin(at: 0)
        note(levels, at: 0)
        commits = 0
    }

    mutating func note(_ levels: PoolLevels, at now: Int64) {
        meter.note(present: levels.present, desired: levels.desired, at: now)
        readyMeter.note(present: levels.ready, desired: levels.desired, at: now)
        commits += 1
        timeline.note(atSeconds: Double(now) / 1e6, demand: levels.demand, desired: levels.desired, ready: levels.ready, busy: levels.busy)
    }

    mutating func note(_ decision: ReportDecision) { timeline.note(decision) }

    /// A policy that takes effect, or is taken away.
    mutating func note(_ policy: Policy?, at now: Int64) {
        // What changes beside the pool's own policy is not its change.
        if let last = policies.last, last.policy == policy { return }
        policies.append(PolicyChange(atMicroseconds: now, policy: policy))
    }

    mutating func note(start microseconds: Int64) {
        if starts.count < Self.mostStarts {
            starts.append(microseconds)
        } else {
            starts[nextStart] = microseconds
            nextStart = (nextStart + 1) % Self.mostStarts
        }
    }

    mutating func note(_ turn: RecordedTurn, endedAt now: Int64) {
        turns.append(turn)
        meter.advance(to: now)
        readyMeter.advance(to: now)
        measured = (meter.workerMicroseconds, readyMeter.workerMicroseconds, meter.flaps, meter.replicas.count)
    }

    func history(of pool: String, in stretch: LogStretch) -> PoolHistory {
        let (workerMicroseconds, readyMicroseconds, flaps, replicas) =
            measured ?? (meter.workerMicroseconds, readyMeter.workerMicroseconds, meter.flaps, meter.replicas.count)
        var result = SimulationResult(
            policy: "as it was", turns: turns.count, waits: .init(microseconds: turns.map(\.waitedMicroseconds)),
            workerMicroseconds: workerMicroseconds, usefulMicroseconds: turns.reduce(0) { $0 + $1.serviceMicroseconds },
            killed: turns.count { $0.ending == .killed }, flaps: flaps, starts: starts.count,
            replicas: Array(meter.replicas.prefix(replicas)), commits: commits)
        if policies.last(where: { $0.policy != nil })?.policy?.isUnclaimed ?? false {
            result.claims = SimulatedClaims(cold: turns.count { $0.launch == .cold }, readyMicroseconds: readyMicroseconds)
        }
        var history = PoolHistory(pool: pool, stretch: stretch, result: result)
        history.turns = turns.sorted { $0.arrivalMicroseconds < $1.arrivalMicroseconds }
        history.withdrawn = withdrawn
        history.forced = forced
        history.leftMicroseconds = left
        history.startsMicroseconds = starts
        history.policies = policies
        history.timeline = timeline
        history.initialReady = initial.ready
        return history
    }
}
