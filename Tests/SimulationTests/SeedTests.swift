import Dispatch
import Domain
import FaultSimulation
import Foundation
import Synchronization
import Testing

// Does the service hold under whatever seeds think of?

@Suite struct SeedTests {
    /// `SIMULATION_SEEDS` says how many.
    private static let seeds = ProcessInfo.processInfo.environment["SIMULATION_SEEDS"].flatMap { Int($0) } ?? 40

    @Test("every oracle agrees, for each seed", .timeLimit(.minutes(5)))
    func seeds() {
        let failures = Mutex<[Failure]>([])
        DispatchQueue.concurrentPerform(iterations: Self.seeds) { k in
            // After the first few there is enough to look at.
            guard failures.withLock({ $0.count { $0.outcome.violations.first?.oracle != FoldOracle.name } }) < 3 else { return }
            do {
                if let failure = try Simulate.seed(UInt64(k) + 1) { failures.withLock { $0.append(failure) } }
            } catch { Issue.record("seed \(k + 1): \(error)") }
        }
        for failure in failures.withLock({ $0 }) {
            guard failure.outcome.violations.first?.oracle == FoldOracle.name else {
                Issue.record("\(failure)")
                continue
            }
            // Open: in some runs a state that went on from a checkpoint differs in one number from the one folded from nothing.
            withKnownIssue { Issue.record("\(failure)") }
        }
    }

    @Test("the same seed is the same run, to the byte", arguments: [3, 14, 159] as [UInt64])
    func same(seed: UInt64) throws {
        let (first, second) = (try Simulation(Schedule(seed: seed)).run(), try Simulation(Schedule(seed: seed)).run())
        #expect(first.events > 20)
        #expect(first.events == second.events && first.fingerprint == second.fingerprint)
    }
}
