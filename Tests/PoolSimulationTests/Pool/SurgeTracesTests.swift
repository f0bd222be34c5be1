import Testing
@testable import Autoscaling
@testable import Simulation

// How does the surge buffer do where nobody chose its numbers? On each kind of trace, from two seeds.

@Suite struct SurgeTracesTests {
    private static let surge = Policy.simulated {
        $0.maxReplicaCount = 1_000
        $0.buffer = .surge(quantilePPM: 970_000, windowSeconds: 900, min: 1)
    }

    @Test(
        "kills nobody, waits less than half as long as under KEDA and HPA, and turns at most once in a start",
        arguments: SyntheticTrace.allCases, [1, 2])
    func againstKEDA(kind: SyntheticTrace, seed: UInt64) {
        let trace = kind.trace(seed: seed)
        let surge = Simulation.run(trace, .policy(Self.surge, name: "surge"), .exact)
        let keda = Simulation.run(trace, .kedaHPA(nil), .exact)
        #expect(surge.killed == 0)
        #expect(surge.waits.meanSeconds < keda.waits.meanSeconds / 2)
        #expect(surge.waits.seconds(quantile: 0.99) < keda.waits.seconds(quantile: 0.99) / 2)
        #expect(Double(surge.flaps) < SyntheticTrace.seconds / 10)
    }

    @Test("where demand only wavers, the count hardly moves and p99 stays within a quarter of a start, at no more cost than KEDA and HPA")
    func steady() {
        for seed: UInt64 in [1, 2] {
            let trace = SyntheticTrace.steady.trace(seed: seed)
            let surge = Simulation.run(trace, .policy(Self.surge, name: "surge"), .exact)
            let keda = Simulation.run(trace, .kedaHPA(nil), .exact)
            #expect(surge.flaps < 60)
            #expect(surge.waits.seconds(quantile: 0.99) < 2.5)
            #expect(surge.costRatio < keda.costRatio)
        }
    }
}
