import Basics
import Domain
import Testing

@testable import Autoscaling

/// A policy with something unusual in every field.
private func full() throws -> Policy {
    var policy = Policy(
        pool: "kagent/kagent-default",
        target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "workers", command: ["/bin/sh", "-c", "echo \"hi\"\n"]))
    policy.mode = .recommend
    policy.slotsPerWorker = 4
    policy.minReplicaCount = 3
    policy.maxReplicaCount = 20
    policy.idleReplicaCount = 1
    policy.cooldownPeriodSeconds = 120
    policy.initialCooldownPeriodSeconds = 15
    policy.buffer = .percent(20)
    policy.triggers = [
        Trigger(name: "demand", source: .demand, thresholdMilli: 1_500, activationThresholdMilli: 1),
        Trigger(
            name: "request_rate",
            source: .observed(
                metric: "nats_consumer_pending_messages",
                selector: [.init(key: "consumer", value: "dev\\ops"), .init(key: "stream", value: "täsk")], staleAfterSeconds: 60),
            thresholdMilli: 9_007_199_254_740_993, metricType: .value),
    ]
    policy.triggers.append(
        .polled(
            name: "rate",
            Poll(
                source: .prometheus(
                    serverAddress: "https://prometheus:9090/p", query: "sum(rate(a{b=\"c\"}[5m]))\n", ignoreNullValues: false),
                intervalSeconds: 30, timeoutSeconds: 9,
                bearerTokenFile: "prometheus/token", tls: Poll.TLS(caFile: "ca.pem", certFile: "tls.crt", keyFile: "tls.key")),
            thresholdMilli: 50_000, activationThresholdMilli: 3_000, metricType: .value, staleAfterSeconds: 90))
    policy.triggers.append(
        .polled(
            name: "pending",
            Poll(
                source: .natsJetStream(
                    monitoringEndpoint: "http://nats:8222", account: "$G", stream: "agent-tasks", consumer: "devops-agent")),
            thresholdMilli: 1))
    policy.triggers.append(
        .polled(
            name: "waiting",
            Poll(
                source: .natsJetStream(
                    monitoringEndpoint: "http://nats:8222", account: "$G", stream: "agent-tasks", consumer: "devops-agent")),
            thresholdMilli: 1))
    policy.triggers[policy.triggers.count - 1].poll?.countsInFlight = false
    policy.behaviorGiven = true
    policy.behavior.scaleUp.stabilizationWindowSeconds = 30
    policy.behavior.scaleUp.tolerancePPM = 50_001
    policy.behavior.scaleDown = Behavior.Rules(
        stabilizationWindowSeconds: 0, select: .disabled, limits: [.init(kind: .pods, value: 1, periodSeconds: 300)])
    policy.scalingModifiers = ScalingModifiers(
        formula: try Formula(compiling: "(demand + request_rate) / 2 ?? 1", names: ["demand", "request_rate"]), targetMilli: 10_000,
        activationTargetMilli: 2_500, metricType: .value)
    policy.fallback = Fallback(failureThreshold: 3, replicas: 6, behavior: .currentReplicasIfHigher)
    policy.schedules = [
        try Schedule(
            cron: "0 8 * * 1-5", timezone: "Europe/Zurich", durationSeconds: 36_000, minReplicaCount: 5,
            offsets: [
                ZoneOffset(from: .earliestWritable, secondsEastOfUTC: 3_600),
                ZoneOffset(from: LogTime(microseconds: 1_774_746_000_000_000), secondsEastOfUTC: 7_200),
            ]),
        try Schedule(cron: "@daily", durationSeconds: 60, minReplicaCount: 0),
    ]
    policy.drainTimeoutSeconds = 0
    policy.pause = Pause(scaleIn: true, scaleOut: false, hold: 4)
    policy.forceActivation = true
    policy.foreignChange = .yield
    policy.spillTo = ["kagent/other"]
    policy.zoneMaxSkew = 2
    policy.localWaitSeconds = 7
    policy.prefetch = true
    policy.quotas = [Quota(tenant: "team-a", maxRunning: 10)]
    return policy
}

private func refusal(_ json: String) -> PolicyJSONError? {
    do throws(PolicyJSONError) { _ = try Policy(canonicalJSON: Array(json.utf8)) } catch { return error }
    return nil
}

@Suite struct PolicyJSONTests {
    @Test func everyFieldReadsBackTheSame() throws {
        let policy = try full()
        #expect(policy.violations.isEmpty)
        #expect(try Policy(canonicalJSON: policy.canonicalJSON) == policy)
    }

    /// A log's older policies of this kind say nothing of it: their bytes, and so their digests, stay.
    @Test func whatIsInFlightCountsWhereNothingIsSaid() throws {
        var policy = Policy(pool: "default/a", target: ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "a"))
        policy.triggers = [
            .polled(
                name: "pending",
                Poll(source: .natsJetStream(monitoringEndpoint: "http://nats:8222", account: "$G", stream: "s", consumer: "c")),
                thresholdMilli: 1_000)
        ]
        #expect(!String(decoding: policy.canonicalJSON, as: UTF8.self).contains("inFlight"))
        #expect(try Policy(canonicalJSON: policy.canonicalJSON).triggers.first?.poll?.countsInFlight == true)
        policy.triggers[0].poll?.countsInFlight = false
        #expect(String(decoding: policy.canonicalJSON, as: UTF8.self).contains(#""inFlight":false"#))
    }

    @Test func thePlainestPolicyReadsBackTheSame() throws {
        let plain = Policy(pool: "default/a", target: ScaleTarget(apiVersion: "apps/v1", kind: "Deployment", name: "a"))
        #expect(try Policy(canonicalJSON: plain.canonicalJSON) == plain)
        #expect(
            String(decoding: plain.canonicalJSON, as: UTF8.self) == """
                {"apiVersion":"greenroom.dev/v1","kind":"WorkerPoolAutoscaler","metadata":{"namespace":"default","name":"a"},"spec":{"mode":"auto",\
                "scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"a","command":[]},"slotsPerWorker":1,"minReplicaCount":0,"maxReplicaCount":100,\
                "idleReplicaCount":null,"cooldownPeriod":300,"initialCooldownPeriod":0,"buffer":{"spare":0},"triggers":[],\
                "advanced":{"horizontalPodAutoscalerConfig":{"behavior":null},"scalingModifiers":null},"fallback":null,"schedules":[],"drain":{"timeoutSeconds":300},\
                "placement":{"spillTo":[],"zoneSpread":null,"localWaitSeconds":"auto"},"quotas":[],"pause":{"in":false,"out":false,"hold":null},"forceActivation":false}}
                """)
    }

    @Test(arguments: 0..<200)
    func anyPolicyReadsBackTheSameOrIsRefusedForTheSameReason(_ seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let policy = random.policy()
        if let broken = policy.violations.first {
            #expect(refusal(String(decoding: policy.canonicalJSON, as: UTF8.self))?.path == broken.path)
        } else {
            #expect(try Policy(canonicalJSON: policy.canonicalJSON) == policy)
        }
    }

    @Test func equalPoliciesHaveEqualBytes() throws {
        #expect(try full().canonicalJSON == full().canonicalJSON)
    }

    /// A log may be older than a field.
    @Test func absentFieldsHaveTheirDefaults() throws {
        let old =
            #"{"apiVersion":"greenroom.dev/v1","kind":"WorkerPoolAutoscaler","metadata":{"name":"a","namespace":"n"},"spec":{"scaleTargetRef":{"kind":"Process","name":"a","apiVersion":"greenroom.dev/v1"}}}"#
        #expect(
            try Policy(canonicalJSON: Array(old.utf8))
                == Policy(pool: "n/a", target: ScaleTarget(apiVersion: "greenroom.dev/v1", kind: "Process", name: "a")))
    }

    /// One thing changed in the full policy: what, into what, and the path that must be named.
    @Test(arguments: [
        (#""greenroom.dev/v1","kind":"W"#, #""greenroom.dev/v2","kind":"W"#, "apiVersion"),
        ("WorkerPoolAutoscaler", "ScaledObject", "kind"),
        (#""name":"kagent-default""#, #""name":"Kagent""#, "metadata.name"), (#""mode":"recommend""#, #""mode":"dream""#, "spec.mode"),
        (#""cooldownPeriod":120"#, #""cooldownPeriod":1.5"#, "spec.cooldownPeriod"),
        (#""cooldownPeriod":120"#, #""cooldownPeriods":120"#, "spec.cooldownPeriods"),
        (#""cooldownPeriod":120"#, #""cooldownPeriod":-1"#, "spec.cooldownPeriod"),
        (#""cooldownPeriod":120"#, #""cooldownPeriod":1,"cooldownPeriod":1"#, "spec.cooldownPeriod"),
        (#""minReplicaCount":3"#, #""minReplicaCount":30"#, "spec.minReplicaCount"),
        (#""idleReplicaCount":1"#, #""idleReplicaCount":3"#, "spec.idleReplicaCount"),
        (#""sparePercent":20"#, #""sparePercent":20,"spare":1"#, "spec.buffer"),
        (#""threshold":1.5"#, #""threshold":0"#, "spec.triggers[0].threshold"),
        (#""type":"demand""#, #""type":"cpu""#, "spec.triggers[0].type"),
        (#""metric":"nats_consumer_pending_messages""#, #""metric":"-x""#, "spec.triggers[1].metric"),
        (#""consumer":"#, #""zconsumer":"#, "spec.triggers[1].selector"),
        ("(demand + request_rate)", "(demand + request_rat)", "spec.advanced.scalingModifiers.formula"),
        ("0 8 * * 1-5", "0 8 * * 1-9", "spec.schedules[0].cron"),
        (#""secondsEastOfUTC":3600"#, #""secondsEastOfUTC":360000"#, "spec.schedules[0].cron"),
        (#""failureThreshold":3"#, #""failureThreshold":null"#, "spec.fallback.failureThreshold"),
        (#""replicas":6"#, #""replicas":21"#, "spec.fallback.replicas"),
        (
            #""periodSeconds":300"#, #""periodSeconds":1801"#,
            "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies[0].periodSeconds"
        ),
        (#""localWaitSeconds":7"#, #""localWaitSeconds":"soon""#, "spec.placement.localWaitSeconds"),
        ("kagent/other", "kagent/kagent-default", "spec.placement.spillTo[0]"),
        (#""in":true"#, #""in":1"#, "spec.pause.in"), (#""forceActivation":true}}"#, #""forceActivation":true}} x"#, ""),
        (#""quotas":["#, #""quotas":[[],"#, "spec.quotas[0]"),
    ])
    func refuses(_ part: String, _ replacement: String, naming path: String) throws {
        let canonical = String(decoding: try full().canonicalJSON, as: UTF8.self)
        let range = try #require(canonical.firstRange(of: part), "\(part)")
        let error = try #require(refusal(canonical.replacingCharacters(in: range, with: replacement)))
        #expect(error.path == path, "\(error)")
    }

    /// A policy without behavior has the default, and can have no other: it would be lost in writing.
    @Test func behaviorThatWasNotGivenIsTheDefault() throws {
        var policy = try full()
        policy.behaviorGiven = false
        #expect(policy.violations.map(\.path) == ["spec.advanced.horizontalPodAutoscalerConfig.behavior"])
    }

    @Test(arguments: 0..<8)
    func mutatedBytesNeverCrashAndWhatIsReadIsWritable(_ seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let canonical = try full().canonicalJSON
        for _ in 0..<150 {
            var bytes = canonical
            for _ in 0..<random.int(1...4) {
                switch random.int(0...2) {
                case 0: bytes[random.int(0...(bytes.count - 1))] = UInt8(random.int(0...255))
                case 1: bytes.remove(at: random.int(0...(bytes.count - 1)))
                default: bytes[random.int(0...(bytes.count - 1))] = random.pick(Array(#"0123456789-.eE"{}[],:null"#.utf8))
                }
            }
            if let policy = try? Policy(canonicalJSON: bytes) { #expect(try Policy(canonicalJSON: policy.canonicalJSON) == policy) }
        }
        for end in stride(from: 0, to: canonical.count, by: 61) {
            #expect(refusal(String(decoding: canonical[..<end], as: UTF8.self)) != nil)
        }
    }
}

extension String {
    /// Without Foundation, which the core and its tests do without.
    fileprivate func firstRange(of part: String) -> Range<String.Index>? {
        let (all, wanted) = (Array(utf8), Array(part.utf8))
        guard wanted.count <= all.count else { return nil }
        for start in 0...(all.count - wanted.count) where all[start...].starts(with: wanted) {
            return utf8.index(startIndex, offsetBy: start)..<utf8.index(startIndex, offsetBy: start + wanted.count)
        }
        return nil
    }

    fileprivate func replacingCharacters(in range: Range<String.Index>, with replacement: String) -> String {
        self[..<range.lowerBound] + replacement + self[range.upperBound...]
    }
}
