package import Autoscaling

// How is a policy shown: for machines in JSON, for people in YAML?
//
// JSON is the canonical form (`Policy.canonicalJSON`), lossless with the zones' changes. YAML leaves out what is absent or at
// its default, and zones' changes, which are resolved anew when it is read: read about the same `now` it gives an equal policy.

package enum PolicyWriter {
    /// The canonical JSON in one line, without a line break at its end.
    package static func json(_ policy: Policy) -> String { String(decoding: policy.canonicalJSON, as: UTF8.self) }

    /// One YAML document.
    package static func yaml(_ policy: Policy) -> String {
        let parts = policy.pool.split(separator: "/", maxSplits: 1)
        let metadata: [YAMLText.Member] = [
            ("name", .text(policy.shadow ?? String(parts.last ?? ""))), ("namespace", .text(String(parts.first ?? ""))),
        ]
        return YAMLText.document([
            ("apiVersion", .text(PolicyFields.apiVersion)),
            ("kind", .text(PolicyFields.kind)),
            ("metadata", .inline(metadata)),
            ("spec", .object(spec(policy))),
        ])
    }

    /// Several documents in one text.
    package static func yaml(_ policies: [Policy]) -> String { policies.map { yaml($0) }.joined(separator: "---\n") }

    private static func spec(_ policy: Policy) -> [YAMLText.Member] {
        let plain = Policy(pool: policy.pool, target: policy.target)
        var members: [YAMLText.Member] = [("mode", .text(policy.mode.rawValue))]
        if policy.shadow != nil { members.append(("shadowOf", .text(String(policy.pool.split(separator: "/", maxSplits: 1).last ?? "")))) }
        members.append(("scaleTargetRef", .inline(target(policy.target))))
        if let selector = policy.workerSelector { members.append(("workerSelector", .text(selector.text))) }
        if let busy = policy.busy { members.append(("workers", .inline([("busy", .inline(self.busy(busy)))]))) }
        if policy.slotsPerWorker != plain.slotsPerWorker { members.append(("slotsPerWorker", .integer(policy.slotsPerWorker))) }
        if let capacity = policy.capacity { members.append(("capacity", .text(capacity.rawValue))) }
        members.append(("minReplicaCount", .integer(policy.minReplicaCount)))
        members.append(("maxReplicaCount", .integer(policy.maxReplicaCount)))
        if let idle = policy.idleReplicaCount { members.append(("idleReplicaCount", .integer(idle))) }
        members.append(("cooldownPeriod", .integer(policy.cooldownPeriodSeconds)))
        if policy.initialCooldownPeriodSeconds != 0 {
            members.append(("initialCooldownPeriod", .integer(policy.initialCooldownPeriodSeconds)))
        }
        if policy.buffer != plain.buffer { members.append(("buffer", .inline(buffer(policy.buffer)))) }
        if !policy.triggers.isEmpty { members.append(("triggers", .list(policy.triggers.map { .inline(trigger($0)) }))) }
        let advanced = advanced(policy)
        if !advanced.isEmpty { members.append(("advanced", .object(advanced))) }
        return members + rest(policy, plain)
    }

    private static func rest(_ policy: Policy, _ plain: Policy) -> [YAMLText.Member] {
        var members: [YAMLText.Member] = []
        if let fallback = policy.fallback {
            members.append(
                (
                    "fallback",
                    .inline([
                        ("failureThreshold", .integer(fallback.failureThreshold)), ("replicas", .integer(fallback.replicas)),
                        ("behavior", .text(fallback.behavior.rawValue)),
                    ])
                ))
        }
        if !policy.schedules.isEmpty { members.append(("schedules", .list(policy.schedules.map { .inline(schedule($0)) }))) }
        if policy.drainTimeoutSeconds != plain.drainTimeoutSeconds {
            members.append(("drain", .inline([("timeoutSeconds", .integer(policy.drainTimeoutSeconds))])))
        }
        if policy.foreignChange != plain.foreignChange { members.append(("foreignChange", .text(policy.foreignChange.rawValue))) }
        let placement = placement(policy)
        if !placement.isEmpty { members.append(("placement", .inline(placement))) }
        if !policy.quotas.isEmpty {
            members.append(
                ("quotas", .list(policy.quotas.map { .inline([("tenant", .text($0.tenant)), ("maxRunning", .integer($0.maxRunning))]) })))
        }
        if policy.pause != plain.pause { members.append(("pause", .inline(pause(policy.pause)))) }
        if policy.forceActivation { members.append(("forceActivation", .flag(true))) }
        return members
    }

    private static func target(_ target: ScaleTarget) -> [YAMLText.Member] {
        let command: [YAMLText.Member] = target.command.isEmpty ? [] : [("command", .inlineList(target.command.map { .text($0) }))]
        return [("apiVersion", .text(target.apiVersion)), ("kind", .text(target.kind)), ("name", .text(target.name))] + command
    }

    private static func busy(_ busy: BusyCheck) -> [YAMLText.Member] {
        let plain = BusyCheck(busy.source)
        var members: [YAMLText.Member]
        switch busy.source {
        case .http(let port, let path): members = [("http", .inline([("port", text(port)), ("path", .text(path))]))]
        case .metric(let port, let path, let name, let selector):
            var metric: [YAMLText.Member] = [("port", text(port)), ("path", .text(path)), ("name", .text(name))]
            if !selector.isEmpty { metric.append(("selector", .inline(selector.map { ($0.key, .text($0.value)) }))) }
            members = [("metric", .inline(metric))]
        case .annotation(let key): members = [("annotation", .text(key))]
        }
        if busy.intervalSeconds != plain.intervalSeconds { members.append(("intervalSeconds", .integer(busy.intervalSeconds))) }
        if busy.timeoutSeconds != plain.timeoutSeconds { members.append(("timeoutSeconds", .integer(busy.timeoutSeconds))) }
        if busy.unknownSeconds != plain.unknownSeconds { members.append(("unknownSeconds", .integer(busy.unknownSeconds))) }
        if busy.unknown != plain.unknown { members.append(("unknown", .text(busy.unknown.rawValue))) }
        return members
    }

    private static func text(_ port: BusyCheck.Port) -> YAMLText.Value {
        switch port {
        case .number(let number): .integer(number)
        case .name(let name): .text(name)
        }
    }

    private static func buffer(_ buffer: WarmBuffer) -> [YAMLText.Member] {
        switch buffer {
        case .fixed(let spare): [("spare", .integer(spare))]
        case .percent(let percent): [("sparePercent", .integer(percent))]
        case .surge(let quantilePPM, let windowSeconds, let min):
            [
                (
                    "surge",
                    .inline([
                        ("quantile", .decimal(Int64(quantilePPM), Quantity.microDecimals)), ("windowSeconds", .integer(windowSeconds)),
                        ("min", .integer(min)),
                    ])
                )
            ]
        }
    }

    private static func trigger(_ trigger: Trigger) -> [YAMLText.Member] {
        var members: [YAMLText.Member]
        var staleAfter: Int?
        switch trigger.source {
        case .demand:
            members = [("type", .text("demand")), ("name", .text(trigger.name))]
        case .observed(let metric, let selector, let staleAfterSeconds):
            if let poll = trigger.poll {
                members = [("type", .text(poll.source.type)), ("name", .text(trigger.name))] + source(poll.source)
            } else {
                members = [("type", .text("observed")), ("name", .text(trigger.name)), ("metric", .text(metric))]
            }
            if !selector.isEmpty { members.append(("selector", .inline(selector.map { ($0.key, .text($0.value)) }))) }
            staleAfter = staleAfterSeconds
        }
        members.append(("threshold", .decimal(trigger.thresholdMilli, Quantity.milliDecimals)))
        members.append(("activationThreshold", .decimal(trigger.activationThresholdMilli, Quantity.milliDecimals)))
        members.append(("metricType", .text(trigger.metricType.rawValue)))
        if let poll = trigger.poll { members += rest(poll) }
        if let staleAfter { members.append(("staleAfter", .integer(staleAfter))) }
        return members
    }

    private static func source(_ source: Poll.Source) -> [YAMLText.Member] {
        switch source {
        case .prometheus(let serverAddress, let query, let ignoreNullValues):
            let nulls: [YAMLText.Member] = ignoreNullValues ? [] : [("ignoreNullValues", .flag(false))]
            return [("serverAddress", .text(serverAddress)), ("query", .text(query))] + nulls
        case .natsJetStream(let monitoringEndpoint, let account, let stream, let consumer):
            return [
                ("monitoringEndpoint", .text(monitoringEndpoint)), ("account", .text(account)), ("stream", .text(stream)),
                ("consumer", .text(consumer)),
            ]
        }
    }

    private static func rest(_ poll: Poll) -> [YAMLText.Member] {
        let inFlight: [YAMLText.Member] = poll.countsInFlight ? [] : [("inFlight", .flag(false))]
        var members: [YAMLText.Member] = inFlight + [("intervalSeconds", .integer(poll.intervalSeconds))]
        if poll.timeoutSeconds != Poll.defaultTimeoutSeconds { members.append(("timeoutSeconds", .integer(poll.timeoutSeconds))) }
        if let file = poll.bearerTokenFile { members.append(("bearerTokenFile", .text(file))) }
        guard let tls = poll.tls else { return members }
        let files = [("caFile", tls.caFile), ("certFile", tls.certFile), ("keyFile", tls.keyFile)]
        members.append(("tls", .inline(files.compactMap { name, file in file.map { (name, .text($0)) } })))
        return members
    }

    private static func advanced(_ policy: Policy) -> [YAMLText.Member] {
        var members: [YAMLText.Member] = []
        if policy.behaviorGiven {
            let behavior: [YAMLText.Member] = [
                ("scaleUp", .object(rules(policy.behavior.scaleUp))), ("scaleDown", .object(rules(policy.behavior.scaleDown))),
            ]
            members.append(("horizontalPodAutoscalerConfig", .object([("behavior", .object(behavior))])))
        }
        if let modifiers = policy.scalingModifiers {
            members.append(
                (
                    "scalingModifiers",
                    .object([
                        ("formula", .text(modifiers.formula.text)),
                        ("target", .decimal(modifiers.targetMilli, Quantity.milliDecimals)),
                        ("activationTarget", .decimal(modifiers.activationTargetMilli, Quantity.milliDecimals)),
                        ("metricType", .text(modifiers.metricType.rawValue)),
                    ])
                ))
        }
        return members
    }

    private static func rules(_ rules: Behavior.Rules) -> [YAMLText.Member] {
        [
            ("stabilizationWindowSeconds", .integer(rules.stabilizationWindowSeconds)),
            ("selectPolicy", .text(rules.select.rawValue)),
            (
                "policies",
                .list(
                    rules.limits.map {
                        .inline([
                            ("type", .text($0.kind.rawValue)), ("value", .integer($0.value)), ("periodSeconds", .integer($0.periodSeconds)),
                        ])
                    })
            ),
            ("tolerance", .decimal(Int64(rules.tolerancePPM), Quantity.microDecimals)),
        ]
    }

    private static func schedule(_ schedule: Schedule) -> [YAMLText.Member] {
        [
            ("cron", .text(schedule.cron)), ("timezone", .text(schedule.timezone)), ("durationSeconds", .integer(schedule.durationSeconds)),
            ("minReplicaCount", .integer(schedule.minReplicaCount)),
        ]
    }

    private static func placement(_ policy: Policy) -> [YAMLText.Member] {
        var members: [YAMLText.Member] = []
        if !policy.spillTo.isEmpty { members.append(("spillTo", .inlineList(policy.spillTo.map { .text($0) }))) }
        if let skew = policy.zoneMaxSkew { members.append(("zoneSpread", .inline([("maxSkew", .integer(skew))]))) }
        if let wait = policy.localWaitSeconds { members.append(("localWaitSeconds", .integer(wait))) }
        if policy.prefetch { members.append(("prefetch", .flag(true))) }
        return members
    }

    private static func pause(_ pause: Pause) -> [YAMLText.Member] {
        let hold: [YAMLText.Member] = pause.hold.map { [("hold", .integer($0))] } ?? []
        return [("in", .flag(pause.scaleIn)), ("out", .flag(pause.scaleOut))] + hold
    }
}
