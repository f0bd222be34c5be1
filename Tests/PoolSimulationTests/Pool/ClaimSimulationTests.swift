import Autoscaling
import Domain
import Testing
@testable import Simulation

// A pool of unclaimed workers on traces: who is served warm, how long the others wait, and what the spare costs.

@Suite struct ClaimSimulationTests {
    private static func settings(startSeconds: Double) -> SimulationSettings {
        var settings = SimulationSettings(start: .constant(microseconds: Int64(startSeconds * 1e6)), resumeMicroseconds: 0)
        settings.poolKind = .unclaimed
        return settings
    }

    private static func trace(_ arrivals: Double...) -> ArrivalTrace {
        ArrivalTrace(turns: arrivals.map { Turn(atSeconds: $0, serviceSeconds: 100) })
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var count: Int
        var startSeconds: Double
        var arrivals: [Double]
        /// Of each claim until its worker is ready, rising.
        var waits: [Double]
        var cold: Int
    }

    static let cases = [
        Case(testDescription: "as many as are there", count: 2, startSeconds: 5, arrivals: [0, 0.1], waits: [0, 0], cold: 0),
        Case(
            testDescription: "one that comes while replacements start waits for two seconds, and then for its own", count: 2,
            startSeconds: 5, arrivals: [0, 0, 0.5], waits: [0, 0, 6.5], cold: 1),
        Case(
            testDescription: "counted from the second of its creation", count: 1, startSeconds: 5, arrivals: [0, 1.9],
            waits: [0, 6.1], cold: 1),
        Case(
            testDescription: "where one gets ready in that time, it is warm", count: 1, startSeconds: 1, arrivals: [0, 0.5],
            waits: [0, 0.5], cold: 0),
        Case(
            testDescription: "replacements serve those who come after", count: 1, startSeconds: 5, arrivals: [0, 5.5, 11],
            waits: [0, 0, 0],
            cold: 0),
    ]

    @Test("a fixed count", arguments: cases)
    func fixed(_ row: Case) {
        let trace = ArrivalTrace(turns: row.arrivals.map { Turn(atSeconds: $0, serviceSeconds: 100) })
        let result = Simulation.run(trace, .fixed(row.count), Self.settings(startSeconds: row.startSeconds))
        #expect(result.waits.sortedMicroseconds == row.waits.map { Int64(($0 * 1e6).rounded()) })
        #expect(result.claims?.cold == row.cold)
    }

    @Test("what is claimed costs nothing, and its place is filled at once")
    func cost() {
        // One member from 0 to 10, taken then, and one in its place until the second claim is served.
        let result = Simulation.run(Self.trace(10, 30), .fixed(1), Self.settings(startSeconds: 4))
        #expect(result.workerSeconds == 30)
        #expect(result.claims.map { Double($0.readyMicroseconds) / 1e6 } == 26)
    }

    @Test("the same trace and settings give the same result, and a run in two parts comes to the whole")
    func parts() {
        let trace = SyntheticTrace.heavyBursts.trace(seed: 3)
        let policy = Policy.simulated { $0.buffer = .surge(quantilePPM: 970_000, windowSeconds: 600, min: 1) }
        let settings = Self.settings(startSeconds: 10)
        let whole = Simulation.run(trace, .policy(policy, name: policy.pool), settings)
        #expect(Simulation.run(trace, .policy(policy, name: policy.pool), settings) == whole)
        let parts = Simulation.run(trace, policy, settings, border: 750_000_000)
        #expect(parts.before.turns + parts.after.turns == whole.turns)
        #expect(parts.before.workerMicroseconds + parts.after.workerMicroseconds == whole.workerMicroseconds)
        #expect((parts.before.claims?.cold ?? 0) + (parts.after.claims?.cold ?? 0) == whole.claims?.cold)
    }

    @Test("an HPA on the claim rate keeps 20 s of claims, and KEDA takes it to zero")
    func peers() {
        let steady = ArrivalTrace(turns: (0..<600).map { Turn(atSeconds: Double($0), serviceSeconds: 5) })
        let settings = Self.settings(startSeconds: 10)
        let hpa = Simulation.run(steady, .hpaOnClaimRate(goesToZero: false), settings)
        #expect(hpa.replicas.last?.count == 20)
        let pause = ArrivalTrace(
            turns: (0..<60).map { Turn(atSeconds: Double($0), serviceSeconds: 5) } + [Turn(atSeconds: 2_000, serviceSeconds: 5)])
        #expect(Simulation.run(pause, .hpaOnClaimRate(goesToZero: true), settings).replicas.contains { $0.count == 0 })
        #expect(!Simulation.run(pause, .hpaOnClaimRate(goesToZero: false), settings).replicas.contains { $0.count == 0 })
    }
}
