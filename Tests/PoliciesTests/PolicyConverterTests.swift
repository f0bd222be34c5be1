import Autoscaling
import Domain
import Foundation
import Testing

@testable import Policies

/// Texts to convert, and converting them.
enum Manifest {
    static func fixture(_ name: String) throws -> [UInt8] {
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "yaml", subdirectory: "Fixtures"))
        return Array(try Data(contentsOf: url))
    }

    static func scaledObject(_ spec: String, annotations: String = "{}") -> String {
        let target = spec.contains("scaleTargetRef") ? "" : "\n  scaleTargetRef: {name: p}"
        let triggers =
            spec.contains("triggers:")
            ? "" : "\n  triggers: [{type: prometheus, metadata: {serverAddress: \"http://p\", query: up, threshold: \"1\"}}]"
        let lines = spec.split(separator: "\n").map { "  \($0)\n" }.joined()
        return
            "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: p, namespace: n, annotations: \(annotations)}\nspec:\n\(lines)\(target)\(triggers)\n"
    }

    static func trigger(_ trigger: String) -> String { scaledObject("triggers: [\(trigger)]") }

    static func hpa(_ spec: String) -> String {
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: p, namespace: n}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: p}\n  maxReplicas: 5\n  \(spec)\n"
    }
}

func convert(_ bytes: [UInt8]) throws -> [Conversion] { try PolicyConverter.conversions(of: bytes, source: "test", now: Sample.now) }
func convert(_ text: String) throws -> Conversion { try #require(try convert(Array(text.utf8)).first) }
func problems(converting text: String) -> [PolicyProblem] {
    do throws(PolicyError) { _ = try PolicyConverter.conversions(of: Array(text.utf8), source: "test", now: Sample.now) } catch {
        return error.problems
    }
    return []
}

/// What comes out is a policy like any other: as YAML, as canonical JSON, and both alike.
func expectAccepted(_ conversion: Conversion) throws {
    #expect(try read(conversion.yaml) == [conversion.policy], "\(conversion.yaml)")
    #expect(try Policy(canonicalJSON: conversion.policy.canonicalJSON) == conversion.policy)
}

@Suite struct PolicyConverterTests {
    @Test func aScaledObjectOnAPrometheusQueryIsFetchedAsBefore() throws {
        let conversion = try #require(try convert(Manifest.fixture("agent-scaler")).first)
        try expectAccepted(conversion)
        let policy = conversion.policy
        #expect(policy.pool == "agents/agent-scaler")
        #expect(policy.target == ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "agent-pool"))
        #expect([policy.minReplicaCount, policy.maxReplicaCount, policy.cooldownPeriodSeconds] == [0, 20, 600] as [Int])
        let query = #"sum(rate(agent_requests_total{service="agent-pool"}[5m]))"#
        #expect(
            policy.triggers == [
                Trigger.polled(
                    name: "prometheus",
                    Poll(
                        source: .prometheus(serverAddress: "https://prometheus.monitoring.svc:9090", query: query, ignoreNullValues: true),
                        intervalSeconds: 15,
                        bearerTokenFile: "agents/prometheus-creds/token"),
                    thresholdMilli: 50_000, activationThresholdMilli: 3_000)
            ])
        #expect(
            conversion.notes.map(\.path) == [
                "metadata.name", "spec.triggers[0].metadata.serverAddress", "spec.triggers[0].authenticationRef",
            ])
        #expect(
            conversion.notes[2].message.contains(
                "mount the secret prometheus-creds as agents/prometheus-creds in the service's folder of secrets"))
    }

    @Test func aFormulaComesAlongWithItsTwoTriggers() throws {
        let conversion = try #require(try convert(Manifest.fixture("agent-scaler-formula")).first)
        try expectAccepted(conversion)
        let modifiers = try #require(conversion.policy.scalingModifiers)
        #expect(modifiers.formula.text == "(queue_depth + request_rate) / 2")
        #expect([modifiers.targetMilli, modifiers.activationTargetMilli] == [10_000, 2_000])
        #expect(conversion.policy.triggers.map(\.name) == ["queue_depth", "request_rate"])
        #expect(
            conversion.policy.triggers[0].source
                == .observed(metric: "rabbitmq", selector: [.init(key: "queueName", value: "agent-tasks")], staleAfterSeconds: 120))
        #expect(conversion.policy.triggers[1].poll?.intervalSeconds == 30)
        let left = conversion.notes.filter { $0.message.hasPrefix("left out") }.map(\.path)
        #expect(left == ["spec.advanced.restoreToOriginalReplicaCount", "spec.advanced.horizontalPodAutoscalerConfig.name"])
    }

    @Test func anHPAKeepsItsArithmeticAndIsFedFromNowOn() throws {
        let conversion = try #require(try convert(Manifest.fixture("agent-devops-hpa")).first)
        try expectAccepted(conversion)
        let policy = conversion.policy
        #expect([policy.minReplicaCount, policy.maxReplicaCount] == [1, 5] as [Int])
        #expect(
            policy.triggers == [
                Trigger(
                    name: "nats_consumer_pending_messages",
                    source: .observed(
                        metric: "nats_consumer_pending_messages",
                        selector: [.init(key: "consumer", value: "devops-agent"), .init(key: "stream", value: "agent-tasks")],
                        staleAfterSeconds: 120),
                    thresholdMilli: 3_000),
                Trigger(
                    name: "memory_utilization", source: .observed(metric: "memory_utilization", selector: [], staleAfterSeconds: 120),
                    thresholdMilli: 75_000,
                    metricType: .value),
            ])
        #expect(policy.behavior.scaleUp.stabilizationWindowSeconds == 60)
        #expect(policy.behavior.scaleUp.limits == [Behavior.Limit(kind: .pods, value: 2, periodSeconds: 120)])
        #expect(policy.behavior.scaleDown.stabilizationWindowSeconds == 300)
        #expect(policy.behavior.scaleDown.limits == [Behavior.Limit(kind: .pods, value: 1, periodSeconds: 300)])
        #expect(
            conversion.notes.filter { !$0.command.isEmpty }.map(\.path) == [
                "spec.metrics[0].external.metric.name", "spec.metrics[1].resource.name",
            ])
    }

    /// The command's event, once a shell has put in the id and the value, is what the trigger reads.
    @Test func theCommandSendsWhatTheTriggerReads() throws {
        for fixture in ["agent-scaler", "agent-scaler-formula", "agent-devops-hpa"] {
            let conversion = try #require(try convert(Manifest.fixture(fixture)).first)
            for note in conversion.notes where !note.command.isEmpty {
                let event = try #require(try Shell.event(note.command, value: "42.5"))
                let data = try #require(event["data"] as? [String: Any])
                let labels = data["labels"] as? [String: String] ?? [:]
                let sent = (
                    metric: try #require(data["metric"] as? String),
                    labels: labels.sorted { $0.key < $1.key }.map { Trigger.Label(key: $0.key, value: $0.value) }
                )
                #expect(
                    conversion.policy.triggers.contains { trigger in
                        if case .observed(let metric, let selector, _) = trigger.source {
                            metric == sent.metric && selector == sent.labels
                        } else {
                            false
                        }
                    }, "\(sent)")
                #expect(event["type"] as? String == "dev.greenroom.queue.observed")
                #expect(data["value"] as? Double == 42.5)
                #expect(data["pool"] as? String == conversion.policy.pool)
            }
        }
    }

    @Test(
        "scalers without a reader become observed metrics with their threshold",
        arguments: [
            (
                #"{type: kafka, metadata: {bootstrapServers: k, consumerGroup: g, topic: t, lagThreshold: "7", activationLagThreshold: "2"}}"#,
                "kafka", Int64(7_000), Int64(2_000), 2
            ),
            (#"{type: rabbitmq, metadata: {queueName: q, mode: QueueLength, value: "5"}}"#, "rabbitmq", 5_000, 0, 1),
            (#"{type: aws-sqs-queue, metadata: {queueURL: u}}"#, "aws_sqs_queue", 5_000, 0, 1),
            (#"{type: redis, metadata: {listName: l, listLength: "9"}, metricType: Value}"#, "redis", 9_000, 0, 1),
            (#"{type: mystery, metadata: {threshold: "1.5"}}"#, "mystery", 1_500, 0, 0),
        ])
    func otherScalers(_ trigger: String, _ metric: String, _ threshold: Int64, _ activation: Int64, _ labels: Int) throws {
        let conversion = try convert(Manifest.trigger(trigger))
        try expectAccepted(conversion)
        let read = try #require(conversion.policy.triggers.first)
        guard case .observed(metric, let selector, 120) = read.source else { Issue.record("\(read)"); return }
        #expect(selector.count == labels)
        #expect([read.thresholdMilli, read.activationThresholdMilli] == [threshold, activation])
        #expect(conversion.notes.contains { $0.path == "spec.triggers[0].type" && !$0.command.isEmpty })
    }

    @Test(
        "cpu and memory keep the HPA's arithmetic for resources",
        arguments: [
            (#"{type: cpu, metricType: Utilization, metadata: {value: "60"}}"#, "cpu_utilization", MetricType.value),
            (#"{type: memory, metricType: AverageValue, metadata: {value: "500Mi"}}"#, "memory_used", .averageValue),
            (#"{type: memory, metadata: {value: "70", containerName: c}}"#, "memory_utilization", .value),
        ])
    func resources(_ trigger: String, _ name: String, _ type: MetricType) throws {
        let conversion = try convert(Manifest.trigger(trigger))
        try expectAccepted(conversion)
        #expect(conversion.policy.triggers.map(\.name) == [name])
        #expect(conversion.policy.triggers.map(\.metricType) == [type])
    }

    @Test func aCronIsASchedule() throws {
        let conversion = try convert(
            Manifest.trigger(
                #"{type: cron, metadata: {timezone: Europe/Zurich, start: "0 8 * * 1-5", end: "30 18 * * 1-5", desiredReplicas: "10"}}"#))
        try expectAccepted(conversion)
        let schedule = try #require(conversion.policy.schedules.first)
        #expect(schedule.cron == "0 8 * * 1-5")
        #expect([schedule.durationSeconds, schedule.minReplicaCount] == [37_800, 10] as [Int])
        #expect(conversion.policy.triggers.map(\.source) == [Trigger.Source.demand])
        #expect(conversion.notes.contains { $0.path == "spec.triggers" })
    }

    @Test func aCronWhoseRunsDifferIsNamed() throws {
        let conversion = try convert(
            Manifest.trigger(#"{type: cron, metadata: {timezone: UTC, start: "0 8 * * *", end: "0 18 * * 1-5", desiredReplicas: "10"}}"#))
        #expect(conversion.policy.schedules.isEmpty)
        #expect(conversion.notes.contains { $0.path == "spec.triggers[0].metadata.end" && $0.message.contains("by hand") })
    }

    @Test func aNATSConsumerIsFetched() throws {
        let conversion = try convert(
            Manifest.trigger(
                #"{type: nats-jetstream, metadata: {natsServerMonitoringEndpoint: "nats:8222", account: A, stream: s, consumer: c, lagThreshold: "3", useHttps: "true"}}"#
            ))
        try expectAccepted(conversion)
        #expect(
            conversion.policy.triggers == [
                Trigger.polled(
                    name: "nats-jetstream",
                    Poll(
                        source: .natsJetStream(monitoringEndpoint: "https://nats:8222", account: "A", stream: "s", consumer: "c"),
                        intervalSeconds: 30),
                    thresholdMilli: 3_000)
            ])
    }

    @Test(
        "a query that needs more than a token or TLS files is sent by a command",
        arguments: [
            ("authModes: basic", "basic"), ("customHeaders: X=1", "customHeaders"), ("queryParameters: a=b", "queryParameters"),
            ("namespace: n", "namespace"),
        ])
    func unreadableQueries(_ extra: String, _ reason: String) throws {
        let conversion = try convert(
            Manifest.trigger(#"{type: prometheus, metadata: {serverAddress: "http://p", query: "up", threshold: "1", \#(extra)}}"#))
        try expectAccepted(conversion)
        #expect(conversion.policy.triggers.allSatisfy { $0.poll == nil })
        let note = try #require(conversion.notes.first { $0.path == "spec.triggers[0].metadata" })
        #expect(note.message.contains(reason))
        #expect(note.command.first?.contains("--data-urlencode 'query=up'") == true)
    }

    @Test func pausesFallbackAndIdleComeAlong() throws {
        let annotations =
            #"{"autoscaling.keda.sh/paused-replicas": "4", "autoscaling.keda.sh/paused-scale-in": "true", "scaledobject.keda.sh/transfer-hpa-ownership": "true", other: x}"#
        let conversion = try convert(
            Manifest.scaledObject(
                "idleReplicaCount: 0\nminReplicaCount: 2\ninitialCooldownPeriod: 9\nfallback: {failureThreshold: 3, replicas: 6, behavior: currentReplicasIfHigher}",
                annotations: annotations))
        try expectAccepted(conversion)
        let policy = conversion.policy
        #expect(policy.pause == Pause(scaleIn: true, scaleOut: false, hold: 4))
        #expect(policy.idleReplicaCount == 0)
        #expect(policy.initialCooldownPeriodSeconds == 9)
        #expect(policy.fallback == Fallback(failureThreshold: 3, replicas: 6, behavior: .currentReplicasIfHigher))
        #expect(
            conversion.notes.map(\.path) == [
                "metadata.annotations.scaledobject.keda.sh/transfer-hpa-ownership", "spec.triggers[0].metadata.serverAddress",
            ])
        let paused = try convert(Manifest.scaledObject("", annotations: #"{"autoscaling.keda.sh/paused": "true"}"#))
        #expect(paused.policy.pause == Pause(scaleIn: true, scaleOut: true))
    }

    @Test func whatHasNoMeaningHereIsNamed() throws {
        let conversion = try convert(
            Manifest.scaledObject("coolDown: 5\nscaleTargetRef: {name: p, envSourceContainerName: c}\nadvanced: {novelty: 1}"))
        let paths = conversion.notes.map(\.path)
        for path in ["spec.coolDown", "spec.scaleTargetRef.envSourceContainerName", "spec.advanced.novelty"] {
            #expect(paths.contains(path), "\(path)")
        }
    }

    @Test func ourOwnMetricsAreTheDemandItself() throws {
        let conversion = try convert(
            Manifest.hpa(
                "metrics: [{type: External, external: {metric: {name: greenroom_demand, selector: {matchLabels: {pool: n/p}}}, target: {type: AverageValue, averageValue: 1500m}}}]"
            ))
        #expect(conversion.policy.triggers == [Trigger(name: "demand", source: .demand, thresholdMilli: 1_500)])
    }

    @Test func manyManifestsAreConvertedAndOthersNamed() throws {
        let list =
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}\n- apiVersion: autoscaling/v2\n  kind: HorizontalPodAutoscaler\n  metadata: {name: q}\n  spec: {scaleTargetRef: {name: q}, maxReplicas: 2}\n"
        let conversions = try convert(Array("\(Manifest.scaledObject(""))---\n\(list)".utf8))
        #expect(conversions.map(\.origin) == ["ScaledObject n/p", "HorizontalPodAutoscaler default/q"])
        #expect(conversions[0].notes.contains { $0.message.hasPrefix("Deployment is no autoscaler") })
        #expect(try read(Conversion.yaml(conversions)).map(\.pool) == ["n/p", "default/q"])
    }

    @Test(
        "what is wrong is refused, with the field",
        arguments: [
            (Manifest.scaledObject("maxReplicaCount: many"), "spec.maxReplicaCount"),
            (Manifest.trigger("{type: prometheus, metadata: {query: up}}"), "spec.triggers[0].metadata.threshold"),
            (Manifest.trigger("{metadata: {}}"), "spec.triggers[0].type"),
            (
                Manifest.scaledObject("advanced: {scalingModifiers: {formula: \"prometheus ^ x\", target: \"1\"}}"),
                "spec.advanced.scalingModifiers.formula"
            ),
            (Manifest.hpa("metrics: [{type: External}]"), "spec.metrics[0].external"),
            (Manifest.hpa("metrics: [{type: Extrnal}]"), "spec.metrics[0].type"),
            (Manifest.scaledObject("").replacing("v1alpha1", with: "v1"), "apiVersion"),
            (Manifest.scaledObject("maxReplicaCount: 0"), "spec.maxReplicaCount"),
            ("apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\n", "apiVersion"), ("kind: Pod\n", ""), ("", ""), ("a: [", ""),
            (
                Manifest.trigger(
                    #"{type: cron, metadata: {timezone: Europe/Zurick, start: "0 8 * * *", end: "0 9 * * *", desiredReplicas: "1"}}"#),
                "spec.triggers[0].metadata.timezone"
            ),
        ])
    func refusals(_ text: String, _ path: String) {
        let found = problems(converting: text)
        #expect(found.contains { $0.path == path }, "\(found)")
    }

    /// A manifest's texts end up in comments and in a shell: neither may be left.
    @Test func textsOfTheManifestStayInTheirPlace() throws {
        let hostile = #"{type: mystery, metadata: {threshold: "1", queueName: "x"}, "a\nspec: evil": 1}"#
        let conversion = try convert(Manifest.trigger(hostile))
        try expectAccepted(conversion)
        let label =
            #"metrics: [{type: External, external: {metric: {name: m, selector: {matchLabels: {q: "it's $(touch x) \"y\""}}}, target: {type: Value, value: 1}}}]"#
        let quoted = try convert(Manifest.hpa(label))
        try expectAccepted(quoted)
        let command = try #require(quoted.notes.first { !$0.command.isEmpty }?.command)
        let labels = (try Shell.event(command, value: "1")?["data"] as? [String: Any])?["labels"] as? [String: String]
        #expect(labels == ["q": #"it's $(touch x) "y""#])
    }
}

/// What a shell makes of a feeding command, with a curl that shows its last argument.
private enum Shell {
    static func event(_ command: [String], value: String) throws -> [String: Any]? {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let script = "curl() { for last; do :; done; printf '%s' \"$last\"; }\njq() { cat >/dev/null; }\n" + command.joined(separator: "\n")
        // What fetches the value is not run: it is given.
        process.arguments = ["-c", script.replacing("VALUE=$(", with: "IGNORED=$(")]
        process.environment = ["VALUE": value, "PATH": "/usr/bin:/bin"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try JSONSerialization.jsonObject(with: data) as? [String: Any]
    }
}
