import Dispatch
import Domain
import FaultSimulation
import Foundation
import Synchronization
import Testing

// Does the service hold under whatever seeds think of?

@Suite struct SeedTests {
    /// Half of them of this build alone: what is found elsewhere becomes a scenario.
    private static let seeds: UInt64 = 200

    @Test("every oracle agrees, for each of 200 seeds", .timeLimit(.minutes(5)))
    func seeds() {
        let failures = Mutex<[Failure]>([])
        DispatchQueue.concurrentPerform(iterations: Int(Self.seeds)) { k in
            // After the first few there is enough to look at.
            guard failures.withLock({ $0.count }) < 3 else { return }
            do {
                if let failure = try Simulate.seed(UInt64(k) + 1) { failures.withLock { $0.append(failure) } }
            } catch { Issue.record("seed \(k + 1): \(error)") }
        }
        for failure in failures.withLock({ $0 }) { Issue.record("\(failure)") }
    }

    @Test("the same seed is the same run, to the byte", arguments: [3, 14, 159] as [UInt64])
    func same(seed: UInt64) throws {
        let (first, second) = (try Simulation(Schedule(seed: seed)).run(), try Simulation(Schedule(seed: seed)).run())
        #expect(first.events > 20)
        #expect(first.events == second.events && first.fingerprint == second.fingerprint)
    }
}
