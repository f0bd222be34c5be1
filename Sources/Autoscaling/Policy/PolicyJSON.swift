package import Domain

// How is a policy written so that it reads back the same, anywhere and for ever?
//
// The canonical form: one line of JSON in the shape of the document itself, every field explicit, in a fixed order, numbers
// as exact decimals, and each schedule with the changes of its zone. It is what `policy.applied` carries, so equal policies
// have equal bytes, and a replay needs neither a YAML parser nor a tz database. The document reader takes it too.

extension Policy {
    /// The canonical JSON, alone.
    package var canonicalJSON: [UInt8] {
        var json = JSONWriter(reservingBytes: 1_024)
        appendCanonicalJSON(to: &json)
        return json.bytes
    }

    package func appendCanonicalJSON(to json: inout JSONWriter) {
        let parts = pool.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        json.openObject()
        json.member("apiVersion", PolicyFields.apiVersion)
        json.member("kind", PolicyFields.kind)
        json.object("metadata") { json in
            json.member("namespace", parts.count == 2 ? String(parts[0]) : "")
            json.member("name", shadow ?? String(parts.last ?? ""))
        }
        json.object("spec") { json in
            json.member("mode", mode.rawValue)
            // Not written where it is absent: policies of logs without shadows keep their bytes.
            if shadow != nil { json.member("shadowOf", String(parts.last ?? "")) }
            writeScale(to: &json)
            json.array("triggers", triggers) { $0.write(to: &$1) }
            writeAdvanced(to: &json)
            writeRest(to: &json)
        }
        json.closeObject()
    }

    private func writeScale(to json: inout JSONWriter) {
        json.object("scaleTargetRef") { json in
            json.member("apiVersion", target.apiVersion)
            json.member("kind", target.kind)
            json.member("name", target.name)
            json.array("command", target.command) { $1.string($0) }
        }
        // Not written where it is absent: policies of older logs keep their bytes.
        if let workerSelector { json.member("workerSelector", workerSelector.text) }
        if let busy { json.object("workers") { $0.object("busy") { busy.write(to: &$0) } } }
        json.member("slotsPerWorker", slotsPerWorker)
        // As workerSelector: what the kind implies isn't written.
        if let capacity { json.member("capacity", capacity.rawValue) }
        json.member("minReplicaCount", minReplicaCount)
        json.member("maxReplicaCount", maxReplicaCount)
        json.optional("idleReplicaCount", idleReplicaCount)
        json.member("cooldownPeriod", cooldownPeriodSeconds)
        json.member("initialCooldownPeriod", initialCooldownPeriodSeconds)
        json.object("buffer") { json in
            switch buffer {
            case .fixed(let spare): json.member("spare", spare)
            case .percent(let percent): json.member("sparePercent", percent)
            case .surge(let quantilePPM, let windowSeconds, let min):
                json.object("surge") { json in
                    json.decimal("quantile", Int64(quantilePPM), Quantity.microDecimals)
                    json.member("windowSeconds", windowSeconds)
                    json.member("min", min)
                }
            }
        }
    }

    /// Whether `behavior` was given decides which of HPA's two paths computes, so a policy without it has null.
    private func writeAdvanced(to json: inout JSONWriter) {
        json.object("advanced") { json in
            json.object("horizontalPodAutoscalerConfig") { json in
                json.optionalObject("behavior", behaviorGiven ? behavior : nil) { behavior, json in
                    json.object("scaleUp") { behavior.scaleUp.writeMembers(to: &$0) }
                    json.object("scaleDown") { behavior.scaleDown.writeMembers(to: &$0) }
                }
            }
            json.optionalObject("scalingModifiers", scalingModifiers) { modifiers, json in
                json.member("formula", modifiers.formula.text)
                json.decimal("target", modifiers.targetMilli, Quantity.milliDecimals)
                json.decimal("activationTarget", modifiers.activationTargetMilli, Quantity.milliDecimals)
                json.member("metricType", modifiers.metricType.rawValue)
            }
        }
    }

    private func writeRest(to json: inout JSONWriter) {
        json.optionalObject("fallback", fallback) { fallback, json in
            json.member("failureThreshold", fallback.failureThreshold)
            json.member("replicas", fallback.replicas)
            json.member("behavior", fallback.behavior.rawValue)
        }
        json.array("schedules", schedules) { $0.write(to: &$1) }
        json.object("drain") { $0.member("timeoutSeconds", drainTimeoutSeconds) }
        // Like shadowOf, not written where it is the default: policies of older logs keep their bytes.
        if foreignChange != .takeOver { json.member("foreignChange", foreignChange.rawValue) }
        json.object("placement") { json in
            json.array("spillTo", spillTo) { $1.string($0) }
            json.optionalObject("zoneSpread", zoneMaxSkew) { $1.member("maxSkew", $0) }
            if let localWaitSeconds { json.member("localWaitSeconds", localWaitSeconds) } else { json.member("localWaitSeconds", "auto") }
            if prefetch { json.member("prefetch", true) }
        }
        json.array("quotas", quotas) { quota, json in
            json.openObject()
            json.member("tenant", quota.tenant)
            json.member("maxRunning", quota.maxRunning)
            json.closeObject()
        }
        json.object("pause") { json in
            json.member("in", pause.scaleIn)
            json.member("out", pause.scaleOut)
            json.optional("hold", pause.hold)
        }
        json.member("forceActivation", forceActivation)
    }
}

extension Trigger {
    fileprivate func write(to json: inout JSONWriter) {
        json.openObject()
        switch source {
        case .demand:
            json.member("type", "demand")
            json.member("name", name)
            writeThresholds(to: &json)
        case .observed(let metric, let selector, let staleAfterSeconds):
            if let poll { return writePolled(poll, to: &json) }
            json.member("type", "observed")
            json.member("name", name)
            json.member("metric", metric)
            json.object("selector") { json in for label in selector { json.member(label.key, label.value) } }
            writeThresholds(to: &json)
            json.optional("staleAfter", staleAfterSeconds)
        }
        json.closeObject()
    }

    private func writePolled(_ poll: Poll, to json: inout JSONWriter) {
        json.member("type", poll.source.type)
        json.member("name", name)
        switch poll.source {
        case .prometheus(let serverAddress, let query, let ignoreNullValues):
            json.member("serverAddress", serverAddress)
            json.member("query", query)
            json.member("ignoreNullValues", ignoreNullValues)
        case .natsJetStream(let monitoringEndpoint, let account, let stream, let consumer):
            json.member("monitoringEndpoint", monitoringEndpoint)
            json.member("account", account)
            json.member("stream", stream)
            json.member("consumer", consumer)
        }
        // Not written where it is the default: policies of older logs keep their bytes.
        if !poll.countsInFlight { json.member("inFlight", false) }
        writeThresholds(to: &json)
        json.member("intervalSeconds", poll.intervalSeconds)
        json.member("timeoutSeconds", poll.timeoutSeconds)
        json.optional("bearerTokenFile", poll.bearerTokenFile)
        json.optionalObject("tls", poll.tls) { tls, json in
            json.optional("caFile", tls.caFile)
            json.optional("certFile", tls.certFile)
            json.optional("keyFile", tls.keyFile)
        }
        json.optional("staleAfter", staleAfterSeconds)
        json.closeObject()
    }

    private func writeThresholds(to json: inout JSONWriter) {
        json.decimal("threshold", thresholdMilli, Quantity.milliDecimals)
        json.decimal("activationThreshold", activationThresholdMilli, Quantity.milliDecimals)
        json.member("metricType", metricType.rawValue)
    }
}

extension BusyCheck {
    fileprivate func write(to json: inout JSONWriter) {
        switch source {
        case .http(let port, let path):
            json.object("http") { json in
                port.write(to: &json)
                json.member("path", path)
            }
        case .metric(let port, let path, let name, let selector):
            json.object("metric") { json in
                port.write(to: &json)
                json.member("path", path)
                json.member("name", name)
                json.object("selector") { json in for label in selector { json.member(label.key, label.value) } }
            }
        case .annotation(let key): json.member("annotation", key)
        }
        json.member("intervalSeconds", intervalSeconds)
        json.member("timeoutSeconds", timeoutSeconds)
        json.member("unknownSeconds", unknownSeconds)
        json.member("unknown", unknown.rawValue)
    }
}

extension BusyCheck.Port {
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .number(let number): json.member("port", number)
        case .name(let name): json.member("port", name)
        }
    }
}

extension Behavior.Rules {
    fileprivate func writeMembers(to json: inout JSONWriter) {
        json.member("stabilizationWindowSeconds", stabilizationWindowSeconds)
        json.member("selectPolicy", select.rawValue)
        json.array("policies", limits) { limit, json in
            json.openObject()
            json.member("type", limit.kind.rawValue)
            json.member("value", limit.value)
            json.member("periodSeconds", limit.periodSeconds)
            json.closeObject()
        }
        json.decimal("tolerance", Int64(tolerancePPM), Quantity.microDecimals)
    }
}

extension Schedule {
    fileprivate func write(to json: inout JSONWriter) {
        json.openObject()
        json.member("cron", cron)
        json.member("timezone", timezone)
        json.member("durationSeconds", durationSeconds)
        json.member("minReplicaCount", minReplicaCount)
        json.array("offsets", offsets) { offset, json in
            json.openObject()
            json.member("from", offset.from)
            json.member("secondsEastOfUTC", offset.secondsEastOfUTC)
            json.closeObject()
        }
        json.closeObject()
    }
}

extension JSONWriter {
    fileprivate mutating func object(_ name: String, _ members: (inout JSONWriter) -> Void) {
        key(name)
        openObject()
        members(&self)
        closeObject()
    }

    fileprivate mutating func optionalObject<Value>(_ name: String, _ value: Value?, _ members: (Value, inout JSONWriter) -> Void) {
        if let value { object(name) { members(value, &$0) } } else { key(name); null() }
    }

    fileprivate mutating func array<Element>(_ name: String, _ elements: [Element], _ write: (Element, inout JSONWriter) -> Void) {
        key(name)
        openArray()
        for element in elements { write(element, &self) }
        closeArray()
    }

    fileprivate mutating func optional(_ name: String, _ value: Int?) {
        if let value { member(name, value) } else { key(name); null() }
    }

    fileprivate mutating func optional(_ name: String, _ value: String?) {
        if let value { member(name, value) } else { key(name); null() }
    }

    /// `value` · 10^−decimals as a JSON number, exactly.
    fileprivate mutating func decimal(_ name: String, _ value: Int64, _ decimals: Int) {
        key(name)
        raw(Quantity.text(value, decimals: decimals).utf8)
    }
}
