import Domain
import Testing

@testable import Commands
@testable import Demo

@Suite struct PolicyCheckTests {
    private func check(_ text: String) -> PolicyCheck {
        PolicyCheck(text: Array(text.utf8), name: "p.yaml", now: LogTime(rfc3339: "2026-11-21T08:00:00Z")!)
    }

    @Test func aGoodPolicyIsOneLine() {
        let pool = DemoPool(name: "chat", slots: 2, maxReplicas: 6, spare: 1)
        let check = check(pool.policyYAML)
        #expect(check.problems == [])
        #expect(check.policies == ["p.yaml: demo/chat: Process/chat, 0 to 6 workers of 2 slots, triggers demand ÷ 2, cooldown 6 s"])
    }

    @Test func aShadowSaysOfWhich() {
        let head =
            "apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {name: calm, namespace: b}\nspec:\n  shadowOf: chat\n  scaleTargetRef: {kind: Process}\n"
        #expect(check(head + "  mode: recommend\n").policies.first?.hasSuffix(", cooldown 300 s, shadow of b/chat") == true)
        #expect(check(head).problems.first?.hasPrefix("p.yaml:5:13: spec.shadowOf: ") == true)
    }

    @Test func problemsComeWithFileLineAndColumn() {
        let check = check(
            "apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {name: a, namespace: b}\nspec:\n  maxReplicaCuont: 3\n")
        #expect(check.policies == [])
        #expect(check.problems.contains { $0.hasPrefix("p.yaml:5:3: spec.maxReplicaCuont: ") && $0.contains("maxReplicaCount") })
    }
}
