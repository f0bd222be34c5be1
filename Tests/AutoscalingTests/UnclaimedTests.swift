import Domain
import Testing
@testable import Autoscaling

// How many unclaimed workers there should be: a row a pool.

@Suite struct UnclaimedTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var buffer: WarmBuffer = .fixed(0)
        var waiting = 0
        var recent = 0
        var predicted = 0
        var predictedCame = 0
        var claimed = 0
        var wanted: Int
        var isActive = true
        var min = 0
        var max = 100
    }

    static let cases = [
        Case(testDescription: "nothing happens", wanted: 0, isActive: false),
        Case(testDescription: "what is claimed asks for nothing", claimed: 90, wanted: 0, isActive: false),
        Case(testDescription: "nor for more beside a spare", buffer: .fixed(3), recent: 2, claimed: 90, wanted: 3),
        Case(testDescription: "those that wait do", buffer: .fixed(3), waiting: 4, recent: 4, claimed: 90, wanted: 7),
        Case(testDescription: "without a spare for them alone", waiting: 4, recent: 6, claimed: 90, wanted: 4),
        Case(testDescription: "in percent of what came within a refill", buffer: .percent(50), recent: 5, claimed: 90, wanted: 8),
        Case(testDescription: "of nothing that is nothing", buffer: .percent(50), claimed: 90, wanted: 0, isActive: false),
        Case(testDescription: "a spare stands between claims", buffer: .fixed(3), claimed: 90, wanted: 3, isActive: false),
        Case(
            testDescription: "what a period predicts is added to what is learned",
            buffer: .surge(quantilePPM: 900_000, windowSeconds: 60, min: 1), recent: 2, predicted: 12, wanted: 15),
        Case(
            testDescription: "and makes the pool active before it comes", buffer: .surge(quantilePPM: 900_000, windowSeconds: 60, min: 1),
            predicted: 12, wanted: 13),
        Case(
            testDescription: "once it came, it asks for nothing", buffer: .surge(quantilePPM: 900_000, windowSeconds: 60, min: 1),
            recent: 12, predictedCame: 12, wanted: 1),
        Case(testDescription: "a spare that is told is all there is", buffer: .fixed(3), predicted: 12, wanted: 3),
        Case(testDescription: "bounds hold", buffer: .fixed(3), waiting: 40, recent: 40, wanted: 20, max: 20),
        Case(testDescription: "from below too", buffer: .fixed(1), recent: 1, claimed: 90, wanted: 5, min: 5),
    ]

    @Test("one decision", arguments: cases)
    func decide(_ row: Case) {
        let policy = Policy.test {
            $0.buffer = row.buffer
            $0.minReplicaCount = row.min
            $0.maxReplicaCount = row.max
            $0.behavior = .asNeeded
            $0.behaviorGiven = true
            $0.cooldownPeriodSeconds = 1_000
        }
        var workers = WorkerCounts()
        (workers.draining, workers.drainingBusy) = (row.claimed, row.claimed)
        var claims = ClaimDemand(waiting: row.waiting, recent: row.recent)
        (claims.predicted, claims.everySeconds, claims.predictedCame) = (row.predicted, 60, row.predictedCame)
        let observation = Observation(
            at: .s(100), replicas: max(row.min, 1), workers: workers, demand: Demand(resident: row.claimed, poolExhausted: row.waiting),
            startMicroseconds: 2_000_000, claims: claims)
        // Within the cooldown, so that nothing rests.
        var memory = AutoscalerMemory(
            policyAppliedAt: .s(50), lastActiveAt: .s(90), isActive: false, recommendations: RecommendationHistory(),
            scaleEvents: ScaleEvents())
        let evaluation = Autoscaler.evaluate(policy: policy, observation: observation, memory: memory)
        #expect(evaluation.isActive == row.isActive)
        memory.advance(evaluation, policy: policy)
        let decision = Autoscaler.decide(policy: policy, observation: observation, memory: memory, evaluation: evaluation)
        if row.isActive || row.wanted > 0 { #expect(decision.to == row.wanted, "\(decision.text)") }
        #expect(!decision.why.contains { $0.code == ReasonCode.busyWorkers.name || $0.code == ReasonCode.demand.name })
        #expect(decision.why.contains { $0.code == ReasonCode.claims.name })
    }
}
