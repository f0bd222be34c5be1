import Autoscaling
import Testing

@testable import greenroom

@Suite struct ObjectRulesTests {
    private func policy(kind: String = "WorkerPool", token: String? = nil, key: String? = nil) -> Policy {
        var policy = Policy(pool: "ns/pool", target: ScaleTarget(apiVersion: "", kind: kind, name: "pool"))
        var trigger = Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)
        trigger.poll = Poll(
            source: .prometheus(serverAddress: "http://p", query: "up", ignoreNullValues: false), bearerTokenFile: token,
            tls: key.map { Poll.TLS(caFile: nil, certFile: $0, keyFile: $0) })
        policy.triggers = [trigger]
        return policy
    }

    @Test func `an object runs no process`() {
        #expect(ObjectRules.problems(of: policy()).isEmpty)
        #expect(ObjectRules.problems(of: policy(kind: "Process")).map { $0.prefix(25) } == ["spec.scaleTargetRef.kind:"])
    }

    @Test func `an object names secrets of its own namespace alone`() {
        #expect(ObjectRules.problems(of: policy(token: "ns/prometheus/token", key: "ns/tls.key")).isEmpty)
        #expect(ObjectRules.problems(of: policy(token: "prometheus/token")) == ["spec.triggers[0].bearerTokenFile: must be in the folder of its namespace, such as ns/prometheus/token"])
        #expect(ObjectRules.problems(of: policy(token: "nsx/token", key: "other/tls.key")).count == 3)
    }
}
