import Testing

@testable import Autoscaling

@Suite struct BusyCheckTests {
    @Test(
        "what a pod gave is a number of tasks, or nothing",
        arguments: [
            ("0", 0), ("1", 1), ("3", 3), (" 7\r\n", 7), ("0.0", 0), ("0.2", 1), ("1e2", 100), ("true", 1), ("false", 0), ("-0", 0),
            ("999999999999", 65_536), ("1e300", 65_536), ("", nil), ("  ", nil), ("-1", nil), ("-0.1", nil), ("nan", nil), ("inf", nil),
            ("1e999", nil), ("0x10", nil), ("1 2", nil), ("1,5", nil), ("yes", nil), ("True", nil), ("null", nil), ("1;", nil),
            (String(repeating: "1", count: 65), nil), ("\u{0661}", nil),
        ] as [(String, Int?)])
    func tasks(_ text: String, _ tasks: Int?) { #expect(BusyCheck.tasks(text) == tasks) }

    @Test func `a source is said in one line`() {
        #expect(BusyCheck.Source.http(port: .number(8080), path: "/busy").text == "http :8080/busy")
        #expect(
            BusyCheck.Source.metric(port: .name("m"), path: "/metrics", name: "t", selector: [.init(key: "q", value: "a")]).text
                == #"metric t{q="a"} of :m/metrics"#)
        #expect(BusyCheck.Source.annotation("a/b").text == "annotation a/b")
    }
}

@Suite struct WorkInFlightTests {
    private func decide(
        from: Int, value: Int64, inFlight: Int64, threshold: Int64 = 1_000, activation: Int64 = 0, failures: Int = 0,
        _ change: (inout Policy) -> Void = { _ in }
    ) -> Decision {
        let policy = Policy.test {
            $0.triggers = [.observed("q", threshold: threshold, activation: activation)]
            $0.cooldownPeriodSeconds = 0
            $0.behaviorGiven = true
            $0.behavior = .asNeeded
            change(&$0)
        }
        let sample = ObservedSample(valueMilli: value, at: .s(99), consecutiveFailures: failures, inFlightMilli: inFlight)
        let observation = Observation(at: .s(100), replicas: from, samples: [sample])
        var memory = AutoscalerMemory(policyAppliedAt: .zero)
        let evaluation = Autoscaler.evaluate(policy: policy, observation: observation, memory: memory)
        memory.advance(evaluation, policy: policy)
        return Autoscaler.decide(policy: policy, observation: observation, memory: memory, evaluation: evaluation)
    }

    @Test(
        "what is in flight is a floor: from, in flight, threshold, activation, to",
        arguments: [
            // Below the activation threshold the pool would go to rest, with three messages in work.
            (8, 3_000, 1_000, 5_000, 3), (8, 3_000, 2_000, 5_000, 2), (8, 3_000, 10_000, 5_000, 1), (2, 3_000, 1_000, 5_000, 2),
            // Nothing is in flight: to rest.
            (8, 0, 1_000, 5_000, 0),
            // What the trigger asks for is more anyway.
            (8, 3_000, 1_000, 0, 3),
        ] as [(Int, Int64, Int64, Int64, Int)])
    func floor(_ from: Int, _ inFlight: Int64, _ threshold: Int64, _ activation: Int64, _ to: Int) {
        #expect(decide(from: from, value: inFlight, inFlight: inFlight, threshold: threshold, activation: activation).to == to)
    }

    @Test func `the reason says which queue, and what would change it`() {
        let decision = decide(from: 8, value: 3_000, inFlight: 3_000, activation: 5_000)
        #expect(decision.why.last?.code == "WorkInFlight")
        #expect(decision.text.contains("3 of q in flight → not below 3"), "\(decision.text)")
        #expect(decision.changeText.contains("the work of q in flight being done (0 are wanted)"), "\(decision.changeText)")
    }

    @Test func `it raises nothing, and neither the maximum nor a held count`() {
        #expect(decide(from: 2, value: 0, inFlight: 9_000, activation: 5_000).to == 2)
        #expect(decide(from: 9, value: 0, inFlight: 9_000, activation: 5_000) { $0.maxReplicaCount = 4 }.to == 4)
        #expect(decide(from: 9, value: 0, inFlight: 9_000, activation: 5_000) { $0.pause.hold = 1 }.to == 1)
        let formula = { (policy: inout Policy) in
            policy.scalingModifiers = (try? Formula(compiling: "q * 0", names: ["q"])).map {
                ScalingModifiers(formula: $0, targetMilli: 1_000)
            }
        }
        #expect(decide(from: 9, value: 4_000, inFlight: 4_000, formula).to == 4, "also where a formula stands for the trigger")
    }

    @Test func `of a Value trigger some are in flight: one worker stays`() {
        #expect(decide(from: 9, value: 4_000, inFlight: 4_000, activation: 9_000) { $0.triggers[0].metricType = .value }.to == 1)
    }
}
