package import Autoscaling
import Domain

// Which policy meets a wait objective at least cost?
//
// Candidates are simulated on the trace, several at a time, each in one run that is told in two parts. The first three
// quarters choose; the last quarter is the check: a policy is judged there on turns that had no say in its choice, with what
// it has learned by then. The answer depends on the trace, the base and the objective, not on the number of cores.

package struct Tuner: Sendable {
    /// Share of the trace's time that chooses.
    package static let trainingShare = 0.75
    /// Rounds of looking at the best candidate's neighbours.
    static let refinements = 2

    package var base: Policy
    package var objective: TuningObjective
    /// Candidates that cost more, as a multiple of the useful time, are not chosen.
    package var mostCost: Double?
    package var settings: SimulationSettings
    /// Simulations at the same time.
    package var parallelism: Int

    package init(
        base: Policy, objective: TuningObjective, mostCost: Double? = nil, settings: SimulationSettings = SimulationSettings(),
        parallelism: Int
    ) {
        self.base = base
        self.objective = objective
        self.mostCost = mostCost
        self.settings = settings
        self.parallelism = max(1, parallelism)
    }

    /// Simulates and chooses. `progress` is told how many candidates of how many known are done.
    package func tune(_ trace: ArrivalTrace, progress: (Int, Int) -> Void = { _, _ in }) async throws -> TuningReport {
        let span = Int(trace.spanMicroseconds / 1_000_000)
        let peak = WarmBuffer.workers(
            forPeakOf: trace, slotsPerWorker: base.slotsPerWorker, resumeMicroseconds: settings.resumeMicroseconds,
            // What is taken is back after a start, however long the claim keeps it.
            holdMicroseconds: settings.poolKind == .unclaimed ? settings.longestStartMicroseconds : nil)
        var trials = try await simulate(TuningGrid.coarse(base: base, peak: peak, spanSeconds: span), on: trace, known: [], progress)
        for _ in 0..<Self.refinements {
            guard let best = choice(trials) else { break }
            trials = try await simulate(TuningGrid.around(best.candidate), on: trace, known: trials, progress)
        }
        return TuningReport(objective: objective, mostCost: mostCost, trials: trials.count, front: front(trials), chosen: choice(trials))
    }

    // MARK: - Simulating

    /// `known` with the results of those candidates that are not in it yet.
    private func simulate(
        _ candidates: [TuningCandidate], on trace: ArrivalTrace, known: [TuningTrial], _ progress: (Int, Int) -> Void
    ) async throws -> [TuningTrial] {
        var seen = Set(known.map(\.candidate))
        let room = TuningGrid.mostCandidates - known.count
        let fresh = Array(candidates.filter { seen.insert($0).inserted && $0.policy(from: base).violations.isEmpty }.prefix(room))
        var trials: [(index: Int, trial: TuningTrial)] = []
        try await withThrowingTaskGroup(of: (Int, TuningTrial).self) { group in
            for index in fresh.indices {
                if index >= parallelism, let done = try await group.next() {
                    trials.append(done)
                    progress(known.count + trials.count, known.count + fresh.count)
                }
                try Task.checkCancellation()
                group.addTask { (index, trial(fresh[index], on: trace)) }
            }
            for try await done in group { trials.append(done) }
        }
        progress(known.count + trials.count, known.count + fresh.count)
        return known + trials.sorted { $0.index < $1.index }.map(\.trial)
    }

    private func trial(_ candidate: TuningCandidate, on trace: ArrivalTrace) -> TuningTrial {
        let first = trace.turns.first?.arrivalMicroseconds ?? 0
        let border = first + Int64(Double(trace.spanMicroseconds) * Self.trainingShare)
        let policy = candidate.policy(from: base)
        let parts = Simulation.run(trace, policy, settings, border: border)
        return TuningTrial(
            candidate: candidate, policy: policy, training: TuningFigures(parts.before, objective),
            heldOut: TuningFigures(parts.after, objective), unserved: parts.before.unserved + parts.after.unserved)
    }

    // MARK: - Choosing

    /// The cheapest that meets the objective; where none does, the one that comes nearest. Nil where all cost too much.
    private func choice(_ trials: [TuningTrial]) -> TuningTrial? {
        let affordable = trials.filter { $0.unserved == 0 && $0.training.costRatio <= mostCost ?? .infinity }
        let meeting = affordable.filter { $0.training.objectiveSeconds <= objective.seconds }
        if let cheapest = meeting.min(by: { ($0.training.costRatio, $0.training.flaps) < ($1.training.costRatio, $1.training.flaps) }) {
            return cheapest
        }
        return affordable.min {
            ($0.training.objectiveSeconds, $0.training.costRatio) < ($1.training.objectiveSeconds, $1.training.costRatio)
        }
    }

    /// Those that no other beats in both wait and cost, the cheapest first.
    private func front(_ trials: [TuningTrial]) -> [TuningTrial] {
        var front: [TuningTrial] = []
        for trial in trials.filter({ $0.unserved == 0 }).sorted(by: {
            ($0.training.costRatio, $0.training.objectiveSeconds) < ($1.training.costRatio, $1.training.objectiveSeconds)
        }) {
            guard let last = front.last else {
                front.append(trial)
                continue
            }
            if trial.training.objectiveSeconds < last.training.objectiveSeconds { front.append(trial) }
        }
        return front
    }
}

extension WarmBuffer {
    /// Workers that a trace needs at most when nobody ever waits.
    static func workers(
        forPeakOf trace: ArrivalTrace, slotsPerWorker: Int, resumeMicroseconds: Int64, holdMicroseconds: Int64? = nil
    ) -> Int {
        var ends = MinHeap<Ending>()
        var peak = 0
        for (index, turn) in trace.turns.enumerated() {
            while let first = ends.min, first.at <= turn.arrivalMicroseconds { ends.removeMin() }
            let hold = holdMicroseconds ?? turn.serviceMicroseconds + (turn.resumeMicroseconds ?? resumeMicroseconds)
            ends.insert(Ending(at: turn.arrivalMicroseconds + hold, turn: index))
            peak = Swift.max(peak, ends.count)
        }
        let slots = Swift.max(1, slotsPerWorker)
        return (peak + slots - 1) / slots
    }

    private struct Ending: Comparable, Sendable {
        var at: Int64
        var turn: Int
        static func < (a: Ending, b: Ending) -> Bool { (a.at, a.turn) < (b.at, b.turn) }
    }
}
