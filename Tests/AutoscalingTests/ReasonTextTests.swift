import Domain
import Testing
@testable import Autoscaling

@Suite struct ReasonTextTests {
    private var limited: Pool {
        var pool = Pool(
            .test(max: 20) {
                $0.triggers[0].thresholdMilli = 3_000
                $0.behave(up: .pods(2, per: 120))
            }, replicas: 3)
        pool.fold(.demand(Demand(resident: 5, poolExhausted: 16)), at: .s(10))
        return pool
    }

    @Test("a decision in one line")
    func decisionText() {
        #expect(
            limited.decision(at: .s(10)).text
                == "demand 21 = 5 running + 16 waiting (16 pool_exhausted) → 21 ÷ 3 = 7 → scaleUp limit 2 pods/120 s → 5")
    }

    @Test("what limits it, and what would change it")
    func limitAndChange() {
        var pool = limited
        #expect(pool.decision(at: .s(10)).limitText == "scaleUp limit 2 pods/120 s → 5")
        pool.commit(.timer, at: .s(10))
        #expect(
            pool.decision(at: .s(10)).changeText
                == "budget is freed from 1970-01-01T00:02:10.000000Z (7 are wanted); time: may change at 1970-01-01T00:02:10.000000Z")
        pool.commit(.timer, at: .s(130))
        let free = pool.decision(at: .s(130))
        #expect(free.limitText == nil)
        #expect(free.changeText == "demand above 21; time alone changes nothing")
    }

    @Test(
        "phrases",
        arguments: [
            (KEDARow.rows[0], "demand 5 = 0 running + 5 waiting (5 pool_exhausted) → inactive: demand 5 is not above 5 → at rest → 0"),
            (KEDARow.rows[7], "demand 0 = 0 running → inactive: demand 0 is not above 0 → cooldown 300 s is over → rests at 0"),
            (KEDARow.rows[15], "fallback for queue after 3 failures: 6 (static) → inactive → 6"),
            (KEDARow.rows[17], "demand 8 = 0 running + 8 waiting (8 pool_exhausted) → 8 ÷ 1 = 8 → scale-out paused → 5"),
        ])
    func phrases(_ row: KEDARow, _ text: String) {
        #expect(row.pool.decision(at: .s(row.at)).text == text)
    }

    @Test("milli-units are decimals", arguments: [(12_500, "12.5"), (0, "0"), (1, "0.001"), (-2_050, "-2.05"), (7_000, "7")])
    func decimals(_ milli: Int, _ text: String) {
        #expect(Reason.Value.milli(Int64(milli)).text == text)
    }

    @Test("a code of a later version is written with its numbers")
    func unknownCode() {
        #expect(Reason(.bounds, "SomethingNew", [Reason.Number("limit", .integer(3))]).text == "SomethingNew limit 3")
    }

    @Test("codes and names are one to one, in the order of the steps")
    func codes() {
        for code in ReasonCode.allCases { #expect(ReasonCode(name: code.name) == code) }
        var codes = ReasonCodes()
        for code in ReasonCode.allCases.reversed() { codes.insert(code) }
        #expect(Array(codes) == ReasonCode.allCases)
        #expect(codes.count == ReasonCode.allCases.count)
    }
}

@Suite("A step leads to its line of the policy")
struct ReasonPolicyLineTests {
    private static let demand = Reason.Number("trigger", .text("demand"))

    @Test(arguments: [
        (
            Reason(.bounds, "TooManyReplicas", [.init("wanted", .integer(9)), .init("maxReplicaCount", .integer(5))]),
            "spec.maxReplicaCount", "5"
        ),
        (
            Reason(.bounds, "TooFewReplicas", [.init("wanted", .integer(0)), .init("minReplicaCount", .integer(3))]),
            "spec.minReplicaCount", "3"
        ),
        // A wanted pool has one though the policy may say none.
        (
            Reason(.bounds, "TooFewReplicas", [.init("wanted", .integer(0)), .init("minReplicaCount", .integer(1))]),
            "spec.minReplicaCount", ""
        ),
        (
            Reason(.recommendation, "Recommended", [demand, .init("threshold", .milli(2_500))]), "spec.triggers[name=demand].threshold",
            "2.5"
        ),
        (
            Reason(.recommendation, "Recommended", [.init("trigger", .text("formula")), .init("threshold", .milli(10_000))]),
            "spec.advanced.scalingModifiers.target", "10"
        ),
        (
            Reason(.activation, "CooldownRunning", [.init("lastActive", .time(.zero)), .init("seconds", .integer(300))]),
            "spec.cooldownPeriod", "300"
        ),
        (
            Reason(.activation, "CooldownPassed", [.init("policyApplied", .time(.zero)), .init("seconds", .integer(60))]),
            "spec.initialCooldownPeriod", "60"
        ),
        (
            Reason(
                .rateLimit, "ScaleUpLimit",
                [.init("kind", .text("Pods")), .init("value", .integer(2)), .init("periodSeconds", .integer(120))]),
            "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies", "{type: Pods, value: 2, periodSeconds: 120}"
        ),
        (
            Reason(.stabilization, "ScaleDownStabilized", [.init("windowSeconds", .integer(300))]),
            "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds", "300"
        ),
        (Reason(.pause, "Held", [.init("replicas", .integer(4))]), "spec.pause.hold", "4"),
        (Reason(.schedule, "ScheduleFloor", [.init("floor", .integer(6))]), "spec.schedules", "{minReplicaCount: 6}"),
    ])
    func itNamesTheFieldAndWhatStandsThere(_ reason: Reason, _ path: String, _ text: String) {
        #expect(reason.policyLine == PolicyLine(path: path, text: text))
    }

    @Test(arguments: [
        Reason(.signal, "Demand"), Reason(.safety, "BusyWorkers"), Reason(.bounds, "DesiredWithinRange"),
        Reason(.bounds, "OfALaterVersion"),
        // HPA's own limit, where the policy has no behavior.
        Reason(.rateLimit, "ScaleUpLimit", [.init("kind", .text("Default")), .init("periodSeconds", .integer(15))]),
    ])
    func whatNoLineIsBehindHasNone(_ reason: Reason) { #expect(reason.policyLine == nil) }
}
