import Autoscaling
import Domain
import Foundation
import Testing

@testable import Policies

// Does a converted policy mean what the manifest meant, or say on which line it doesn't?

@Suite struct ConversionMeaningTests {
    private func note(_ conversion: Conversion, _ path: String) throws -> String {
        try #require(conversion.notes.first { $0.path == path }, "\(conversion.notes.map(\.path))").message
    }

    // MARK: - Annotations

    /// Go's ParseBool, and what it refuses counts as true.
    @Test(
        "a pause is a pause however it is written",
        arguments: [
            ("\"1\"", true), ("\"yes\"", true), ("\"t\"", true), ("\"True\"", true), ("\"on\"", true), ("\"\"", true), ("\"paused\"", true),
            ("yes", true), ("true", true), ("\"tRUE\"", true),
            ("\"0\"", false), ("\"false\"", false), ("\"F\"", false), ("\"False\"", false), ("false", false),
        ])
    func flags(_ written: String, _ isOn: Bool) throws {
        func pause(_ name: String) throws -> Policy {
            try convert(Manifest.scaledObject("", annotations: "{autoscaling.keda.sh/\(name): \(written)}")).policy
        }
        #expect(try pause("paused").pause == Pause(scaleIn: isOn, scaleOut: isOn))
        #expect(try pause("paused-scale-in").pause == Pause(scaleIn: isOn))
        #expect(try pause("paused-scale-out").pause == Pause(scaleOut: isOn))
        #expect(try pause("force-activation").forceActivation == isOn)
    }

    @Test func aFlagThatIsNoneIsTold() throws {
        let conversion = try convert(Manifest.scaledObject("", annotations: #"{"autoscaling.keda.sh/paused": "no"}"#))
        #expect(conversion.policy.pause == Pause(scaleIn: true, scaleOut: true))
        #expect(try note(conversion, "metadata.annotations.autoscaling.keda.sh/paused").contains("counts as true"))
    }

    // MARK: - Fallback

    @Test func aFallbackAboveTheMaximumIsLoweredAndTold() throws {
        let conversion = try convert(Manifest.scaledObject("maxReplicaCount: 5\nfallback: {failureThreshold: 0, replicas: 9}"))
        try expectAccepted(conversion)
        #expect(conversion.policy.fallback == Fallback(failureThreshold: 1, replicas: 5))
        #expect(try note(conversion, "spec.fallback.replicas").contains("9 lowered to maxReplicaCount, 5"))
        #expect(try note(conversion, "spec.fallback.failureThreshold").contains("0 became 1"))
    }

    @Test func theFormulaDecidesWhereKEDALetsIt() throws {
        let formula = #"advanced: {scalingModifiers: {formula: "prometheus ?? 3", target: "1"}}"#
        let conversion = try convert(
            Manifest.scaledObject("\(formula)\nfallback: {failureThreshold: 3, replicas: 6, behavior: scalingModifiers}"))
        try expectAccepted(conversion)
        #expect(conversion.policy.fallback == Fallback(failureThreshold: 3, replicas: 6, behavior: .static))
        #expect(try note(conversion, "spec.fallback.behavior").contains("became static"))
        let found = problems(converting: Manifest.scaledObject("fallback: {failureThreshold: 3, replicas: 6, behavior: scalingModifiers}"))
        #expect(found.map(\.path) == ["spec.fallback.behavior"])
    }

    @Test func aFormulaThatNamesACronTriggerIsToldThatItBecameASchedule() throws {
        let cron = #"{type: cron, name: office, metadata: {timezone: UTC, start: "0 8 * * *", end: "0 18 * * *", desiredReplicas: "3"}}"#
        let prometheus = #"{type: prometheus, name: load, metadata: {serverAddress: "http://p", query: up, threshold: "1"}}"#
        let formula = #"advanced: {scalingModifiers: {formula: "max(load, office)", target: "1"}}"#
        let found = problems(converting: Manifest.scaledObject("triggers: [\(prometheus), \(cron)]\n\(formula)"))
        #expect(found.map(\.path) == ["spec.advanced.scalingModifiers.formula"])
        #expect(found.first?.message.contains("office became spec.schedules") == true)
    }

    @Test func anActivationBelowZeroIsForced() throws {
        let conversion = try convert(
            Manifest.trigger(
                #"{type: prometheus, metadata: {serverAddress: "http://p", query: up, threshold: "1", activationThreshold: "-1"}}"#))
        try expectAccepted(conversion)
        #expect(conversion.policy.forceActivation)
        #expect(try note(conversion, "spec.triggers[0].metadata").contains("forceActivation"))
    }

    // MARK: - Numbers

    /// YAML 1.1, which kubectl reads: 010 is 8.
    @Test func aLeadingZeroIsNotTakenForTen() throws {
        let found = problems(converting: Manifest.scaledObject("cooldownPeriod: 010"))
        #expect(found.map(\.path) == ["spec.cooldownPeriod"] && found.first?.message.contains("octal") == true)
        #expect(try convert(Manifest.scaledObject("cooldownPeriod: 0")).policy.cooldownPeriodSeconds == 0)
        #expect(try convert(cron("0 8 * * *", "0 9 * * *", replicas: "03")).policy.schedules.map(\.minReplicaCount) == [3])
    }

    @Test func anEmptyZoneIsSaidToBeEmpty() throws {
        let found = problems(converting: cron("0 8 * * *", "0 9 * * *", zone: ""))
        #expect(found.map(\.path) == ["spec.triggers[0].metadata.timezone"] && found.first?.message.hasPrefix("is empty") == true)
    }

    // MARK: - Cron

    private func cron(_ start: String, _ end: String, zone: String = "UTC", replicas: String = "3") -> String {
        Manifest.trigger(
            #"{type: cron, metadata: {timezone: "\#(zone)", start: "\#(start)", end: "\#(end)", desiredReplicas: "\#(replicas)"}}"#)
    }

    @Test(
        "start, end, the schedule's expression and length",
        arguments: [
            ("0 8 * * 1-5", "0 18 * * 1-5", "0 8 * * 1-5", 36_000), ("0 22 * * *", "0 6 * * *", "0 22 * * *", 28_800),
            ("0 0 1 * *", "0 0 2 * *", "0 0 1 * *", 86_400),
            // A star with a step in a day's field beside the other: either of them, to KEDA.
            ("0 8 */2 * 1", "0 9 */2 * 1", "0 8 1-31/2 * 1", 3_600), ("0 8 1 * */2", "0 9 1 * */2", "0 8 1 * 0-6/2", 3_600),
            ("0 8 */2 * *", "0 9 */2 * *", "0 8 */2 * *", 3_600),
            ("0 8 * * */2", "0 9 * * */2", "0 8 * * */2", 3_600), ("0 8 1,* * 1", "0 9 1,* * 1", "0 8 * * 1", 3_600),
            ("TZ=UTC 0 8 * * *", "TZ=UTC 0 9 * * *", "0 8 * * *", 3_600),
        ])
    func schedules(_ start: String, _ end: String, _ expression: String, _ seconds: Int) throws {
        let conversion = try convert(cron(start, end))
        try expectAccepted(conversion)
        let schedule = try #require(conversion.policy.schedules.first, "\(conversion.notes)")
        #expect(schedule.cron == expression)
        #expect(schedule.durationSeconds == seconds)
    }

    /// Every odd day of the month, or a Monday: 2 November 2026 is one, the 3rd is odd, the 4th is neither.
    @Test func aStepOfAStarBesideAWeekdayMeansEither() throws {
        let conversion = try convert(cron("0 8 */2 * 1", "0 9 */2 * 1"))
        let schedule = try #require(conversion.policy.schedules.first)
        #expect(
            try ["2026-11-02", "2026-11-03", "2026-11-04"].map { schedule.isActive(at: try time("\($0)T08:30:00Z")) } == [
                true, true, false,
            ])
        #expect(try note(conversion, "spec.triggers[0].metadata.start").contains("1-31/2"))
    }

    @Test(
        "an end at the start's own time is refused: it would be always on",
        arguments: [("0 8 * * *", "0 8 * * *"), ("0 8 * * *", "00 08 * * *"), ("@daily", "0 0 * * *")])
    func endsThatAreStarts(_ start: String, _ end: String) {
        #expect(problems(converting: cron(start, end)).map(\.path) == ["spec.triggers[0].metadata.end"])
    }

    /// To KEDA an end without a start before it makes the time before it active: the weekend, here.
    @Test(
        "runs that aren't alike are left out by name",
        arguments: [
            ("0 8 * * 1-5", "0 18 * * *"), ("0 8,9 * * *", "0 18 * * *"), ("0 8 * * *", "0 18 * * 1-5"), ("0 8 * * *", "0 18 * 1-6 *"),
            ("0 0 1 * *", "0 0 28 * *"), ("0 8 29 2 *", "0 9 1 3 *"),
        ])
    func unlike(_ start: String, _ end: String) throws {
        let conversion = try convert(cron(start, end))
        if conversion.policy.schedules.isEmpty {
            #expect(try note(conversion, "spec.triggers[0].metadata.end").contains("by hand"))
        } else {
            // The first of a month to its 28th is 27 days in every month.
            #expect(start.hasPrefix("0 0 1"))
        }
    }

    @Test func replicasOfACronAreBounded() throws {
        #expect(
            problems(converting: cron("0 8 * * *", "0 9 * * *", replicas: "0")).map(\.path) == ["spec.triggers[0].metadata.desiredReplicas"]
        )
        #expect(
            problems(converting: cron("0 8 * * *", "0 9 * * *", replicas: "-3")).map(\.path) == [
                "spec.triggers[0].metadata.desiredReplicas"
            ])
        #expect(problems(converting: cron("0 8 * * *", "0 9 * * *", zone: "Local")).first?.message.contains("KEDA's own pod") == true)
    }

    /// Zone, its offset in January, and in July, in hours.
    @Test(
        "zones without an area are zones",
        arguments: [
            ("CET", 1, 2), ("EST", -5, -5), ("EST5EDT", -5, -4), ("MET", 1, 2), ("WET", 0, 1), ("EET", 2, 3), ("Japan", 9, 9), ("GB", 0, 1),
            ("Zulu", 0, 0), ("GMT0", 0, 0), ("UTC", 0, 0),
            ("HST", -10, -10), ("MST", -7, -7), ("PST8PDT", -8, -7), ("NZ", 13, 12), ("Etc/GMT+5", -5, -5), ("Europe/Zurich", 1, 2),
        ])
    func zones(_ zone: String, _ winter: Int, _ summer: Int) throws {
        let offsets = try #require(TimeZoneOffsets.offsets(of: zone, around: Sample.now))
        func hours(_ day: String) throws -> Int {
            let at = try time("\(day)T12:00:00Z")
            return try #require(offsets.last { $0.from <= at } ?? offsets.first).secondsEastOfUTC / 3_600
        }
        #expect([try hours("2026-01-15"), try hours("2026-07-15")] == [winter, summer])
        let conversion = try convert(cron("0 8 * * *", "0 9 * * *", zone: zone))
        #expect(conversion.policy.schedules.map(\.timezone) == [zone])
    }

    @Test(arguments: ["PST", "CEST", "GMT+2", "UTC+1", "Foo", "posixrules", "Factory", ""])
    func namesThatAreNoZones(_ zone: String) { #expect(TimeZoneOffsets.offsets(of: zone, around: Sample.now) == nil) }

    // MARK: - Feeds

    @Test("a feed that dies is noticed: four looks, two minutes at least", arguments: [(10, 120), (30, 120), (60, 240), (99_999, 14_400)])
    func silence(_ interval: Int, _ seconds: Int) throws {
        let conversion = try convert(
            Manifest.scaledObject(
                "pollingInterval: \(interval)\ntriggers: [{type: kafka, metadata: {topic: t}}, {type: prometheus, metadata: {query: up, threshold: \"1\"}}, {type: cpu, metadata: {value: \"50\"}}]"
            ))
        try expectAccepted(conversion)
        #expect(
            conversion.policy.triggers.map { trigger -> Int? in if case .observed(_, _, let stale) = trigger.source { stale } else { nil } }
                == [seconds, seconds, seconds])
        #expect(conversion.notes.filter { $0.message.contains("after \(seconds) s of silence") }.count == 3)
    }

    @Test(
        "what a scaler counts is told: with what is in flight, or without",
        arguments: [
            ("{type: rabbitmq, metadata: {queueName: q}}", "unacknowledged too"),
            (#"{type: rabbitmq, metadata: {queueName: q, excludeUnacknowledged: "true"}}"#, "without those that are delivered"),
            ("{type: rabbitmq, metadata: {queueName: q, mode: MessageRate}}", "published in a second"),
            ("{type: aws-sqs-queue, metadata: {queueURL: u}}", "in flight too"),
            (
                #"{type: aws-sqs-queue, metadata: {queueURL: u, scaleOnInFlight: "false", scaleOnDelayed: "true"}}"#,
                "without those in flight, and the delayed ones"
            ),
            ("{type: redis-streams, metadata: {stream: s, consumerGroup: g}}", "not acknowledged yet"),
            (#"{type: redis-streams, metadata: {stream: s, consumerGroup: g, lagCount: "5"}}"#, "weren't delivered yet"),
            ("{type: redis-streams, metadata: {stream: s}}", "the stream's length"), ("{type: kafka, metadata: {topic: t}}", "committed"),
            ("{type: mystery, metadata: {threshold: \"1\"}}", "what the scaler would read"),
        ])
    func workInFlight(_ trigger: String, _ words: String) throws {
        #expect(try note(try convert(Manifest.trigger(trigger)), "spec.triggers[0].type").contains(words))
    }

    // MARK: - Our own scaler

    @Test func ourOwnExampleIsTheDemandItself() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let conversion = try #require(
            try convert(Array(try Data(contentsOf: root.appendingPathComponent("docs/examples/keda-scaledobject.yaml")))).first)
        try expectAccepted(conversion)
        #expect(conversion.policy.pool == "kagent/kagent-default")
        #expect(conversion.policy.triggers == [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)])
        #expect(conversion.notes.allSatisfy { $0.command.isEmpty })
        #expect(
            conversion.notes.map(\.path) == [
                "spec.pollingInterval", "spec.triggers[0].metadata.scalerAddress", "spec.triggers[0].metadata.pool",
            ])
    }

    @Test(
        "metric and size, and what they become",
        arguments: [
            ("metric: demand, targetSize: \"3\", activationThreshold: \"2\"", Int64(3_000), Int64(2_000)),
            ("metric: queue_depth", 1_000, 0), ("metric: desired, targetSize: \"4\"", 1_000, 0), ("enableTLS: \"true\"", 1_000, 0),
        ])
    func ourOwnScaler(_ fields: String, _ threshold: Int64, _ activation: Int64) throws {
        for type in ["external", "external-push"] {
            let conversion = try convert(
                Manifest.trigger("{type: \(type), metadata: {scalerAddress: \"any.svc:1\", pool: other, \(fields)}}"))
            try expectAccepted(conversion)
            #expect(conversion.policy.pool == "n/other")
            #expect(
                conversion.policy.triggers == [
                    Trigger(name: "demand", source: .demand, thresholdMilli: threshold, activationThresholdMilli: activation)
                ])
        }
    }

    @Test func otherExternalScalersStayWhatTheyAre() throws {
        let conversion = try convert(
            Manifest.trigger("{type: external, metadata: {scalerAddress: \"x:1\", pool: p, weight: \"3\", threshold: \"2\"}}"))
        #expect(conversion.policy.triggers.first?.source != .demand)
        let found = problems(converting: Manifest.trigger("{type: external, metadata: {scalerAddress: \"x:1\", pool: elsewhere/p}}"))
        #expect(found.map(\.path) == ["spec.triggers[0].metadata.pool"])
    }

    // MARK: - Authentication

    private func authenticated(_ spec: String, _ trigger: String, kind: String = "TriggerAuthentication", namespace: String = "n") -> String
    {
        "apiVersion: keda.sh/v1alpha1\nkind: \(kind)\nmetadata: {name: a, namespace: \(namespace)}\nspec: \(spec)\n---\n"
            + Manifest.trigger(
                "{type: prometheus, metadata: {serverAddress: \"http://p\", query: up, threshold: \"1\"\(trigger)}, authenticationRef: {name: a}}"
            )
    }

    @Test("a pod identity is no token", arguments: ["gcp", "aws", "azure-workload"])
    func podIdentities(_ provider: String) throws {
        for modes in ["", ", authModes: bearer"] {
            let conversion = try convert(authenticated("{podIdentity: {provider: \(provider)}}", modes))
            try expectAccepted(conversion)
            #expect(conversion.policy.triggers.allSatisfy { $0.poll == nil })
            let told = try note(conversion, "spec.triggers[0].metadata")
            #expect(told.contains("pod identity (\(provider))") && !told.contains("isn't in this text"))
        }
    }

    @Test func tokensThatAreNoSecretsAreNamed() throws {
        let vault = try convert(authenticated("{hashiCorpVault: {address: x}}", ", authModes: bearer"))
        #expect(try note(vault, "spec.triggers[0].metadata").contains("hashiCorpVault"))
        let none = try convert(authenticated("{secretTargetRef: [{parameter: ca, name: s, key: k}]}", ""))
        #expect(none.policy.triggers.first?.poll?.bearerTokenFile == nil)
        #expect(none.policy.triggers.first?.poll?.tls == Poll.TLS(caFile: "n/s/k"))
    }

    /// One of the same name in another namespace says nothing.
    @Test func authenticationsAreOfTheirNamespace() throws {
        let secret = "{secretTargetRef: [{parameter: bearerToken, name: s, key: k}]}"
        #expect(try convert(authenticated(secret, ", authModes: bearer")).policy.triggers.first?.poll?.bearerTokenFile == "n/s/k")
        #expect(
            try convert(authenticated(secret, ", authModes: bearer", namespace: "other")).policy.triggers.first?.poll?.bearerTokenFile
                == "n/a/bearerToken")
        #expect(
            try convert(authenticated(secret, ", authModes: bearer", kind: "ClusterTriggerAuthentication")).policy.triggers.first?.poll?
                .bearerTokenFile == "n/a/bearerToken")
    }

    @Test(
        "a number that is finer than a policy knows is rounded and told",
        arguments: [("0.0004", "0.001"), ("0.0015", "0.002"), ("500u", "0.001"), ("1.0001", "1.001")])
    func rounding(_ written: String, _ became: String) throws {
        let conversion = try convert(
            Manifest.trigger("{type: kafka, metadata: {lagThreshold: \"\(written)\", activationLagThreshold: \"\(written)\"}}"))
        #expect(conversion.policy.triggers.first.map { Quantity.text($0.thresholdMilli, decimals: 3) } == became)
        for field in ["lagThreshold", "activationLagThreshold"] {
            #expect(
                conversion.notes.filter { $0.path == "spec.triggers[0].metadata.\(field)" }.map(\.message) == [
                    "\(written) became \(became): 0.001 is the finest step there is"
                ])
        }
        let hpa = try convert(
            Manifest.hpa(
                "metrics:\n  - type: External\n    external:\n      metric: {name: m}\n      target: {type: Value, value: \"\(written)\"}"))
        #expect(try note(hpa, "spec.metrics[0].external.target.value").contains("became \(became)"))
        let tolerance = try convert(
            Manifest.scaledObject("advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleUp: {tolerance: 0.00000004}}}}"))
        #expect(try note(tolerance, "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.tolerance").contains("became 0.000001"))
    }

    @Test("a number that a policy has as it is says nothing", arguments: ["0.001", "1.500", "500m", "2k", "0.0010", "1500000u"])
    func noRounding(_ written: String) throws {
        let conversion = try convert(Manifest.trigger("{type: kafka, metadata: {lagThreshold: \"\(written)\"}}"))
        #expect(!conversion.notes.contains { $0.message.contains("became") && $0.path.hasSuffix("lagThreshold") })
    }

    @Test(
        "a timeout that isn't whole seconds within bounds is told",
        arguments: [
            ("-5", 1), ("0", 1), ("500ms", 1), ("1500", 2), ("999999", 60), ("9223372036854775807m", 60), ("-9223372036854775808m", 1),
        ])
    func roundedTimeouts(_ written: String, _ seconds: Int) throws {
        let conversion = try convert(
            Manifest.trigger(
                "{type: prometheus, metadata: {serverAddress: \"http://p\", query: up, threshold: \"1\", timeout: \"\(written)\"}}"))
        #expect(conversion.policy.triggers.first?.poll?.timeoutSeconds == seconds)
        #expect(try note(conversion, "spec.triggers[0].metadata.timeout").contains("\(written) became \(seconds) s"))
    }

    @Test("times of KEDA's", arguments: [("5000", 5), ("30s", 30), ("1m", 60), ("2000ms", 2), ("60000", 60)])
    func timeouts(_ written: String, _ seconds: Int) throws {
        let conversion = try convert(
            Manifest.trigger(
                "{type: prometheus, metadata: {serverAddress: \"http://p\", query: up, threshold: \"1\", timeout: \"\(written)\"}}"))
        #expect(conversion.policy.triggers.first?.poll?.timeoutSeconds == seconds)
        #expect(!conversion.notes.contains { $0.path.hasSuffix(".timeout") })
    }

    // MARK: - Rules of policies

    /// Problems are at the places where the manifest has the values.
    @Test(
        "a value that a policy can't have is refused on its own line",
        arguments: [
            (
                Manifest.hpa(
                    "metrics:\n  - type: External\n    external:\n      metric: {name: \"pubsub|undelivered\"}\n      target: {type: Value, value: 1}"
                ), 10, "spec.metrics[0].external.metric.name"
            ),
            (Manifest.hpa("minReplicas: 9"), 7, "spec.minReplicas"),
            (Manifest.scaledObject("minReplicaCount: 9\nmaxReplicaCount: 4"), 5, "spec.minReplicaCount"),
            (
                Manifest.scaledObject(
                    "triggers:\n- type: prometheus\n  name: a|b\n  metadata: {serverAddress: \"http://p\", query: up, threshold: \"1\"}"),
                7, "spec.triggers[0].name"
            ),
            (
                Manifest.scaledObject(
                    "triggers:\n- type: prometheus\n  metadata:\n    serverAddress: p:9090\n    query: up\n    threshold: \"1\""), 8,
                "spec.triggers[0].metadata.serverAddress"
            ),
            (
                Manifest.scaledObject("triggers:\n- type: kafka\n  metadata:\n    lagThreshold: \"0\""), 8,
                "spec.triggers[0].metadata.lagThreshold"
            ),
            (
                Manifest.scaledObject(
                    "triggers:\n- type: nats-jetstream\n  metadata:\n    natsServerMonitoringEndpoint: n:99999\n    stream: s\n    consumer: c"
                ), 8, "spec.triggers[0].metadata.natsServerMonitoringEndpoint"
            ),
            (
                Manifest.scaledObject(
                    "triggers:\n- type: nats-jetstream\n  metadata:\n    natsServerMonitoringEndpoint: n:8222\n    stream: s\n    consumer: c\n    lagThreshold: \"-1\""
                ), 11, "spec.triggers[0].metadata.lagThreshold"
            ),
            (
                Manifest.scaledObject(
                    "triggers:\n- type: nats-jetstream\n  metadata:\n    natsServerMonitoringEndpoint: n:8222\n    stream: a.b\n    consumer: c"
                ), 9, "spec.triggers[0].metadata.stream"
            ),
            (
                Manifest.scaledObject("triggers:\n- type: rabbitmq\n  metadata:\n    queueName: q\n    queueLength: \"0\""), 9,
                "spec.triggers[0].metadata.queueLength"
            ),
            (Manifest.scaledObject("triggers:\n- type: memory\n  metadata:\n    value: \"0\""), 8, "spec.triggers[0].metadata.value"),
            (
                Manifest.scaledObject("triggers:\n- type: external\n  metadata:\n    pool: p\n    metric: demand\n    targetSize: \"0\""),
                10, "spec.triggers[0].metadata.targetSize"
            ),
            (
                Manifest.scaledObject(
                    "triggers:\n- type: prometheus\n  metadata:\n    serverAddress: http://p\n    query: up\n    threshold: \"0\""), 10,
                "spec.triggers[0].metadata.threshold"
            ),
            (
                Manifest.hpa("metrics:\n  - type: External\n    external:\n      metric: {name: m}\n      target: {type: Value, value: 0}"),
                11, "spec.metrics[0].external.target.value"
            ),
            (
                Manifest.scaledObject(
                    "advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleUp: {stabilizationWindowSeconds: 99999}}}}"), 5,
                "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleUp.stabilizationWindowSeconds"
            ),
        ])
    func places(_ text: String, _ line: Int, _ path: String) {
        let found = problems(converting: text)
        #expect(found.map(\.path) == [path], "\(found)")
        #expect(found.map(\.line) == [line], "\(found)")
    }

    @Test func listsKeepTheirPlaces() {
        let list =
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: keda.sh/v1alpha1\n  kind: ScaledObject\n  metadata: {name: p}\n  spec:\n    maxReplicaCount: 0\n    scaleTargetRef: {name: p}\n    triggers: [{type: cpu, metadata: {value: \"1\"}}]\n"
        let found = problems(converting: list)
        #expect(found.map(\.path) == ["items[0].spec.maxReplicaCount"])
        #expect(found.map(\.line) == [8])
    }

    @Test(
        "numbers at the ends of their types are read or refused, never trapped",
        arguments: ["9223372036854775807", "-9223372036854775808", "1e308", "-1", "0", "99999999999999999999", "1e18"])
    func extremes(_ number: String) {
        let fields =
            [
                "minReplicaCount", "maxReplicaCount", "idleReplicaCount", "cooldownPeriod", "initialCooldownPeriod", "pollingInterval",
            ].map { "\($0): \(number)" } + [
                "fallback: {failureThreshold: \(number), replicas: \(number)}",
                "advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleUp: {tolerance: \(number), policies: [{type: Pods, value: \(number), periodSeconds: \(number)}]}}}}",
                "triggers: [{type: cron, metadata: {timezone: UTC, start: \"0 8 * * *\", end: \"0 9 * * *\", desiredReplicas: \"\(number)\"}}]",
                "triggers: [{type: prometheus, metadata: {serverAddress: \"http://p\", query: up, threshold: \"\(number)\", activationThreshold: \"\(number)\", timeout: \"\(number)\"}}]",
            ]
        for field in fields {
            for text in [
                Manifest.scaledObject(field),
                Manifest.scaledObject(field, annotations: "{autoscaling.keda.sh/paused-replicas: \"\(number)\"}"),
            ] {
                if let conversion = try? convert(text) {
                    #expect(conversion.policy.violations.isEmpty)
                } else {
                    #expect(!problems(converting: text).isEmpty)
                }
            }
        }
    }

    @Test func aScaledJobIsNamed() {
        let job = "apiVersion: keda.sh/v1alpha1\nkind: ScaledJob\nmetadata: {name: j}\nspec: {}\n"
        #expect(
            problems(converting: job).contains {
                $0.message.contains("ScaledJob") && $0.message.contains("starts a Job for each piece of work")
            })
        #expect(problems(job).contains { $0.path == "kind" && $0.message.contains("ScaledJob") && $0.message.contains("starts a Job") })
    }
}
