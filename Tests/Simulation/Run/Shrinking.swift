import Domain

// Which steps does a failure need?
//
// Steps are left out, many at a time and then fewer, as long as the same oracle still fails: what is left is a run that a person
// can read. Each try runs from the beginning, so it is bounded by a number of tries.

package struct Failure: Sendable, CustomStringConvertible {
    package var seed: UInt64
    package var outcome: Outcome
    package var shortest: FaultSchedule

    package var command: String {
        "make simulate SEED=\(seed) ONLY=\(shortest.steps.map { String($0.index) }.joined(separator: ","))"
    }

    package var description: String {
        """
        seed \(seed) fails: \(outcome.violations.map(\.description).joined(separator: "\n    "))
        the shortest run that fails so has \(shortest.steps.count) steps:
        \(shortest.steps.map { "    \($0)" }.joined(separator: "\n"))
        again: \(command)
        """
    }
}

package enum Simulate {
    private static let tries = 160

    /// Runs a seed; nil where all oracles agree.
    /// - Parameter first: that many of its steps alone.
    package static func seed(_ seed: UInt64, first: Int? = nil, shrinks: Bool = true) throws -> Failure? {
        try run(first.map { FaultSchedule(seed: seed).first($0) } ?? FaultSchedule(seed: seed), shrinks: shrinks)
    }

    package static func run(_ schedule: FaultSchedule, shrinks: Bool = true) throws -> Failure? {
        let outcome = try Simulation(schedule).run()
        guard let oracle = outcome.violations.first?.oracle else { return nil }
        guard shrinks else { return Failure(seed: schedule.seed, outcome: outcome, shortest: schedule) }
        return try shrink(schedule, outcome, oracle)
    }

    private static func shrink(_ schedule: FaultSchedule, _ outcome: Outcome, _ oracle: String) throws -> Failure {
        var best = (schedule: schedule, outcome: outcome)
        var left = tries
        var size = max(1, schedule.steps.count / 2)
        while left > 0 {
            var isShorter = false
            var start = 0
            while start < best.schedule.steps.count, left > 0 {
                var steps = best.schedule.steps
                steps.removeSubrange(start..<min(start + size, steps.count))
                let candidate = FaultSchedule(schedule, steps: steps)
                left -= 1
                let found = try Simulation(candidate).run()
                if found.violations.first?.oracle == oracle {
                    best = (candidate, found)
                    isShorter = true
                } else {
                    start += size
                }
            }
            if size == 1, !isShorter { break }
            size = max(1, size / 2)
        }
        return Failure(seed: schedule.seed, outcome: best.outcome, shortest: best.schedule)
    }
}
