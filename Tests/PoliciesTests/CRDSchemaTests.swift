import Autoscaling
import Foundation
import Testing
import Yams

@testable import Policies

// Do the API server and the reader know the same fields, words and ranges?
//
// The schema stands in deploy/base/crd.yaml, the reader's fields in `PolicyFields`, its ranges in `PolicyLimits`.

private struct Schema {
    let node: Node

    static func ofPolicies() throws -> Schema {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("deploy/base/crd.yaml"), encoding: .utf8)
        let crd = try #require(try Yams.compose(yaml: text))
        let version = try #require(crd["spec"]?["versions"]?.sequence?.first)
        #expect(crd["spec"]?["group"]?.string.map { "\($0)/\(version["name"]?.string ?? "")" } == PolicyFields.apiVersion)
        #expect(crd["spec"]?["names"]?["kind"]?.string == PolicyFields.kind)
        return Schema(node: try #require(version["schema"]?["openAPIV3Schema"]))
    }

    /// `spec.triggers[].tls`
    func at(_ path: String) throws -> Schema {
        var node = self.node
        for step in path.split(separator: ".") {
            node = try #require(node["properties"]?[String(step.prefix { $0 != "[" })], "\(path): no \(step)")
            if step.hasSuffix("[]") { node = try #require(node["items"]) }
        }
        return Schema(node: node)
    }

    var fields: Set<String> { Set(node["properties"]?.mapping?.keys.compactMap(\.string) ?? []) }
    var words: [String] { node["enum"]?.sequence?.compactMap(\.string) ?? [] }
    func number(_ name: String) -> Int? { node[name]?.int }
    func range() -> [Int?] { [number("minimum"), number("maximum")] }
}

@Suite struct CRDSchemaTests {
    @Test("every object has the reader's fields and no others")
    func fields() throws {
        let crd = try Schema.ofPolicies()
        let objects: [(String, [String])] = [
            ("spec", PolicyFields.spec), ("spec.scaleTargetRef", PolicyFields.scaleTargetRef), ("spec.buffer", PolicyFields.buffer),
            ("spec.workers", PolicyFields.workers), ("spec.workers.busy", PolicyFields.busy),
            ("spec.workers.busy.http", PolicyFields.busyHTTP), ("spec.workers.busy.metric", PolicyFields.busyMetric),
            ("spec.buffer.surge", PolicyFields.surge),
            ("spec.triggers[]", PolicyFields.triggers.flatMap(\.fields)), ("spec.triggers[].tls", PolicyFields.pollTLS),
            ("spec.advanced", PolicyFields.advanced),
            ("spec.advanced.horizontalPodAutoscalerConfig", PolicyFields.horizontalPodAutoscalerConfig),
            ("spec.advanced.horizontalPodAutoscalerConfig.behavior", PolicyFields.behavior),
            ("spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp", PolicyFields.rules),
            ("spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown", PolicyFields.rules),
            ("spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.policies[]", PolicyFields.limit),
            ("spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[]", PolicyFields.limit),
            ("spec.advanced.scalingModifiers", PolicyFields.scalingModifiers), ("spec.fallback", PolicyFields.fallback),
            ("spec.schedules[]", PolicyFields.schedule),
            ("spec.schedules[].offsets[]", PolicyFields.zoneOffset), ("spec.drain", PolicyFields.drain),
            ("spec.placement", PolicyFields.placement),
            ("spec.placement.zoneSpread", PolicyFields.zoneSpread), ("spec.quotas[]", PolicyFields.quota),
            ("spec.pause", PolicyFields.pause),
        ]
        for (path, fields) in objects { #expect(try crd.at(path).fields == Set(fields), "\(path)") }
    }

    @Test("a field that takes words takes the reader's")
    func words() throws {
        let crd = try Schema.ofPolicies()
        let behavior = "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown"
        let fields: [(String, [String])] = [
            ("spec.mode", Policy.Mode.allCases.map(\.rawValue)), ("spec.capacity", Policy.Capacity.allCases.map(\.rawValue)),
            ("spec.triggers[].type", PolicyFields.triggers.map(\.type)),
            ("spec.triggers[].metricType", MetricType.allCases.map(\.rawValue)),
            ("spec.advanced.scalingModifiers.metricType", MetricType.allCases.map(\.rawValue)),
            ("spec.workers.busy.unknown", BusyCheck.Unknown.allCases.map(\.rawValue)),
            ("spec.fallback.behavior", Fallback.Behavior.allCases.map(\.rawValue)),
            ("\(behavior).selectPolicy", Behavior.Select.allCases.map(\.rawValue)),
            ("\(behavior).policies[].type", Behavior.Limit.Kind.allCases.map(\.rawValue)),
        ]
        for (path, words) in fields { #expect(try crd.at(path).words.sorted() == words.sorted(), "\(path)") }
    }

    @Test("ranges are the reader's")
    func ranges() throws {
        let crd = try Schema.ofPolicies()
        let limits = "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp"
        let ranges: [(String, ClosedRange<Int>)] = [
            ("spec.slotsPerWorker", 1...PolicyLimits.slotsPerWorker), ("spec.minReplicaCount", 0...PolicyLimits.replicas),
            ("spec.maxReplicaCount", 1...PolicyLimits.replicas),
            ("spec.idleReplicaCount", 0...PolicyLimits.replicas), ("spec.cooldownPeriod", 0...PolicyLimits.seconds),
            ("spec.initialCooldownPeriod", 0...PolicyLimits.seconds),
            ("spec.workers.busy.intervalSeconds", 1...PolicyLimits.pollSeconds),
            ("spec.workers.busy.timeoutSeconds", 1...PolicyLimits.pollTimeoutSeconds),
            ("spec.workers.busy.unknownSeconds", 0...PolicyLimits.seconds),
            ("spec.buffer.spare", 0...PolicyLimits.replicas), ("spec.buffer.sparePercent", 0...PolicyLimits.sparePercent),
            ("spec.buffer.surge.windowSeconds", 1...PolicyLimits.surgeWindowSeconds), ("spec.buffer.surge.min", 0...PolicyLimits.replicas),
            ("spec.triggers[].staleAfter", 1...PolicyLimits.seconds), ("spec.triggers[].intervalSeconds", 1...PolicyLimits.pollSeconds),
            ("spec.triggers[].timeoutSeconds", 1...PolicyLimits.pollTimeoutSeconds),
            ("\(limits).stabilizationWindowSeconds", 0...PolicyLimits.stabilizationSeconds),
            ("\(limits).policies[].value", 1...PolicyLimits.rateLimitValue),
            ("\(limits).policies[].periodSeconds", 1...PolicyLimits.periodSeconds),
            ("spec.fallback.failureThreshold", 1...PolicyLimits.replicas), ("spec.fallback.replicas", 0...PolicyLimits.replicas),
            ("spec.schedules[].durationSeconds", 1...Schedule.durationLimitSeconds),
            ("spec.drain.timeoutSeconds", 0...PolicyLimits.seconds),
            ("spec.placement.zoneSpread.maxSkew", 1...PolicyLimits.maxSkew), ("spec.placement.localWaitSeconds", 0...PolicyLimits.seconds),
            ("spec.quotas[].maxRunning", 0...PolicyLimits.maxRunning), ("spec.pause.hold", 0...PolicyLimits.replicas),
        ]
        for (path, range) in ranges { #expect(try crd.at(path).range() == [range.lowerBound, range.upperBound], "\(path)") }
        let counts: [(String, Int)] = [
            ("spec.triggers", PolicyLimits.triggers), ("spec.schedules", PolicyLimits.schedules), ("spec.quotas", PolicyLimits.quotas),
            ("spec.placement.spillTo", PolicyLimits.spillTo), ("\(limits).policies", PolicyLimits.rateLimits),
            ("spec.scaleTargetRef.command", PolicyLimits.commandWords),
            ("spec.schedules[].offsets", Schedule.offsetsLimit),
        ]
        for (path, count) in counts { #expect(try crd.at(path).number("maxItems") == count, "\(path)") }
    }
}
