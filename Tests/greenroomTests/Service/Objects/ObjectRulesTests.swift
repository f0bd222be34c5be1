import Autoscaling
import Pollers
import Testing

@testable import Assembly

@Suite struct ObjectRulesTests {
    private func policy(kind: String = "WorkerPool", token: String? = nil, key: String? = nil, address: String = "http://p") -> Policy {
        var policy = Policy(pool: "ns/pool", target: ScaleTarget(apiVersion: "", kind: kind, name: "pool"))
        var trigger = Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)
        trigger.poll = Poll(
            source: .prometheus(serverAddress: address, query: "up", ignoreNullValues: false), bearerTokenFile: token,
            tls: key.map { Poll.TLS(caFile: nil, certFile: $0, keyFile: $0) })
        policy.triggers = [trigger]
        return policy
    }

    @Test func `an object runs no process`() {
        #expect(ObjectRules.problems(of: policy()).isEmpty)
        #expect(ObjectRules.problems(of: policy(kind: "Process")).map { $0.prefix(25) } == ["spec.scaleTargetRef.kind:"])
    }

    @Test func `an object has no address of the machine itself asked`() throws {
        let problems = ObjectRules.problems(of: policy(address: "http://127.0.0.1:9090"))
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("spec.triggers[0].serverAddress: leads to 127.0.0.1, a loopback address") == true)
        for address in ["http://localhost:1", "http://169.254.169.254", "http://2852039166/", "http://[::ffff:127.0.0.1]"] {
            #expect(ObjectRules.problems(of: policy(address: address)).count == 1, "\(address)")
        }
        let allowed = AddressRule(allowed: [try #require(AddressPrefix("127.0.0.0/8"))])
        #expect(ObjectRules.problems(of: policy(address: "http://127.0.0.1:9090"), addresses: allowed).isEmpty)
        #expect(ObjectRules.problems(of: policy(address: "http://169.254.169.254"), addresses: allowed).count == 1)
    }

    @Test func `an object names secrets of its own namespace alone`() {
        #expect(ObjectRules.problems(of: policy(token: "ns/prometheus/token", key: "ns/tls.key")).isEmpty)
        #expect(
            ObjectRules.problems(of: policy(token: "prometheus/token")) == [
                "spec.triggers[0].bearerTokenFile: must be in the folder of its namespace, such as ns/prometheus/token"
            ])
        #expect(ObjectRules.problems(of: policy(token: "nsx/token", key: "other/tls.key")).count == 3)
    }
}
