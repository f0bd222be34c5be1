import Autoscaling
import Domain
import Testing

@testable import Policies

@Suite struct PolicyWriterTests {
    /// Texts of spec whose policies go through all forms.
    static let specs = [
        "mode: auto", "mode: recommend\nshadowOf: b\nminReplicaCount: 1",
        "mode: recommend\nslotsPerWorker: 3\nminReplicaCount: 2\nidleReplicaCount: 1\ninitialCooldownPeriod: 9",
        "buffer: {sparePercent: 15}", "pause: {in: true}", "pause: {hold: 0}\nforceActivation: true",
        "drain: {timeoutSeconds: 5}\nforeignChange: yield", "workerSelector: {app: web, a: b}", "workerSelector: app=web,tier in (a,b)",
        "scaleTargetRef: {name: x}\nworkers: {busy: {http: {port: 8080, path: /busy}}}",
        "scaleTargetRef: {name: x}\nworkers: {busy: {http: {port: agent-http, path: \"/busy?all=1\"}, intervalSeconds: 3, timeoutSeconds: 5, unknownSeconds: 0, unknown: free}}",
        "scaleTargetRef: {name: x}\nworkers: {busy: {metric: {port: metrics, name: tasks_in_flight, selector: {queue: \"a \\\"b\\\"\", kind: \"1\"}}, unknown: busy}}",
        "scaleTargetRef: {name: x}\nworkers: {busy: {metric: {port: 9090, path: /m, name: \"a:b\"}}}",
        "scaleTargetRef: {name: x}\nworkers: {busy: {annotation: example.com/tasks-in-flight}}", "scaleTargetRef: {name: x}\nworkers: {}",
        "scaleTargetRef: {kind: Process, command: [sh, -c, \"echo 'a: b' # \\\"c\\\" \\n\\ttrue\", \"\", \"yes\", \"5\", \"-\", \"é\"]}",
        "triggers: [{type: demand, name: \"1\", threshold: 0.001}, {type: observed, metric: \"a:b/c\", threshold: 9007199254740.993, selector: {\"on\": \"off\", \"a b\": \"{x}\", z: \"\"}}]",
        "triggers: [{type: prometheus, serverAddress: \"http://p:9090\", query: \"sum(rate(a{b=\\\"c\\\"}[5m]))\", threshold: 50}, {type: prometheus, name: b, serverAddress: \"https://p/x\", query: up, threshold: 1, activationThreshold: 3, metricType: Value, ignoreNullValues: false, intervalSeconds: 60, timeoutSeconds: 3, bearerTokenFile: a/token, tls: {caFile: ca.pem}, staleAfter: 9}]",
        "triggers: [{type: nats-jetstream, monitoringEndpoint: \"http://n:8222\", stream: s, consumer: c, threshold: 3, tls: {certFile: c.pem, keyFile: k.pem}}, {type: nats-jetstream, name: d, monitoringEndpoint: \"http://n\", account: A, stream: s, consumer: d, threshold: 3}]",
        "advanced: {horizontalPodAutoscalerConfig: {behavior: {}}}",
        "advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleDown: {selectPolicy: Min, tolerance: 0.000001}}}}",
        "advanced: {scalingModifiers: {formula: \"demand > 2 ? demand : 1\", target: 2500m, metricType: Value}}",
        "schedules: [{cron: \"*/5 * * * MON\", timezone: America/New_York, durationSeconds: 60, minReplicaCount: 1}, {cron: \"@daily\", timezone: UTC, durationSeconds: 60, minReplicaCount: 1}]",
        "placement: {spillTo: [b], zoneSpread: {maxSkew: 3}, localWaitSeconds: 0, prefetch: true}\nquotas: [{tenant: \"7\", maxRunning: 0}]\ndrain: {timeoutSeconds: 1}",
        "fallback: {failureThreshold: 2, replicas: 1, behavior: currentReplicasIfLower}",
    ]

    private func policies() throws -> [Policy] { try Self.specs.map { try spec($0) } + read(Sample.documented) }

    @Test func canonicalJSONIsReadBackByTheCore() throws {
        for policy in try policies() { #expect(try Policy(canonicalJSON: policy.canonicalJSON) == policy) }
    }

    /// Long after, on a machine with another tz database: the zones' changes are those it was written with.
    @Test func canonicalJSONIsADocumentToo() throws {
        let later = LogTime(microseconds: Sample.now.microseconds * 2)
        for policy in try policies() { #expect(try read(PolicyWriter.json(policy), now: later) == [policy]) }
    }

    @Test func yamlIsReadBack() throws {
        for policy in try policies() { #expect(try read(PolicyWriter.yaml(policy)) == [policy], "\(PolicyWriter.yaml(policy))") }
        let first = try Array(policies().prefix(1)) + read(Sample.documented)
        #expect(try read(PolicyWriter.yaml(first)) == first)
    }

    @Test func yamlIsWrittenForPeople() throws {
        #expect(
            PolicyWriter.yaml(try #require(try read(Sample.documented).first)) == """
                apiVersion: greenroom.dev/v1
                kind: WorkerPoolAutoscaler
                metadata: {name: kagent-default, namespace: kagent}
                spec:
                  mode: auto
                  scaleTargetRef: {apiVersion: ate.dev/v1alpha1, kind: WorkerPool, name: kagent-default}
                  minReplicaCount: 0
                  maxReplicaCount: 20
                  idleReplicaCount: 0
                  cooldownPeriod: 300
                  buffer: {spare: 2}
                  triggers:
                  - {type: demand, name: queue_depth, threshold: 1, activationThreshold: 0, metricType: AverageValue}
                  - {type: observed, name: request_rate, metric: nats_consumer_pending_messages, selector: {consumer: devops-agent, stream: agent-tasks}, threshold: 3, activationThreshold: 0, metricType: AverageValue, staleAfter: 60}
                  advanced:
                    horizontalPodAutoscalerConfig:
                      behavior:
                        scaleUp:
                          stabilizationWindowSeconds: 0
                          selectPolicy: Max
                          policies:
                          - {type: Pods, value: 4, periodSeconds: 15}
                          - {type: Percent, value: 100, periodSeconds: 15}
                          tolerance: 0
                        scaleDown:
                          stabilizationWindowSeconds: 300
                          selectPolicy: Max
                          policies:
                          - {type: Pods, value: 1, periodSeconds: 300}
                          tolerance: 0.1
                    scalingModifiers:
                      formula: "(queue_depth + request_rate) / 2"
                      target: 10
                      activationTarget: 2
                      metricType: AverageValue
                  fallback: {failureThreshold: 3, replicas: 6, behavior: static}
                  schedules:
                  - {cron: "0 8 * * 1-5", timezone: Europe/Zurich, durationSeconds: 36000, minReplicaCount: 5}
                  placement: {zoneSpread: {maxSkew: 1}}
                  quotas:
                  - {tenant: team-a, maxRunning: 10}

                """)
    }
}
