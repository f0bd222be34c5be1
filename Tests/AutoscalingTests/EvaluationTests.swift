import Domain
import Testing
@testable import Autoscaling

@Suite struct EvaluationTests {
    private func evaluate(
        _ policy: Policy, replicas: Int = 2, demand: Demand = Demand(), samples: [ObservedSample?] = [],
        workers: WorkerCounts = WorkerCounts()
    ) -> Evaluation {
        Autoscaler.evaluate(
            policy: policy,
            observation: Observation(at: .s(100), replicas: replicas, workers: workers, demand: demand, samples: samples),
            memory: AutoscalerMemory(policyAppliedAt: .zero))
    }

    private func sample(_ milli: Int64, failures: Int = 0) -> ObservedSample {
        ObservedSample(valueMilli: milli, at: .s(90), consecutiveFailures: failures)
    }

    @Test(
        "reasons are written by the rules of their decision, so that earlier ones come out the same",
        arguments: [(.recurringClaims, 5), (.quotaIsNoDemand, 2)] as [(DecisionRules, Int)])
    func reasons(_ rules: DecisionRules, _ value: Int) {
        let policy = Policy.test {
            $0.triggers[0].thresholdMilli = 1_000
        }
        let observation = Observation(at: .s(100), replicas: 2, demand: Demand(resident: 2, quota: 3))
        var memory = AutoscalerMemory(policyAppliedAt: .zero)
        let evaluation = Autoscaler.evaluate(policy: policy, observation: observation, memory: memory, rules: rules)
        memory.advance(evaluation, policy: policy)
        let decision = Autoscaler.decide(policy: policy, observation: observation, memory: memory, evaluation: evaluation)
        let reason = decision.why.first { $0.code == "TriggerActive" }
        #expect(reason?.numbers.contains(Reason.Number("value", .milli(Int64(value) * 1_000))) == true, "\(decision.why)")
    }

    @Test("demand is resident and blocked together")
    func demand() {
        let policy = Policy.test {
            $0.triggers[0].thresholdMilli = 3_000; $0.slotsPerWorker = 3
        }
        let evaluation = evaluate(policy, demand: Demand(resident: 5, poolExhausted: 16))
        #expect(evaluation.recommended == 7)
        #expect(evaluation.activity == .trigger(0))
    }

    @Test("the highest of several triggers wins, and any one of them makes the pool active")
    func highestWins() {
        let policy = Policy.test { $0.triggers = [.observed("a", activation: 9_000), .observed("b", threshold: 2_000), .observed("c")] }
        let evaluation = evaluate(policy, samples: [sample(1_000), sample(10_000), sample(5_000)])
        #expect(evaluation.recommended == 5)
        #expect(evaluation.source == .trigger(1))
        #expect(evaluation.activity == .trigger(1))
    }

    @Test(
        "the buffer counts while the pool is active",
        arguments: [
            (WarmBuffer.fixed(2), 21, 9), (.percent(20), 21, 9), (.percent(1), 21, 8), (.fixed(2), 0, 0), (.fixed(0), 21, 7),
        ])
    func buffer(_ buffer: WarmBuffer, _ demand: Int, _ count: Int) {
        let policy = Policy.test {
            $0.triggers[0].thresholdMilli = 3_000; $0.slotsPerWorker = 3; $0.buffer = buffer
        }
        #expect(evaluate(policy, demand: Demand(poolExhausted: demand)).recommended == count)
    }

    @Test("a failing trigger keeps the count, others may raise it")
    func failingHolds() {
        let policy = Policy.test { $0.triggers = [.observed("a"), .observed("b")] }
        let held = evaluate(policy, replicas: 6, samples: [sample(0, failures: 2), sample(3_000)])
        #expect(held.recommended == 6)
        #expect(held.source == .failure)
        #expect(held.failing == .trigger(0, failures: 2))
        #expect(evaluate(policy, replicas: 6, samples: [sample(0, failures: 2), sample(9_000)]).recommended == 9)
    }

    @Test(
        "fallback: behavior, current → count",
        arguments: [
            (Fallback.Behavior.static, 2, 6), (.static, 9, 6), (.currentReplicas, 9, 9), (.currentReplicasIfHigher, 9, 9),
            (.currentReplicasIfHigher, 2, 6), (.currentReplicasIfLower, 9, 6), (.currentReplicasIfLower, 2, 2),
        ])
    func fallback(_ behavior: Fallback.Behavior, _ current: Int, _ count: Int) {
        let policy = Policy.test {
            $0.triggers = [.observed()]; $0.fallback = Fallback(failureThreshold: 3, replicas: 6, behavior: behavior)
        }
        let evaluation = evaluate(policy, replicas: current, samples: [sample(0, failures: 3)])
        #expect(evaluation.fallbackReplicas == count)
        #expect(evaluation.recommended == count)
        #expect(evaluation.failing == nil)
        #expect(!evaluation.isActive)
    }

    @Test("forced activation needs no trigger")
    func forced() {
        let evaluation = evaluate(
            .test {
                $0.forceActivation = true; $0.buffer = .fixed(3)
            })
        #expect(evaluation.activity == .forced)
        #expect(evaluation.recommended == 3)
    }

    @Test("Value multiplies the ready workers")
    func valueType() {
        let policy = Policy.test { $0.triggers = [.observed(threshold: 8_000, type: .value)] }
        #expect(evaluate(policy, replicas: 4, samples: [sample(12_000)], workers: .counts(starting: 2, idle: 2)).recommended == 3)
    }

    @Test("a formula stands for the triggers: value, activation, failures")
    func formula() throws {
        let names = ["a", "b"]
        var policy = Policy.test { $0.triggers = [.observed("a"), .observed("b")] }
        policy.scalingModifiers = ScalingModifiers(
            formula: try Formula(compiling: "(a + b) / 2", names: names), targetMilli: 2_000, activationTargetMilli: 5_000)
        let resting = evaluate(policy, samples: [sample(4_000), sample(6_000)])
        #expect(!resting.isActive)
        #expect(resting.recommended == 3)
        #expect(evaluate(policy, samples: [sample(4_000), sample(6_002)]).activity == .formula)
        #expect(evaluate(policy, samples: [sample(4_000), sample(6_000, failures: 2)]).failing == .trigger(1, failures: 2))

        policy.scalingModifiers?.formula = try Formula(compiling: "a + (b ?? 8)", names: names)
        let dealtWith = evaluate(policy, samples: [sample(4_000), sample(6_000, failures: 2)])
        #expect(dealtWith.failing == nil)
        #expect(dealtWith.recommended == 6)

        policy.scalingModifiers?.formula = try Formula(compiling: "a / (b - b)", names: names)
        #expect(evaluate(policy, samples: [sample(4_000), sample(6_000)]).failing == .formula)
    }
}
