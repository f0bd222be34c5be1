import ArgumentParser
import Domain
import Testing

@testable import greenroom

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
