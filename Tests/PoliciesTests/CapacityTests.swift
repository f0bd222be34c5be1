import Autoscaling
import Testing

@testable import Policies

// Which workers does a target's count count?

@Suite struct CapacityTests {
    private func policy(_ target: String, _ rest: String = "") throws -> Policy {
        let text = """
            apiVersion: greenroom.dev/v1
            kind: WorkerPoolAutoscaler
            metadata: {name: p, namespace: ns}
            spec:
              scaleTargetRef: \(target)
              \(rest)
            """
        return try #require(try PolicyReader.policies(from: text, source: "x", now: Sample.now).first)
    }

    @Test(
        "the kind implies it, in every version, and a written one says the same",
        arguments: [
            ("{kind: SandboxWarmPool, name: w}", "", true),
            ("{apiVersion: extensions.agents.x-k8s.io/v1alpha1, kind: SandboxWarmPool, name: w}", "", true),
            ("{apiVersion: extensions.agents.x-k8s.io/v1beta1, kind: SandboxWarmPool, name: w}", "", true),
            ("{apiVersion: extensions.agents.x-k8s.io/v1beta1, kind: SandboxWarmPool, name: w}", "capacity: unclaimed", true),
            ("{apiVersion: example.com/v1, kind: SandboxWarmPool, name: w}", "", false),
            ("{apiVersion: extensions.agents.x-k8s.io.evil/v1, kind: SandboxWarmPool, name: w}", "", false),
            ("{kind: Deployment, name: w}", "", false), ("{kind: WorkerPool, name: w}", "", false),
        ])
    func implied(_ target: String, _ rest: String, _ isUnclaimed: Bool) throws {
        let policy = try policy(target, rest)
        #expect(policy.isUnclaimed == isUnclaimed)
        #expect(policy.capacity == (rest.isEmpty ? nil : .unclaimed))
        let again = try Policy(canonicalJSON: policy.canonicalJSON)
        #expect(again == policy && again.canonicalJSON == policy.canonicalJSON)
        #expect(try PolicyReader.policies(from: PolicyWriter.yaml(policy), source: "y", now: Sample.now) == [policy])
    }

    @Test("what the kind implies isn't written, so that policies of older logs keep their digest")
    func bytes() throws {
        let text = String(decoding: try policy("{kind: SandboxWarmPool, name: w}").canonicalJSON, as: UTF8.self)
        #expect(!text.contains("capacity"))
    }

    @Test(
        "other kinds refuse it, and other words are refused",
        arguments: [
            ("{kind: Deployment, name: w}", "capacity: unclaimed", "only a SandboxWarmPool"),
            ("{apiVersion: example.com/v1, kind: SandboxWarmPool, name: w}", "capacity: unclaimed", "only a SandboxWarmPool"),
            ("{kind: SandboxWarmPool, name: w}", "capacity: claimed", "unclaimed"),
        ])
    func refused(_ target: String, _ rest: String, _ words: String) throws {
        let error = #expect(throws: PolicyError.self) { try policy(target, rest) }
        #expect(error.map { "\($0)" }?.contains(words) == true, "\(error.map { "\($0)" } ?? "")")
    }
}
