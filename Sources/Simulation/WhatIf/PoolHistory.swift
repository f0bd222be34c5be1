package import Autoscaling
package import Domain
package import Replay

// What really happened to one pool in a stretch of the log?
//
// Its turns, what its workers cost, and how long they took to start: measured as a simulation measures, so that both stand
// in one table. A turn is one stay of an actor on a worker, from its request to its suspension, pause, crash or deletion;
// between turns an idle actor keeps its slot, and so does its turn. At the edges of the stretch turns are cut: one that was
// under way when it began counts from there, one still under way at its end counts until there.
//
// Of a pool of unclaimed workers a turn is a claim that the pool could serve, and its cost that of workers that nobody has.

package struct RecordedTurn: Hashable, Sendable {
    package enum Ending: Hashable, Sendable {
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
    package var arrivalMicroseconds: Int64
    /// From its arrival to a worker's slot.
    package var waitedMicroseconds: Int64
    /// From the slot to running.
    package var resumeMicroseconds: Int64
    /// Running.
    package var serviceMicroseconds: Int64
    package var ending: Ending
    /// Of a claim: how it came to its worker, or will; nil of any other, and of one that waits.
    package var launch: ClaimLaunch?
}

/// A policy that took effect, or was taken away.
package struct PolicyChange: Hashable, Sendable {
    /// After the beginning of the stretch.
    package var atMicroseconds: Int64
    package var policy: Policy?

    package init(atMicroseconds: Int64, policy: Policy?) {
        self.atMicroseconds = atMicroseconds
        self.policy = policy
    }
}

package struct PoolHistory: Sendable {
    /// `NAMESPACE/NAME`.
    package var pool: String
    package var stretch: LogStretch
    /// In the order of their arrival.
    package internal(set) var turns: [RecordedTurn] = []
    /// Requests that were withdrawn before they ran: they are no turns.
    package internal(set) var withdrawn = 0
    /// Claims that the pool couldn't serve: they are no turns either.
    package internal(set) var forced = 0
    /// When claims came that were deleted while they waited: they are no turns, and asked for a worker all the same.
    package internal(set) var leftMicroseconds: [Int64] = []
    /// From decision to ready, the last of them.
    package internal(set) var startsMicroseconds: [Int64] = []
    /// The policy in force at the beginning, and each that came after it.
    package internal(set) var policies: [PolicyChange] = []
    /// Workers that were ready when the stretch began.
    package internal(set) var initialReady = 0
    /// As it was: waits, cost, kills and counts.
    package internal(set) var result: SimulationResult

    /// How its counts moved, and the decisions that moved them.
    package internal(set) var timeline = PoolTimeline()

    /// Turns that lost their worker otherwise than by a scale-down, or crashed.
    package var crashed: Int { turns.count { $0.ending == .crashed } }
    package var cut: Int { turns.count { $0.ending == .cutRunning || $0.ending == .cutWaiting } }

    /// The last policy in force; nil where the pool had none.
    package var lastPolicy: Policy? { policies.last { $0.policy != nil }?.policy }
}

extension PoolHistory {
    /// As a report draws it.
    package var drawn: ReportRun {
        ReportRun(
            name: result.policy, note: "from the log; figures until its last turn ended", metrics: ReportMetrics(result),
            slotsPerWorker: lastPolicy?.slotsPerWorker ?? 1,
            endSeconds: stretch.seconds, timeline: timeline, waits: WaitDistribution(sortedMicroseconds: result.waits.sortedMicroseconds))
    }

    /// A worker's start where the log has measured none.
    package static let defaultStartMicroseconds: Int64 = 10_000_000

    /// Arrivals and lengths for a simulation. A turn that hadn't begun to run gets the median length of those that ran.
    package var trace: ArrivalTrace {
        let lengths = turns.filter { $0.ending != .cutWaiting }.map(\.serviceMicroseconds).sorted()
        let median = lengths.isEmpty ? 0 : lengths[lengths.count / 2]
        let left = leftMicroseconds.map { Turn(arrivalMicroseconds: $0, serviceMicroseconds: 0) }
        let told = turns.map { turn in
            Turn(
                arrivalMicroseconds: turn.arrivalMicroseconds,
                serviceMicroseconds: turn.ending == .cutWaiting ? median : turn.serviceMicroseconds,
                resumeMicroseconds: turn.resumeMicroseconds)
        }
        return ArrivalTrace(turns: (told + left).sorted { $0.arrivalMicroseconds < $1.arrivalMicroseconds })
    }

    /// Whether its workers leave when they are taken, by its last policy.
    package var isUnclaimed: Bool { lastPolicy?.isUnclaimed ?? false }

    /// The log's own conditions: its starts, its restores, its workers at the beginning.
    package func settings(seed: UInt64) -> SimulationSettings {
        let start: SimulationSettings.Start =
            startsMicroseconds.isEmpty
            ? .constant(microseconds: Self.defaultStartMicroseconds) : .measured(microseconds: startsMicroseconds)
        var settings = SimulationSettings(start: start, resumeMicroseconds: 0, seed: seed)
        settings.beginsAt = stretch.firstAt
        settings.initialReady = initialReady
        settings.slotsPerWorker = lastPolicy?.slotsPerWorker ?? 1
        if isUnclaimed { settings.poolKind = .unclaimed }
        return settings
    }

    /// The recorded policies, each from its moment on; nil where the pool had none.
    package var recordedPolicy: SimulatedPolicy? {
        lastPolicy == nil ? nil : .recorded(policies, name: "recorded policy, simulated")
    }
}
