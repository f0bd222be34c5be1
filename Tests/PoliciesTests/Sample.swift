import Autoscaling
import Domain
import Testing

@testable import Policies

// Texts to read, and reading them.

enum Sample {
    static let now = LogTime(microseconds: 1_795_000_000_000_000)
    static let head = "apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\n"

    /// The policy of the interface's documentation, with the demand trigger under the name that its formula uses.
    static let documented = """
        apiVersion: greenroom.dev/v1
        kind: WorkerPoolAutoscaler
        metadata: {name: kagent-default, namespace: kagent}
        spec:
          mode: auto                       # auto | recommend (decide and log, never touch the target)
          scaleTargetRef: {apiVersion: ate.dev/v1alpha1, kind: WorkerPool, name: kagent-default}
          slotsPerWorker: 1
          minReplicaCount: 0
          maxReplicaCount: 20
          idleReplicaCount: 0              # optional
          cooldownPeriod: 300
          initialCooldownPeriod: 0
          buffer: {spare: 2}
          triggers:
          - {type: demand, name: queue_depth, threshold: 1, activationThreshold: 0}
          - {type: observed, name: request_rate, metric: nats_consumer_pending_messages, selector: {consumer: devops-agent, stream: agent-tasks}, threshold: 3, metricType: AverageValue, staleAfter: 60}
          advanced:
            horizontalPodAutoscalerConfig:
              behavior: {scaleUp: {stabilizationWindowSeconds: 0}, scaleDown: {stabilizationWindowSeconds: 300, policies: [{type: Pods, value: 1, periodSeconds: 300}]}}
            scalingModifiers: {formula: "(queue_depth + request_rate) / 2", target: 10, activationTarget: 2, metricType: AverageValue}
          fallback: {failureThreshold: 3, replicas: 6, behavior: static}
          schedules: [{cron: "0 8 * * 1-5", timezone: Europe/Zurich, durationSeconds: 36000, minReplicaCount: 5}]
          drain: {timeoutSeconds: 300}
          placement: {spillTo: [], zoneSpread: {maxSkew: 1}, localWaitSeconds: auto}
          quotas: [{tenant: team-a, maxRunning: 10}]
        """

    /// A policy of these lines of spec, with a target where they name none. Spec's fields begin in line 5, column 3.
    static func text(_ spec: String) -> String {
        let lines = spec.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }.joined(separator: "\n")
        let target = spec.contains("scaleTargetRef") ? "" : "\n  scaleTargetRef: {kind: Process}"
        return "\(head)metadata: {name: a}\nspec:\n\(lines)\(target)\n"
    }
}

func time(_ text: String) throws -> LogTime { try #require(LogTime(rfc3339: text)) }

func read(_ text: String, now: LogTime = Sample.now) throws -> [Policy] { try PolicyReader.policies(from: text, source: "test", now: now) }

func spec(_ lines: String, now: LogTime = Sample.now) throws -> Policy { try #require(try read(Sample.text(lines), now: now).first) }

func problems(_ text: String) -> [PolicyProblem] {
    do throws(PolicyError) { _ = try PolicyReader.policies(from: text, source: "test", now: Sample.now) } catch { return error.problems }
    return []
}
