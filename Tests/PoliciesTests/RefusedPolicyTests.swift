import Autoscaling
import Testing

@testable import Policies

// What a policy may not be: a row a mistake.

@Suite struct RefusedPolicyTests {
    /// Lines of spec (they begin in line 5, column 3), where the one problem stands, its path, and words of its message.
    @Test(arguments: [
        // Unknown and doubled fields.
        ("coolDownPeriod: 5", 5, 3, "spec.coolDownPeriod", "did you mean cooldownPeriod?"),
        ("minReplicas: 5", 5, 3, "spec.minReplicas", "did you mean minReplicaCount?"),
        ("pollingInterval: 5", 5, 3, "spec.pollingInterval", "nothing is polled"),
        ("buffer: {spares: 1, spare: 1}", 5, 12, "spec.buffer.spares", "did you mean spare?"),
        ("mode: auto\n<<: {a: b}", 6, 3, "spec.<<", "merge keys"), ("mode: auto\n\"mode\": auto", 5, 3, "", "twice"),
        ("mode: auto\nmode: recommend", 5, 3, "", "twice"),
        ("? [a]\n: b", 5, 5, "spec", "must be a word"),
        // Types.
        ("mode: 5", 5, 9, "spec.mode", "put it in quotes"), ("mode: aut", 5, 9, "spec.mode", "did you mean auto?"),
        ("maxReplicaCount: ten", 5, 20, "spec.maxReplicaCount", "whole number"),
        ("maxReplicaCount: \"10\"", 5, 20, "spec.maxReplicaCount", "the text \"10\""),
        ("maxReplicaCount: 1.5", 5, 20, "spec.maxReplicaCount", "whole number"),
        ("maxReplicaCount: 010", 5, 20, "spec.maxReplicaCount", "leading zeros"),
        ("maxReplicaCount: 99999999999999999999", 5, 20, "spec.maxReplicaCount", "64 bits"),
        ("maxReplicaCount: [1]", 5, 20, "spec.maxReplicaCount", "a list"),
        ("maxReplicaCount: {}", 5, 20, "spec.maxReplicaCount", "an object"),
        ("forceActivation: yes", 5, 20, "spec.forceActivation", "true or false"),
        ("pause: {in: on}", 5, 15, "spec.pause.in", "true or false"),
        ("triggers: {type: demand}", 5, 13, "spec.triggers", "must be a list"),
        ("triggers: [demand]", 5, 14, "spec.triggers[0]", "must be an object"),
        ("drain: 300", 5, 10, "spec.drain", "must be an object"),
        // Ranges and relations.
        ("minReplicaCount: -1", 5, 20, "spec.minReplicaCount", "from 0"), ("maxReplicaCount: 0", 5, 20, "spec.maxReplicaCount", "from 1"),
        ("maxReplicaCount: 1000000", 5, 20, "spec.maxReplicaCount", "to 100000"),
        ("minReplicaCount: 5\nmaxReplicaCount: 4", 5, 20, "spec.minReplicaCount", "more than maxReplicaCount, 4"),
        ("minReplicaCount: 101", 5, 20, "spec.minReplicaCount", "more than maxReplicaCount, 100"),
        ("idleReplicaCount: 3\nminReplicaCount: 3", 5, 21, "spec.idleReplicaCount", "not below minReplicaCount"),
        ("idleReplicaCount: 1", 5, 21, "spec.idleReplicaCount", "not below"),
        ("cooldownPeriod: -1", 5, 19, "spec.cooldownPeriod", "from 0"),
        ("initialCooldownPeriod: 99999999999", 5, 26, "spec.initialCooldownPeriod", "to 31536000"),
        ("slotsPerWorker: 0", 5, 19, "spec.slotsPerWorker", "from 1"),
        ("drain: {timeoutSeconds: -1}", 5, 27, "spec.drain.timeoutSeconds", "from 0"),
        ("pause: {hold: -1}", 5, 17, "spec.pause.hold", "from 0"),
        // Target.
        ("scaleTargetRef: {kind: Job, name: x}", 5, 19, "spec.scaleTargetRef.apiVersion", "is missing"),
        ("scaleTargetRef: {kind: process, name: x}", 5, 19, "spec.scaleTargetRef.apiVersion", "did you mean kind: Process?"),
        ("scaleTargetRef: {kind: Deployment}", 5, 19, "spec.scaleTargetRef.name", "is missing"),
        ("scaleTargetRef: {name: a/b}", 5, 26, "spec.scaleTargetRef.name", "letters"),
        ("scaleTargetRef: {name: x, command: [sh]}", 5, 38, "spec.scaleTargetRef.command", "only kind: Process"),
        ("scaleTargetRef: {kind: Process, command: [sh, \"a\\0b\"]}", 5, 49, "spec.scaleTargetRef.command[1]", "control"),
        ("scaleTargetRef: {kind: Process, command: [\"\\L\"]}", 5, 45, "spec.scaleTargetRef.command[0]", "control"),
        ("scaleTargetRef: {kind: Process, command: [\"\"]}", 5, 45, "spec.scaleTargetRef.command[0]", "program"),
        ("scaleTargetRef: {kind: Process, command: sh}", 5, 44, "spec.scaleTargetRef.command", "list"),
        // What pods are asked.
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {}}", 6, 19, "spec.workers.busy",
            "exactly one of http, metric, annotation, and has none"
        ),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {annotation: a, http: {port: 1, path: /}}}", 6, 19, "spec.workers.busy",
            "has http and annotation"
        ),
        ("scaleTargetRef: {name: x}\nworkers: {idle: 1}", 6, 13, "spec.workers.idle", "unknown field"),
        ("scaleTargetRef: {name: x}\nworkers: {busy: {http: {path: /}}}", 6, 26, "spec.workers.busy.http.port", "is missing"),
        ("scaleTargetRef: {name: x}\nworkers: {busy: {http: {port: 1}}}", 6, 26, "spec.workers.busy.http.path", "is missing"),
        ("scaleTargetRef: {name: x}\nworkers: {busy: {http: {port: 0, path: /}}}", 6, 33, "spec.workers.busy.http.port", "from 1 to 65535"),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {http: {port: \"8080\", path: /}}}", 6, 33, "spec.workers.busy.http.port",
            "the text \"8080\""
        ),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {http: {port: HTTP, path: /}}}", 6, 33, "spec.workers.busy.http.port",
            "name of a container's port"
        ),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {http: {port: 1, path: busy}}}", 6, 42, "spec.workers.busy.http.path",
            "begins with /"
        ),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {http: {port: 1, path: \"/a b\"}}}", 6, 42, "spec.workers.busy.http.path",
            "without spaces"
        ),
        ("scaleTargetRef: {name: x}\nworkers: {busy: {metric: {port: 1}}}", 6, 28, "spec.workers.busy.metric.name", "is missing"),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {metric: {port: 1, name: 1a}}}", 6, 44, "spec.workers.busy.metric.name",
            "name of a metric"
        ),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {metric: {port: 1, name: a, selector: {a-b: c}}}}", 6, 57,
            "spec.workers.busy.metric.selector", "labels of the metric"
        ),
        ("scaleTargetRef: {name: x}\nworkers: {busy: {annotation: a/b/c}}", 6, 32, "spec.workers.busy.annotation", "key of an annotation"),
        ("scaleTargetRef: {name: x}\nworkers: {busy: {annotation: a, unknown: idle}}", 6, 44, "spec.workers.busy.unknown", "busy, free"),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {annotation: a, intervalSeconds: 0}}", 6, 52, "spec.workers.busy.intervalSeconds",
            "from 1"
        ),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {annotation: a, timeoutSeconds: 61}}", 6, 51, "spec.workers.busy.timeoutSeconds",
            "to 60"
        ),
        (
            "scaleTargetRef: {name: x}\nworkers: {busy: {annotation: a, unknownSeconds: -1}}", 6, 51, "spec.workers.busy.unknownSeconds",
            "from 0"
        ),
        ("scaleTargetRef: {kind: Process}\nworkers: {busy: {annotation: a}}", 6, 19, "spec.workers.busy", "only pods are asked"),
        // Buffer.
        ("buffer: {}", 5, 11, "spec.buffer", "has none"),
        ("buffer: {spare: 1, sparePercent: 5}", 5, 11, "spec.buffer", "spare and sparePercent"),
        ("buffer: {spare: -1}", 5, 19, "spec.buffer.spare", "from 0"),
        ("buffer: {sparePercent: 20000}", 5, 26, "spec.buffer.sparePercent", "to 10000"),
        ("buffer: {surge: {windowSeconds: 900}}", 5, 19, "spec.buffer.surge.quantile", "is missing"),
        ("buffer: {surge: {quantile: 1, windowSeconds: 900}}", 5, 30, "spec.buffer.surge.quantile", "between 0 and 1"),
        ("buffer: {surge: {quantile: 0.97, windowSeconds: 0}}", 5, 51, "spec.buffer.surge.windowSeconds", "from 1"),
        ("buffer: {surge: {quantile: 0.97, windowSeconds: 9, max: 1}}", 5, 54, "spec.buffer.surge.max", "unknown field"),
        // Triggers.
        ("triggers: [{threshold: 1}]", 5, 14, "spec.triggers[0].type", "is missing"),
        ("triggers: [{type: demnd}]", 5, 21, "spec.triggers[0].type", "did you mean demand?"),
        ("triggers: [{type: cpu}]", 5, 21, "spec.triggers[0].type", "queue.observed"),
        ("triggers: [{type: demand, threshold: 0}]", 5, 40, "spec.triggers[0].threshold", "more than 0"),
        ("triggers: [{type: demand, threshold: many}]", 5, 40, "spec.triggers[0].threshold", "500m"),
        ("triggers: [{type: demand, threshold: 1e30}]", 5, 40, "spec.triggers[0].threshold", "too large"),
        ("triggers: [{type: demand, activationThreshold: -1}]", 5, 50, "spec.triggers[0].activationThreshold", "forceActivation"),
        ("triggers: [{type: demand, metric: x}]", 5, 29, "spec.triggers[0].metric", "unknown field; did you mean metricType?"),
        ("triggers: [{type: demand, metricType: Utilization}]", 5, 41, "spec.triggers[0].metricType", "AverageValue, Value"),
        ("triggers: [{type: observed, threshold: 1}]", 5, 14, "spec.triggers[0].metric", "is missing"),
        ("triggers: [{type: observed, metric: m}]", 5, 14, "spec.triggers[0].threshold", "is missing"),
        ("triggers: [{type: prometheus, query: up, threshold: 1}]", 5, 14, "spec.triggers[0].serverAddress", "is missing"),
        (
            "triggers: [{type: prometheus, serverAddress: \"http://p\", query: up, threshold: 1, metric: x}]", 5, 85,
            "spec.triggers[0].metric", "unknown field"
        ),
        (
            "triggers: [{type: prometheus, serverAddress: \"p:9090\", query: up, threshold: 1}]", 5, 48, "spec.triggers[0].serverAddress",
            "http://"
        ),
        (
            "triggers: [{type: prometheus, serverAddress: \"http://me:pw@p\", query: up, threshold: 1}]", 5, 48,
            "spec.triggers[0].serverAddress", "bearerTokenFile"
        ),
        (
            "triggers: [{type: prometheus, serverAddress: \"http://p\", query: up, threshold: 1, bearerTokenFile: /etc/passwd}]", 5, 102,
            "spec.triggers[0].bearerTokenFile", "folder of secrets"
        ),
        (
            "triggers: [{type: prometheus, serverAddress: \"http://p\", query: up, threshold: 1, bearerTokenFile: a/../../b}]", 5, 102,
            "spec.triggers[0].bearerTokenFile", "folder of secrets"
        ),
        (
            "triggers: [{type: prometheus, serverAddress: \"http://p\", query: up, threshold: 1, tls: {certFile: c}}]", 5, 90,
            "spec.triggers[0].tls", "both or none"
        ),
        (
            "triggers: [{type: prometheus, serverAddress: \"http://p\", query: up, threshold: 1, intervalSeconds: 0}]", 5, 102,
            "spec.triggers[0].intervalSeconds", "from 1"
        ),
        (
            "triggers: [{type: nats-jetstream, monitoringEndpoint: \"http://n\", stream: a.b, consumer: c, threshold: 1}]", 5, 77,
            "spec.triggers[0].stream", "without spaces"
        ),
        (
            "triggers: [{type: nats-jetstream, monitoringEndpoint: \"http://n\", stream: s, threshold: 1}]", 5, 14,
            "spec.triggers[0].consumer", "is missing"
        ),
        ("triggers: [{type: demand}, {type: demand}]", 5, 30, "spec.triggers[1].name", "spec.triggers[0] already"),
        ("triggers: [{type: demand, name: a b}]", 5, 35, "spec.triggers[0].name", "letters"),
        ("triggers: [{type: observed, metric: m, threshold: 1, selector: {a: 5}}]", 5, 70, "spec.triggers[0].selector.a", "quotes"),
        ("triggers: [{type: observed, metric: m, threshold: 1, staleAfter: 0}]", 5, 68, "spec.triggers[0].staleAfter", "from 1"),
        // Fallback, schedules, placement, quotas.
        ("fallback: {replicas: 1}", 5, 13, "spec.fallback.failureThreshold", "is missing"),
        ("fallback: {failureThreshold: 0, replicas: 1}", 5, 32, "spec.fallback.failureThreshold", "from 1"),
        ("fallback: {failureThreshold: 1, replicas: 101}", 5, 45, "spec.fallback.replicas", "maxReplicaCount, 100"),
        ("fallback: {failureThreshold: 1, replicas: 1, behavior: Static}", 5, 58, "spec.fallback.behavior", "did you mean static?"),
        ("schedules: [{cron: \"0 8 * *\", durationSeconds: 1, minReplicaCount: 1}]", 5, 22, "spec.schedules[0].cron", "five fields"),
        ("schedules: [{cron: \"0 25 * * *\", durationSeconds: 1, minReplicaCount: 1}]", 5, 22, "spec.schedules[0].cron", "hour (column 3)"),
        (
            "schedules: [{cron: \"@daily\", timezone: Europe/Zurick, durationSeconds: 1, minReplicaCount: 1}]", 5, 42,
            "spec.schedules[0].timezone", "did you mean Europe/Zurich?"
        ),
        (
            "schedules: [{cron: \"@daily\", timezone: GMT+25, durationSeconds: 1, minReplicaCount: 1}]", 5, 42,
            "spec.schedules[0].timezone", "no time zone"
        ),
        ("schedules: [{cron: \"@daily\", durationSeconds: 0, minReplicaCount: 1}]", 5, 49, "spec.schedules[0].durationSeconds", "from 1"),
        (
            "schedules: [{cron: \"@daily\", durationSeconds: 1, minReplicaCount: 101}]", 5, 69, "spec.schedules[0].minReplicaCount",
            "more than maxReplicaCount"
        ),
        (
            "schedules: [{cron: \"@daily\", durationSeconds: 1, minReplicaCount: 1, offsets: [{from: never, secondsEastOfUTC: 0}]}]", 5, 89,
            "spec.schedules[0].offsets[0].from", "time such as"
        ),
        ("placement: {spillTo: [a]}", 5, 25, "spec.placement.spillTo[0]", "itself"),
        ("placement: {spillTo: [x/y/z]}", 5, 25, "spec.placement.spillTo[0]", "NAMESPACE/NAME"),
        ("placement: {zoneSpread: {}}", 5, 27, "spec.placement.zoneSpread.maxSkew", "is missing"),
        ("placement: {localWaitSeconds: soon}", 5, 33, "spec.placement.localWaitSeconds", "whole number"),
        ("quotas: [{tenant: t, maxRunning: 1}, {tenant: t, maxRunning: 2}]", 5, 49, "spec.quotas[1].tenant", "already"),
        ("quotas: [{tenant: t}]", 5, 12, "spec.quotas[0].maxRunning", "is missing"),
    ])
    func spec(_ lines: String, _ line: Int, _ column: Int, _ path: String, _ words: String) throws {
        try expectOne(Sample.text(lines), line, column, path, words)
    }

    /// Lines below `advanced`, where HPA's validation says no.
    @Test(arguments: [
        ("stabilizationWindowSeconds: 3601", "stabilizationWindowSeconds", "0 to 3600"),
        ("stabilizationWindowSeconds: -1", "stabilizationWindowSeconds", "0 to 3600"),
        ("selectPolicy: max", "selectPolicy", "did you mean Max?"), ("policies: []", "policies", "at least one"),
        ("policies: [{type: Pods, value: 0, periodSeconds: 1}]", "policies[0].value", "from 1"),
        ("policies: [{type: Pods, value: 1, periodSeconds: 1801}]", "policies[0].periodSeconds", "1 to 1800"),
        ("policies: [{type: Pods, value: 1, periodSeconds: 0}]", "policies[0].periodSeconds", "1 to 1800"),
        ("policies: [{type: pods, value: 1, periodSeconds: 1}]", "policies[0].type", "did you mean Pods?"),
        ("policies: [{value: 1, periodSeconds: 1}]", "policies[0].type", "is missing"),
        ("tolerance: -0.1", "tolerance", "from 0"), ("tolerance: lots", "tolerance", "quantity"),
        ("polices: []", "polices", "did you mean policies?"),
    ])
    func behavior(_ rules: String, _ path: String, _ words: String) throws {
        for half in ["scaleUp", "scaleDown"] {
            let found = problems(Sample.text("advanced: {horizontalPodAutoscalerConfig: {behavior: {\(half): {\(rules)}}}}"))
            #expect(found.map(\.path) == ["spec.advanced.horizontalPodAutoscalerConfig.behavior.\(half).\(path)"])
            #expect(found.first?.message.contains(words) == true, "\(found)")
        }
    }

    @Test(arguments: [
        ("{formula: demand}", 23, "target", "is missing"), ("{target: 1}", 23, "formula", "is missing"),
        ("{formula: demand, target: 0}", 49, "target", "more than 0"),
        ("{formula: \"1 + demnd\", target: 1}", 33, "formula", "column 5 of the formula: no trigger is called demnd; did you mean demand?"),
        ("{formula: \"demand +\", target: 1}", 33, "formula", "column 9 of the formula"),
        ("{formula: demand, target: 1, activationTarget: -1}", 70, "activationTarget", "negative"),
    ])
    func scalingModifiers(_ modifiers: String, _ column: Int, _ field: String, _ words: String) throws {
        try expectOne(
            Sample.text("advanced:\n  scalingModifiers: \(modifiers)"), 6, column, "spec.advanced.scalingModifiers.\(field)", words)
    }

    /// The documentation's formula speaks of `queue_depth`, which its demand trigger isn't called unless it is named so.
    @Test func aFormulaOverAnUnnamedDemandTriggerIsRefused() throws {
        try expectOne(
            Sample.documented.replacing("name: queue_depth, ", with: ""), 20, 33, "spec.advanced.scalingModifiers.formula",
            "no trigger is called queue_depth")
    }

    /// Whole texts.
    @Test(arguments: [
        ("5", 1, 1, "", "a policy is an object"), ("[]", 1, 1, "", "a policy is an object"),
        ("kind: Deployment", 1, 7, "kind", "leave other objects out"), ("kind: ScaledObject", 1, 7, "kind", "policy convert"),
        ("apiVersion: greenroom.dev/v1", 1, 1, "kind", "is missing"), ("\(Sample.head)metadata: {name: a}", 1, 1, "spec", "is missing"),
        ("\(Sample.head)metadata: {name: a}\nspec: {}", 4, 7, "spec.scaleTargetRef", "is missing"),
        ("\(Sample.head)spec: {scaleTargetRef: {kind: Process}}", 1, 1, "metadata", "is missing"),
        ("\(Sample.head)metadata: {}\nspec: {scaleTargetRef: {kind: Process}}", 3, 11, "metadata.name", "is missing"),
        ("\(Sample.head)metadata: {name: A_b}\nspec: {scaleTargetRef: {kind: Process, name: x}}", 3, 18, "metadata.name", "lower-case"),
        (
            "\(Sample.head)metadata: {name: a, annotations: {autoscaling.keda.sh/paused: \"true\"}}\nspec: {scaleTargetRef: {kind: Process}}",
            3, 63, "metadata.annotations.autoscaling.keda.sh/paused", "spec.pause"
        ),
        (
            "\(Sample.head.replacing("v1", with: "v2"))metadata: {name: a}\nspec: {scaleTargetRef: {kind: Process}}", 1, 13, "apiVersion",
            "must be greenroom.dev/v1"
        ),
        ("a: [", 2, 1, "", "not YAML"), ("a: b: c", 1, 5, "", "not YAML"), ("a: *b", 1, 4, "", "alias"),
        ("cron: * * * * *", 1, 8, "", "in quotes"), ("cron: @daily", 1, 7, "", "in quotes"), ("a:\n\tb: c", 2, 1, "", "tabs"),
        ("a: \u{1}", 1, 4, "", "not YAML"),
    ])
    func text(_ text: String, _ line: Int, _ column: Int, _ path: String, _ words: String) throws {
        try expectOne(text, line, column, path, words)
    }

    @Test func everythingWrongComesOutAtOnceInTheOrderOfTheText() {
        let broken = """
            mode: off
            minReplicaCount: 9
            maxReplicaCount: few
            coolDown: 3
            triggers:
            - {type: demand, threshold: 0}
            - {type: observed, threshold: x}
            schedules: [{cron: "61 * * * *", timezone: Nowhere/Else, durationSeconds: 0, minReplicaCount: -1}]
            """
        #expect(
            problems(Sample.text(broken)).map { "\($0.line):\($0.column) \($0.path)" } == [
                "5:9 spec.mode", "7:20 spec.maxReplicaCount", "8:3 spec.coolDown", "10:31 spec.triggers[0].threshold",
                "11:5 spec.triggers[1].metric",
                "11:33 spec.triggers[1].threshold", "12:22 spec.schedules[0].cron", "12:46 spec.schedules[0].timezone",
                "12:77 spec.schedules[0].durationSeconds",
                "12:97 spec.schedules[0].minReplicaCount",
            ])
    }

    @Test func eachDocumentIsNumbered() {
        let found = problems("\(Sample.text("mode: x"))---\n\(Sample.text("mode: y"))---\na: [")
        #expect(found.map(\.document) == [1, 2, 3])
        #expect(found.map(\.line) == [5, 12, 16])
    }

    private func expectOne(_ text: String, _ line: Int, _ column: Int, _ path: String, _ words: String) throws {
        let found = problems(text)
        try #require(found.count == 1, "\(found)")
        #expect((found[0].line, found[0].column) == (line, column), "\(found[0])")
        #expect(found[0].path == path, "\(found[0])")
        #expect(found[0].message.contains(words), "\(found[0])")
    }
}
