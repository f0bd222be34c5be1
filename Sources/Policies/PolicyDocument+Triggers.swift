internal import Autoscaling
import Basics
internal import Domain

// What does a policy document say about its signals: buffer, triggers, behavior and formula?

extension PolicyDocument {
    // MARK: - Buffer

    func buffer(_ spec: DocumentObject) -> WarmBuffer {
        guard let buffer = spec.object("buffer", PolicyFields.buffer) else { return .fixed(0) }
        let given = PolicyFields.buffer.filter { buffer.value($0) != nil }
        guard given.count == 1 else {
            let found = given.isEmpty ? "none" : given.joined(separator: " and ")
            problems.report(buffer.path, "needs exactly one of \(PolicyFields.buffer.joined(separator: ", ")), and has \(found)")
            return .fixed(0)
        }
        switch given[0] {
        case "spare": return .fixed(buffer.integer("spare") ?? 0)
        case "sparePercent": return .percent(buffer.integer("sparePercent") ?? 0)
        default: return surge(buffer)
        }
    }

    /// Its ranges are the rules' business.
    private func surge(_ buffer: DocumentObject) -> WarmBuffer {
        guard let surge = buffer.object("surge", PolicyFields.surge) else { return .fixed(0) }
        let quantile = surge.required("quantile", { $0.quantity(Quantity.microDecimals) }, "quantile: 0.97")
        let windowSeconds = surge.required("windowSeconds", \.integer, "windowSeconds: 900")
        guard let quantile, let windowSeconds else { return .fixed(0) }
        return .surge(quantilePPM: Int(clamping: quantile), windowSeconds: windowSeconds, min: surge.integer("min") ?? 0)
    }

    // MARK: - Triggers

    /// Without any: demand, one actor a worker's slot.
    func triggers(_ spec: DocumentObject) -> [Trigger] {
        let values = spec.elements("triggers").prefix(PolicyLimits.triggers + 1)
        if values.isEmpty { return [Trigger(name: "demand", source: .demand, thresholdMilli: 1_000)] }
        return values.enumerated().map { trigger($1, number: $0) }
    }

    private func trigger(_ value: DocumentValue, number: Int) -> Trigger {
        // A refused trigger keeps its place, so that the others' numbers stay right.
        let refused = Trigger(name: "unnamed-\(number)", source: .demand, thresholdMilli: 1_000)
        guard let whole = DocumentObject(value, fields: nil) else { return refused }
        guard let type = whole.required("type", \.text, "type: demand") else { return refused }
        guard let fields = PolicyFields.triggers.first(where: { $0.type == type })?.fields else {
            let hint =
                NearestName.nearest(to: type, in: PolicyFields.triggers.map(\.type)).map { "; did you mean \($0)?" }
                ?? "; values from elsewhere come as queue.observed events, which type: observed reads"
            problems.report(whole.pathOf("type"), "must be one of \(PolicyFields.triggerTypes), and is \(type.prefix(60))\(hint)")
            return refused
        }
        guard let trigger = DocumentObject(value, fields: fields) else { return refused }
        switch type {
        case "demand": return demandTrigger(trigger)
        case "observed": return observedTrigger(trigger, refused)
        default: return polledTrigger(trigger, type: type)
        }
    }

    private func demandTrigger(_ trigger: DocumentObject) -> Trigger {
        Trigger(
            name: trigger.text("name") ?? "demand", source: .demand, thresholdMilli: trigger.milli("threshold") ?? 1_000,
            activationThresholdMilli: trigger.milli("activationThreshold") ?? 0,
            metricType: trigger.choice("metricType", MetricType.self) ?? .averageValue)
    }

    private func observedTrigger(_ trigger: DocumentObject, _ refused: Trigger) -> Trigger {
        let metric = trigger.required("metric", \.text, "metric: nats_consumer_pending_messages")
        let threshold = trigger.required("threshold", { $0.quantity(Quantity.milliDecimals) }, "threshold: 5")
        return Trigger(
            name: trigger.text("name") ?? metric ?? refused.name,
            source: .observed(
                metric: metric ?? "unnamed", selector: trigger.object("selector", nil)?.labels ?? [],
                staleAfterSeconds: trigger.integer("staleAfter")),
            thresholdMilli: threshold ?? 1_000,
            activationThresholdMilli: trigger.milli("activationThreshold") ?? 0,
            metricType: trigger.choice("metricType", MetricType.self) ?? .averageValue)
    }

    /// A poll's metric has the trigger's name, so `name` defaults to the type.
    private func polledTrigger(_ trigger: DocumentObject, type: String) -> Trigger {
        let threshold = trigger.required("threshold", { $0.quantity(Quantity.milliDecimals) }, "threshold: 5")
        let source: Poll.Source = type == "prometheus" ? prometheus(trigger) : natsJetStream(trigger)
        var poll = Poll(source: source, bearerTokenFile: trigger.text("bearerTokenFile"))
        if type == "nats-jetstream" { poll.countsInFlight = trigger.flag("inFlight") ?? poll.countsInFlight }
        poll.intervalSeconds = trigger.integer("intervalSeconds") ?? poll.intervalSeconds
        poll.timeoutSeconds = trigger.integer("timeoutSeconds") ?? poll.timeoutSeconds
        if let tls = trigger.object("tls", PolicyFields.pollTLS) {
            poll.tls = Poll.TLS(caFile: tls.text("caFile"), certFile: tls.text("certFile"), keyFile: tls.text("keyFile"))
        }
        return .polled(
            name: trigger.text("name") ?? type, poll, thresholdMilli: threshold ?? 1_000,
            activationThresholdMilli: trigger.milli("activationThreshold") ?? 0,
            metricType: trigger.choice("metricType", MetricType.self) ?? .averageValue, staleAfterSeconds: trigger.integer("staleAfter"))
    }

    private func prometheus(_ trigger: DocumentObject) -> Poll.Source {
        let address = trigger.required("serverAddress", \.text, "serverAddress: http://prometheus.monitoring:9090")
        let query = trigger.required("query", \.text, "query: \"sum(rate(requests_total[5m]))\"")
        return .prometheus(
            serverAddress: address ?? Self.placeholderAddress, query: query ?? "vector(0)",
            ignoreNullValues: trigger.flag("ignoreNullValues") ?? true)
    }

    private func natsJetStream(_ trigger: DocumentObject) -> Poll.Source {
        let endpoint = trigger.required("monitoringEndpoint", \.text, "monitoringEndpoint: http://nats:8222")
        let stream = trigger.required("stream", \.text, "stream: agent-tasks")
        let consumer = trigger.required("consumer", \.text, "consumer: devops-agent")
        return .natsJetStream(
            monitoringEndpoint: endpoint ?? Self.placeholderAddress, account: trigger.text("account") ?? Poll.Source.defaultAccount,
            stream: stream ?? "unnamed", consumer: consumer ?? "unnamed")
    }

    /// Stands for an address that was refused, so that the rules have nothing to add.
    private static let placeholderAddress = "http://unnamed"

    // MARK: - Advanced

    /// Without `behavior`, Kubernetes' default behavior rules, not HPA's older path without any: that one keeps growing
    /// towards a spike that is over. An actor waiting within the tolerance is still an actor waiting, so a policy that
    /// watches demand scales up without one unless it names it.
    func readAdvanced(_ spec: DocumentObject, into policy: inout Policy) {
        policy.behaviorGiven = true
        if case .surge = policy.buffer { policy.behavior = .asNeeded }
        if policy.triggers.contains(where: { $0.source == .demand }) { policy.behavior.scaleUp.tolerancePPM = 0 }
        guard let advanced = spec.object("advanced", PolicyFields.advanced) else { return }
        let config = advanced.object("horizontalPodAutoscalerConfig", PolicyFields.horizontalPodAutoscalerConfig)
        if let behavior = config?.object("behavior", PolicyFields.behavior) {
            if let up = behavior.object("scaleUp", PolicyFields.rules) { read(up, into: &policy.behavior.scaleUp) }
            if let down = behavior.object("scaleDown", PolicyFields.rules) { read(down, into: &policy.behavior.scaleDown) }
        }
        if let modifiers = advanced.object("scalingModifiers", PolicyFields.scalingModifiers) {
            policy.scalingModifiers = scalingModifiers(modifiers, names: policy.triggers.map(\.name))
        }
    }

    /// What isn't given stays Kubernetes' default; an empty list of policies is given, and refused by the rules.
    private func read(_ document: DocumentObject, into rules: inout Behavior.Rules) {
        rules.stabilizationWindowSeconds = document.integer("stabilizationWindowSeconds") ?? rules.stabilizationWindowSeconds
        rules.select = document.choice("selectPolicy", Behavior.Select.self) ?? rules.select
        if let tolerance = document.value("tolerance")?.quantity(Quantity.microDecimals) { rules.tolerancePPM = Int(tolerance) }
        guard document.value("policies")?.elements != nil else { return }
        rules.limits = document.elements("policies").compactMap(limit)
    }

    private func limit(_ value: DocumentValue) -> Behavior.Limit? {
        guard let limit = DocumentObject(value, fields: PolicyFields.limit) else { return nil }
        let kind = limit.required("type", { $0.choice(Behavior.Limit.Kind.self) }, "type: Pods")
        let amount = limit.required("value", \.integer, "value: 1")
        let periodSeconds = limit.required("periodSeconds", \.integer, "periodSeconds: 60")
        return Behavior.Limit(kind: kind ?? .pods, value: amount ?? 1, periodSeconds: periodSeconds ?? 1)
    }

    private func scalingModifiers(_ modifiers: DocumentObject, names: [String]) -> ScalingModifiers? {
        let target = modifiers.required("target", { $0.quantity(Quantity.milliDecimals) }, "target: 10")
        let text = modifiers.required("formula", \.text, "formula: \"(first + second) / 2\"")
        let activationTarget = modifiers.milli("activationTarget")
        let metricType = modifiers.choice("metricType", MetricType.self)
        guard let text, let formula = formula(text, modifiers.pathOf("formula"), names: names) else { return nil }
        return ScalingModifiers(
            formula: formula, targetMilli: target ?? 1_000, activationTargetMilli: activationTarget ?? 0,
            metricType: metricType ?? .averageValue)
    }

    private func formula(_ text: String, _ path: String, names: [String]) -> Formula? {
        do throws(FormulaError) { return try Formula(compiling: text, names: names) } catch {
            // Names of refused triggers are unknown: a complaint about the formula would be about them.
            if !problems.hasProblem(around: "spec.triggers") {
                problems.report(path, "column \(error.column) of the formula: \(error.message)")
            }
            return nil
        }
    }

    // MARK: - Schedules

    func schedule(_ value: DocumentValue) -> Schedule? {
        guard let schedule = DocumentObject(value, fields: PolicyFields.schedule) else { return nil }
        let cron = schedule.required("cron", \.text, "cron: \"0 8 * * 1-5\"")
        let durationSeconds = schedule.required("durationSeconds", \.integer, "durationSeconds: 36000")
        let minReplicaCount = schedule.required("minReplicaCount", \.integer, "minReplicaCount: 5")
        let timezone = schedule.value("timezone") == nil ? "UTC" : schedule.text("timezone")
        let offsets = timezone.flatMap { zoneOffsets(schedule, timezone: $0) }
        // One at a time first: a schedule throws its first mistake, and all of them are wanted.
        _ = checked(schedule, cron ?? "@daily", 1, 0, "UTC", [])
        _ = checked(schedule, "@daily", durationSeconds ?? 1, 0, "UTC", [])
        _ = checked(schedule, "@daily", 1, minReplicaCount ?? 0, "UTC", [])
        guard let cron, let durationSeconds, let minReplicaCount, let timezone, let offsets, !problems.hasProblem(around: schedule.path)
        else { return nil }
        return checked(schedule, cron, durationSeconds, minReplicaCount, timezone, offsets)
    }

    private func checked(
        _ document: DocumentObject, _ cron: String, _ durationSeconds: Int, _ minReplicaCount: Int, _ timezone: String,
        _ offsets: [ZoneOffset]
    ) -> Schedule? {
        do throws(ScheduleError) {
            return try Schedule(
                cron: cron, timezone: timezone, durationSeconds: durationSeconds, minReplicaCount: minReplicaCount, offsets: offsets)
        } catch {
            switch error.field {
            case .durationSeconds, .minReplicaCount, .offsets: problems.report(document.pathOf(error.field.rawValue), error.message)
            default: problems.report(document.pathOf("cron"), error.description)
            }
            return nil
        }
    }

    /// Carried with the schedule (canonical JSON), or resolved from the zone's name.
    private func zoneOffsets(_ schedule: DocumentObject, timezone: String) -> [ZoneOffset]? {
        if schedule.value("offsets") != nil {
            return schedule.elements("offsets").compactMap(offset)
        }
        if let offsets = TimeZoneOffsets.offsets(of: timezone, around: now) { return offsets }
        let found = timezone.isEmpty ? "is empty" : "no time zone is called \(timezone.prefix(60))\(TimeZoneOffsets.hint(for: timezone))"
        problems.report(
            schedule.pathOf("timezone"), "\(found); write one of the tz database, such as Europe/Zurich")
        return nil
    }

    private func offset(_ value: DocumentValue) -> ZoneOffset? {
        guard let offset = DocumentObject(value, fields: PolicyFields.zoneOffset) else { return nil }
        let seconds = offset.required("secondsEastOfUTC", \.integer, "secondsEastOfUTC: 3600")
        guard let text = offset.required("from", \.text, "from: \"2026-03-29T01:00:00Z\"") else { return nil }
        guard let from = LogTime(rfc3339: text) else {
            problems.report(offset.pathOf("from"), "must be a time such as 2026-03-29T01:00:00Z")
            return nil
        }
        return ZoneOffset(from: from, secondsEastOfUTC: seconds ?? 0)
    }
}
