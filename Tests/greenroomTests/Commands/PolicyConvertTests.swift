import ArgumentParser
import Domain
import Testing

@testable import Assembly
@testable import Commands

@Suite struct PolicyConvertTests {
    private func convert(_ text: String) throws -> PolicyConversion {
        PolicyConversion(text: Array(text.utf8), name: "so.yaml", now: try #require(LogTime(rfc3339: "2026-11-21T08:00:00Z")))
    }

    private let hpa = """
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: p, namespace: n}
        spec:
          scaleTargetRef: {kind: Deployment, name: p}
          maxReplicas: 5
          metrics: [{type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 75}}}]
        """

    @Test func notesComeWithFileLineAndCommand() throws {
        let conversion = try convert(hpa)
        #expect(conversion.problems == [])
        #expect(conversion.conversions.map(\.policy.pool) == ["n/p"])
        #expect(conversion.notes.count == 3)
        #expect(conversion.notes.first?.hasPrefix("so.yaml:7:47: spec.metrics[0].resource.name: Greenroom doesn't read memory") == true)
        #expect(conversion.notes.dropFirst().allSatisfy { $0.hasPrefix("    ") })
    }

    @Test(
        "the secrets it names are where an object of the namespace may have them, whether an authentication in the text says which or not",
        arguments: [true, false])
    func secrets(withAuthentication: Bool) throws {
        let scaled = """
            apiVersion: keda.sh/v1alpha1
            kind: ScaledObject
            metadata: {name: p, namespace: n}
            spec:
              scaleTargetRef: {kind: Deployment, name: p}
              triggers:
              - type: prometheus
                metadata: {serverAddress: "https://p", query: up, threshold: "1", authModes: "bearer,tls"}
                authenticationRef: {name: creds}
            """
        let authentication = """
            ---
            apiVersion: keda.sh/v1alpha1
            kind: TriggerAuthentication
            metadata: {name: creds, namespace: n}
            spec:
              secretTargetRef:
              - {parameter: bearerToken, name: prom, key: token}
              - {parameter: ca, name: prom-tls, key: ca.crt}
              - {parameter: cert, name: prom-tls, key: tls.crt}
              - {parameter: key, name: prom-tls, key: tls.key}
            """
        let conversion = try convert(withAuthentication ? scaled + "\n" + authentication : scaled)
        #expect(conversion.problems == [])
        let policy = try #require(conversion.conversions.first?.policy)
        let poll = try #require(policy.triggers.first?.poll)
        let files = [poll.bearerTokenFile, poll.tls?.caFile, poll.tls?.certFile, poll.tls?.keyFile]
        #expect(
            files
                == (withAuthentication
                    ? ["n/prom/token", "n/prom-tls/ca.crt", "n/prom-tls/tls.crt", "n/prom-tls/tls.key"]
                    : ["n/creds/bearerToken", "n/creds/ca", "n/creds/cert", "n/creds/key"]))
        #expect(ObjectRules.problems(of: policy) == [])
    }

    @Test func whatIsWrongComesWithFileAndLine() throws {
        let conversion = try convert(hpa.replacing("maxReplicas: 5", with: "maxReplicas: five"))
        #expect(conversion.conversions.isEmpty)
        #expect(conversion.problems.first?.hasPrefix("so.yaml:6:16: spec.maxReplicas: must be a whole number") == true)
    }

    @Test func theFormIsYAMLUnlessAskedOtherwise() throws {
        #expect(try PolicyConvertCommand.parse(["a.yaml"]).output == .yaml)
        #expect(try PolicyConvertCommand.parse(["a.yaml", "-o", "json"]).output == .json)
        #expect(throws: (any Error).self) { try PolicyConvertCommand.parse(["a.yaml", "-o", "table"]) }
    }
}
