import Domain
import Testing

@testable import Autoscaling

// Does the count stay while a rolling update replaces the workers, and no longer?

@Suite struct RollingUpdateTests {
    private func decide(
        from: Int, demand: Int, updateSince: Int?, busy: Int = 0, rules: DecisionRules = .current,
        _ change: (inout Policy) -> Void = { _ in }
    ) -> Decision {
        let policy = Policy.test(cooldown: 0) {
            $0.behaviorGiven = true
            $0.behavior = .asNeeded
            change(&$0)
        }
        var workers = WorkerCounts()
        (workers.full, workers.idle) = (busy, max(0, from - busy))
        let observation = Observation(
            at: .s(1_000), replicas: from, workers: workers, demand: Demand(resident: demand),
            rollingUpdate: updateSince.map { RollingUpdate(since: .s($0), left: 2) })
        var memory = AutoscalerMemory(policyAppliedAt: .zero)
        let evaluation = Autoscaler.evaluate(policy: policy, observation: observation, memory: memory, rules: rules)
        memory.advance(evaluation, policy: policy)
        return Autoscaler.decide(policy: policy, observation: observation, memory: memory, evaluation: evaluation)
    }

    @Test(
        "from, demand, since when, to",
        arguments: [
            // Thrown off, so nobody asks for a worker; and all of them and more come back at once.
            (6, 2, 990, 6), (6, 0, 990, 6), (6, 9, 990, 6), (6, 6, 990, 6),
            // Ten minutes are the most.
            (6, 2, 401, 6), (6, 2, 400, 2), (6, 9, 400, 9), (6, 9, 0, 9),
            // There is none, or nobody that it could throw off.
            (6, 2, nil, 2), (0, 3, 990, 3),
        ] as [(Int, Int, Int?, Int)])
    func held(_ from: Int, _ demand: Int, _ since: Int?, _ to: Int) {
        let decision = decide(from: from, demand: demand, updateSince: since)
        #expect(decision.to == to, "\(decision.text)")
        let isHeld = from > 0 && since.map { $0 > 400 } ?? false
        #expect(decision.signature.contains("HeldThroughUpdate") == isHeld, "also where the count is what is wanted")
        #expect((decision.nextDeadline == .s((since ?? 0) + 600)) == isHeld, "it ends by itself")
    }

    @Test func `an operator's count stands, and busy workers stay`() {
        #expect(decide(from: 6, demand: 2, updateSince: 990) { $0.pause.hold = 3 }.to == 3)
        #expect(decide(from: 6, demand: 2, updateSince: 990, busy: 8).to == 8)
        #expect(decide(from: 6, demand: 9, updateSince: 990) { $0.maxReplicaCount = 4 }.to == 6)
        #expect(decide(from: 6, demand: 2, updateSince: 990) { $0.pause.scaleIn = true }.to == 6)
    }

    @Test func `earlier rules hold nothing, and write nothing of it`() {
        for rules in [DecisionRules.first, .quotaIsNoDemand] {
            let decision = decide(from: 6, demand: 2, updateSince: 990, rules: rules)
            #expect(decision == decide(from: 6, demand: 2, updateSince: nil, rules: rules))
            #expect(decision.to == 2)
        }
    }

    @Test func `the reason is one sentence, and says what ends it`() {
        let decision = decide(from: 6, demand: 2, updateSince: 990)
        #expect(
            decision.text.hasSuffix(
                "a rolling update replaces the workers (2 left): held until it is over, at most until 1970-01-01T00:26:30.000000Z → 6"),
            "\(decision.text)")
        #expect(decision.changeText.contains("the end of the rolling update (2 are wanted)"), "\(decision.changeText)")
        #expect(decision.limitingReason?.code == "HeldThroughUpdate")
    }
}
