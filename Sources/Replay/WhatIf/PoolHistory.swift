public import Autoscaling
import Domain

// What really happened to one pool in a stretch of the log?
//
// Its turns, what its workers cost, and how long they took to start: measured as a simulation measures, so that both stand
// in one table. A turn is one stay of an actor on a worker, from its request to its suspension, pause, crash or deletion;
// between turns an idle actor keeps its slot, and so does its turn. At the edges of the stretch turns are cut: one that was
// under way when it began counts from there, one still under way at its end counts until there.

public struct RecordedTurn: Hashable, Sendable {
    public enum Ending: Hashable, Sendable {
        case finished
        /// Its worker was lost, or it crashed.
        case crashed
        /// Its worker was draining when it went.
        case killed
        /// It ran still when the stretch ended.
        case cutRunning
        /// It had not begun to run when the stretch ended.
        case cutWaiting
    }

    /// After the beginning of the stretch.
    public var arrivalMicroseconds: Int64
    /// From its arrival to a worker's slot.
    public var waitedMicroseconds: Int64
    /// From the slot to running.
    public var resumeMicroseconds: Int64
    /// Running.
    public var serviceMicroseconds: Int64
    public var ending: Ending
}

/// A policy that took effect, or was taken away.
public struct PolicyChange: Hashable, Sendable {
    /// After the beginning of the stretch.
    public var atMicroseconds: Int64
    public var policy: Policy?

    public init(atMicroseconds: Int64, policy: Policy?) {
        self.atMicroseconds = atMicroseconds
        self.policy = policy
    }
}

public struct PoolHistory: Sendable {
    /// `NAMESPACE/NAME`.
    public var pool: String
    public var stretch: LogStretch
    /// In the order of their arrival.
    public internal(set) var turns: [RecordedTurn] = []
    /// Requests that were withdrawn before they ran: they are no turns.
    public internal(set) var withdrawn = 0
    /// From decision to ready, the last of them.
    public internal(set) var startsMicroseconds: [Int64] = []
    /// The policy in force at the beginning, and each that came after it.
    public internal(set) var policies: [PolicyChange] = []
    /// Workers that were ready when the stretch began.
    public internal(set) var initialReady = 0
    /// As it was: waits, cost, kills and counts.
    public internal(set) var result: SimulationResult

    /// How its counts moved, and the decisions that moved them.
    public internal(set) var timeline = PoolTimeline()

    /// Turns that lost their worker otherwise than by a scale-down, or crashed.
    public var crashed: Int { turns.count { $0.ending == .crashed } }
    public var cut: Int { turns.count { $0.ending == .cutRunning || $0.ending == .cutWaiting } }

    /// The last policy in force; nil where the pool had none.
    public var lastPolicy: Policy? { policies.last { $0.policy != nil }?.policy }
}

extension PoolHistory {
    /// As a report draws it.
    public var drawn: ReportRun {
        ReportRun(
            name: result.policy, note: "from the log; figures until its last turn ended", metrics: ReportMetrics(result), slotsPerWorker: lastPolicy?.slotsPerWorker ?? 1,
            endSeconds: stretch.seconds, timeline: timeline, waits: WaitDistribution(sortedMicroseconds: result.waits.sortedMicroseconds))
    }

    /// A worker's start where the log has measured none.
    public static let defaultStartMicroseconds: Int64 = 10_000_000

    /// Arrivals and lengths for a simulation. A turn that hadn't begun to run gets the median length of those that ran.
    public var trace: ArrivalTrace {
        let lengths = turns.filter { $0.ending != .cutWaiting }.map(\.serviceMicroseconds).sorted()
        let median = lengths.isEmpty ? 0 : lengths[lengths.count / 2]
        return ArrivalTrace(turns: turns.map { turn in
            Turn(
                arrivalMicroseconds: turn.arrivalMicroseconds,
                serviceMicroseconds: turn.ending == .cutWaiting ? median : turn.serviceMicroseconds, resumeMicroseconds: turn.resumeMicroseconds)
        })
    }

    /// The log's own conditions: its starts, its restores, its workers at the beginning.
    public func settings(seed: UInt64) -> SimulationSettings {
        let start: SimulationSettings.Start = startsMicroseconds.isEmpty
            ? .constant(microseconds: Self.defaultStartMicroseconds) : .measured(microseconds: startsMicroseconds)
        var settings = SimulationSettings(start: start, resumeMicroseconds: 0, seed: seed)
        settings.beginsAt = stretch.firstAt
        settings.initialReady = initialReady
        settings.slotsPerWorker = lastPolicy?.slotsPerWorker ?? 1
        return settings
    }

    /// The recorded policies, each from its moment on; nil where the pool had none.
    public var recordedPolicy: SimulatedPolicy? {
        lastPolicy == nil ? nil : .recorded(policies, name: "recorded policy, simulated")
    }
}
