internal import Autoscaling

// Which policy does a HorizontalPodAutoscaler (autoscaling/v2) amount to?
//
// The arithmetic is the same one, so replicas, behavior and targets come along as they are. Metrics don't: an HPA polls the metrics
// APIs every 15 s, Greenroom gets events. Each becomes an observed trigger with the command that feeds it.

struct HPAConverter {
    let root: ManifestObject

    private static let syncSeconds = 15
    private static var staleAfterSeconds: Int { Feed.staleAfterSeconds(intervalSeconds: syncSeconds) }

    func policy() -> Policy? {
        root.pass(["status"])
        guard let names = ManifestNames(root), let spec = root.required("spec", root.object("spec")), let target = names.target(spec) else {
            return nil
        }
        var policy = Policy(pool: names.pool, target: target)
        policy.minReplicaCount = spec.integer("minReplicas") ?? 1
        policy.maxReplicaCount = spec.required("maxReplicas", spec.integer("maxReplicas")) ?? 1
        // An HPA has no cooldown: its stabilization window alone decides when the last worker goes.
        policy.cooldownPeriodSeconds = policy.minReplicaCount == 0 ? 0 : policy.cooldownPeriodSeconds
        policy.behaviorGiven = true
        spec.object("behavior").map { ManifestBehavior.read($0, into: &policy.behavior) }
        policy.triggers = triggers(spec, pool: names.pool)
        for (theirs, ours) in [("minReplicas", "minReplicaCount"), ("maxReplicas", "maxReplicaCount")] {
            spec.isOrigin(theirs, of: "spec.\(ours)")
        }
        spec.isOrigin("behavior", of: "spec.advanced.horizontalPodAutoscalerConfig.behavior")
        names.noteName(of: target, pool: policy.pool)
        names.finish()
        spec.noteUnread()
        root.noteUnread()
        return policy
    }

    private func triggers(_ spec: ManifestObject, pool: String) -> [Trigger] {
        var triggers: [Trigger] = []
        let metrics = spec.objects("metrics")
        if metrics.isEmpty {
            spec.note(
                "metrics",
                "none: Kubernetes would take 80 % of the CPU requests; the pool follows its own demand instead, one actor a worker")
            return [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)]
        }
        for metric in metrics.prefix(PolicyLimits.triggers) {
            if var trigger = trigger(metric, pool: pool) {
                trigger.name = ManifestNames.unique(trigger.name, among: triggers.map(\.name))
                metric.isOrigin(nil, of: "spec.triggers[\(triggers.count)]")
                if let name = Self.namePath(metric) {
                    for field in ["name", "metric"] { name.isOrigin("name", of: "spec.triggers[\(triggers.count)].\(field)") }
                }
                Self.noteOrigins(metric, "spec.triggers[\(triggers.count)]")
                triggers.append(trigger)
            }
            metric.noteUnread()
        }
        return triggers
    }

    private static let targetFields = ["averageUtilization", "averageValue", "value"]

    /// Where the threshold and the labels of the trigger came from.
    private static func noteOrigins(_ metric: ManifestObject, _ path: String) {
        for name in ["resource", "containerResource", "external", "pods", "object"] {
            guard let source = metric.object(name) else { continue }
            if let target = source.object("target"), let field = targetFields.first(where: target.names.contains) {
                target.isOrigin(field, of: "\(path).threshold")
            }
            let labels = source.object("metric")?.object("selector")?.object("matchLabels")
            for label in labels?.names ?? [] { labels?.isOrigin(label, of: "\(path).selector.\(label)") }
        }
    }

    /// What holds the metric's name.
    private static func namePath(_ metric: ManifestObject) -> ManifestObject? {
        for source in ["external", "pods", "object"] { if let named = metric.object(source)?.object("metric") { return named } }
        return metric.object("resource") ?? metric.object("containerResource")
    }

    private func trigger(_ metric: ManifestObject, pool: String) -> Trigger? {
        guard let type = metric.required("type", metric.text("type")) else { return nil }
        switch type {
        case "Resource", "ContainerResource":
            let source = type == "Resource" ? "resource" : "containerResource"
            return metric.required(source, metric.object(source)).flatMap { resource($0, pool: pool) }
        case "External":
            return metric.required("external", metric.object("external")).flatMap { outside($0, pool: pool, of: "the metrics server") }
        case "Pods": return metric.required("pods", metric.object("pods")).flatMap { outside($0, pool: pool, of: "the pods, added up") }
        case "Object": return metric.required("object", metric.object("object")).flatMap { outside($0, pool: pool, of: "the object") }
        default:
            metric.problems.report(
                metric.pathOf("type"), "must be External, Object, Pods, Resource or ContainerResource, and is \(type.prefix(60))")
            return nil
        }
    }

    /// Percent of the requests, averaged: replicas · value ÷ target, which is what `Value` computes. An average amount is
    /// what the sum over all pods is divided by: `AverageValue`.
    private func resource(_ resource: ManifestObject, pool: String) -> Trigger? {
        guard let name = resource.required("name", resource.text("name")),
            let target = resource.required("target", resource.object("target"))
        else { return nil }
        let container = resource.text("container")
        let labels = container.map { [Trigger.Label(key: "container", value: $0)] } ?? []
        let isShare = target.text("type") == "Utilization"
        let metric = isShare ? "\(name)_utilization" : "\(name)_used"
        let field = isShare ? "averageUtilization" : "averageValue"
        guard let threshold = target.required(field, target.milli(field)) else { return nil }
        let what = isShare ? "the pods' average use of \(name) in percent of their requests" : "the pods' use of \(name), added up"
        let of = container.map { " (container \($0))" } ?? ""
        resource.note(
            "name",
            "Greenroom doesn't read \(name): it became the observed metric \(metric), which a program must send; VALUE is \(what)\(of); \(Feed.silence(Self.staleAfterSeconds))",
            command: Feed.command(pool: pool, metric: metric, labels: labels))
        target.noteUnread()
        resource.noteUnread()
        return Trigger(
            name: metric, source: .observed(metric: metric, selector: labels, staleAfterSeconds: Self.staleAfterSeconds),
            thresholdMilli: threshold,
            metricType: isShare ? .value : .averageValue)
    }

    private func outside(_ source: ManifestObject, pool: String, of owner: String) -> Trigger? {
        guard let metric = source.required("metric", source.object("metric")),
            let target = source.required("target", source.object("target")),
            let name = metric.required("name", metric.text("name"))
        else { return nil }
        let isAverage = target.text("type") == "AverageValue"
        let field = isAverage ? "averageValue" : "value"
        guard let threshold = target.required(field, target.milli(field)) else { return nil }
        let selector = metric.object("selector")
        let labels = selector?.object("matchLabels")?.labels() ?? []
        selector?.leaveOut("matchExpressions", "a trigger's selector names labels and their values")
        source.object("describedObject")?.passAll()
        defer { for part in [selector, metric, target, source] { part?.noteUnread() } }
        let metricType: MetricType = isAverage ? .averageValue : .value
        if name == "greenroom_demand" || name == "greenroom_queue_depth" {
            metric.note("name", "\(name) is the pool's own demand: it became a demand trigger, which needs no sender")
            return Trigger(name: "demand", source: .demand, thresholdMilli: threshold, metricType: metricType)
        }
        metric.note(
            "name",
            "Greenroom doesn't read a metrics API: it became an observed trigger, which a program must send; VALUE is what \(owner) said\(hint(name)); \(Feed.silence(Self.staleAfterSeconds))",
            command: Feed.command(pool: pool, metric: name, labels: labels))
        return Trigger(
            name: name, source: .observed(metric: name, selector: labels, staleAfterSeconds: Self.staleAfterSeconds),
            thresholdMilli: threshold, metricType: metricType)
    }

    private func hint(_ name: String) -> String {
        name.hasPrefix("nats_")
            ? "; a trigger of type: nats-jetstream with the server's monitoringEndpoint reads it without that (inFlight: false, where the metric counts waiting messages alone)"
            : ""
    }
}

/// HPA's `behavior`, which KEDA has too.
enum ManifestBehavior {
    static func read(_ behavior: ManifestObject, into policy: inout Behavior) {
        if let up = behavior.object("scaleUp") { read(up, into: &policy.scaleUp) }
        if let down = behavior.object("scaleDown") { read(down, into: &policy.scaleDown) }
        behavior.noteUnread()
    }

    private static func read(_ document: ManifestObject, into rules: inout Behavior.Rules) {
        rules.stabilizationWindowSeconds = document.integer("stabilizationWindowSeconds") ?? rules.stabilizationWindowSeconds
        rules.select = document.choice("selectPolicy", Behavior.Select.self) ?? rules.select
        if let tolerance = document.micro("tolerance") { rules.tolerancePPM = Int(clamping: tolerance) }
        let limits = document.objects("policies")
        if !limits.isEmpty { rules.limits = limits.compactMap(limit) }
        document.noteUnread()
    }

    private static func limit(_ limit: ManifestObject) -> Behavior.Limit? {
        let kind = limit.required("type", limit.choice("type", Behavior.Limit.Kind.self))
        let value = limit.required("value", limit.integer("value"))
        let periodSeconds = limit.required("periodSeconds", limit.integer("periodSeconds"))
        guard let kind, let value, let periodSeconds else { return nil }
        return Behavior.Limit(kind: kind, value: value, periodSeconds: periodSeconds)
    }
}
