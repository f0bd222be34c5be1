import Dispatch
import Domain
import FaultSimulation
import Foundation
import Synchronization
import Testing

// Does the service hold under whatever seeds think of?

@Suite struct SeedTests {
    /// `SIMULATION_SEEDS` says how many.
    private static let seeds = ProcessInfo.processInfo.environment["SIMULATION_SEEDS"].flatMap { Int($0) } ?? 200

    /// The first steps of each, so that all of them take a minute; `make simulate` runs them to the end.
    private static let steps = 40

    @Test("every oracle agrees, for each seed", .timeLimit(.minutes(10)))
    func seeds() {
        let failures = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: Self.seeds) { k in
            // After the first few there is enough to look at.
            guard failures.load(ordering: .relaxed) < 3 else { return }
            do {
                guard let failure = try Simulate.seed(UInt64(k) + 1, first: Self.steps) else { return }
                failures.wrappingAdd(1, ordering: .relaxed)
                Issue.record("\(failure)")
            } catch { Issue.record("seed \(k + 1): \(error)") }
        }
    }

    /// Seeds beyond the first ones that once found a fault which no scenario had, with the steps that they had then.
    @Test("seeds that once failed", arguments: [3_719, 4_325, 6_590, 6_842, 7_357, 7_550, 8_700] as [UInt64])
    func found(seed: UInt64) throws {
        if let failure = try Simulate.run(FaultSchedule(earlier: seed), shrinks: false) { Issue.record("\(failure)") }
    }

    @Test("the same seed is the same run, to the byte", arguments: [3, 14, 159] as [UInt64])
    func same(seed: UInt64) throws {
        let (first, second) = (try Simulation(FaultSchedule(seed: seed)).run(), try Simulation(FaultSchedule(seed: seed)).run())
        #expect(first.events > 20)
        #expect(first.events == second.events && first.fingerprint == second.fingerprint)
    }
}
