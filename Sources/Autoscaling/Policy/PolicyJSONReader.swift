internal import Domain

// Which policy is written in this canonical JSON?
//
// The way back from `Policy.canonicalJSON`, for the control loop and for replay: without YAML, Foundation or a tz database.
// It is strict about names, types and every rule of `Policy.violations`, and lenient about absence: a field that an older
// version didn't write has its default. The first problem is thrown; the document reader is the one that lists them all.

/// Why a canonical policy was refused.
package struct PolicyJSONError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `spec.triggers[1].threshold`; empty for the text as a whole.
    package var path: String
    /// Of the byte where the refused value begins, from 0.
    package var offset: Int
    package var message: String

    package var description: String { path.isEmpty ? "byte \(offset): \(message)" : "\(path) (byte \(offset)): \(message)" }
}

extension Policy {
    package static let canonicalLimitBytes = 4 << 20

    /// - Parameter isLogged: it is in the log already, so that it passed the rules of its time; a rule that came later and on which
    ///   no decision depends isn't held against it, or the decisions after it would be others.
    package init(canonicalJSON bytes: [UInt8], isLogged: Bool = false) throws(PolicyJSONError) {
        self = try bytes.withUnsafeBufferPointer { buffer throws(PolicyJSONError) in try Policy(canonicalJSON: buffer, isLogged: isLogged) }
    }

    package init(canonicalJSON bytes: UnsafeBufferPointer<UInt8>, isLogged: Bool = false) throws(PolicyJSONError) {
        guard bytes.count <= Self.canonicalLimitBytes else {
            throw PolicyJSONError(path: "", offset: Self.canonicalLimitBytes, message: "more than \(Self.canonicalLimitBytes) bytes")
        }
        let whole: JSONCursor.Value
        do throws(JSONFault) {
            var cursor = JSONCursor(bytes)
            whole = try cursor.value()
            cursor.skipSpace()
            if !cursor.atEnd { throw cursor.fault("something follows the policy") }
        } catch {
            throw PolicyJSONError(path: "", offset: error.offset, message: error.problem)
        }
        try self.init(document: try JSONObject(bytes, whole, path: "", fields: PolicyFields.document))
        if let broken = violations(isLogged: isLogged).first {
            throw PolicyJSONError(path: broken.path, offset: 0, message: broken.message)
        }
    }

    private init(document: JSONObject) throws(PolicyJSONError) {
        guard try document.text("apiVersion") == PolicyFields.apiVersion else {
            throw document.required("apiVersion", "must be \(PolicyFields.apiVersion)")
        }
        guard try document.text("kind") == PolicyFields.kind else { throw document.required("kind", "must be \(PolicyFields.kind)") }
        guard let metadata = try document.object("metadata", PolicyFields.metadata) else { throw document.required("metadata") }
        guard let namespace = try metadata.text("namespace") else { throw metadata.required("namespace") }
        guard let name = try metadata.text("name") else { throw metadata.required("name") }
        guard let spec = try document.object("spec", PolicyFields.spec) else { throw document.required("spec") }
        guard let target = try spec.object("scaleTargetRef", PolicyFields.scaleTargetRef) else { throw spec.required("scaleTargetRef") }
        let shadowed = try spec.text("shadowOf")
        self.init(pool: "\(namespace)/\(shadowed ?? name)", target: try ScaleTarget(target))
        shadow = shadowed == nil ? nil : name
        try readScale(spec)
        try readTriggers(spec)
        try readAdvanced(spec)
        try readRest(spec)
    }

    private mutating func readScale(_ spec: JSONObject) throws(PolicyJSONError) {
        mode = try spec.choice("mode", Mode.self) ?? mode
        if spec.has("workerSelector") { workerSelector = try WorkerSelector(spec) }
        if let given = try spec.object("workers", PolicyFields.workers)?.object("busy", PolicyFields.busy) { busy = try BusyCheck(given) }
        slotsPerWorker = try spec.integer("slotsPerWorker") ?? slotsPerWorker
        if spec.has("capacity") { capacity = try spec.choice("capacity", Capacity.self) }
        minReplicaCount = try spec.integer("minReplicaCount") ?? minReplicaCount
        maxReplicaCount = try spec.integer("maxReplicaCount") ?? maxReplicaCount
        idleReplicaCount = try spec.integer("idleReplicaCount")
        cooldownPeriodSeconds = try spec.integer("cooldownPeriod") ?? cooldownPeriodSeconds
        initialCooldownPeriodSeconds = try spec.integer("initialCooldownPeriod") ?? initialCooldownPeriodSeconds
        guard let buffer = try spec.object("buffer", PolicyFields.buffer) else { return }
        switch (try buffer.integer("spare"), try buffer.integer("sparePercent"), try buffer.object("surge", PolicyFields.surge)) {
        case (let spare?, nil, nil): self.buffer = .fixed(spare)
        case (nil, let percent?, nil): self.buffer = .percent(percent)
        case (nil, nil, let surge?): self.buffer = try WarmBuffer(surge)
        default: throw spec.required("buffer", "must have one of spare, sparePercent and surge")
        }
    }

    private mutating func readTriggers(_ spec: JSONObject) throws(PolicyJSONError) {
        triggers = []
        for trigger in try spec.objects("triggers", PolicyFields.anyTrigger) { triggers.append(try Trigger(trigger)) }
    }

    private mutating func readAdvanced(_ spec: JSONObject) throws(PolicyJSONError) {
        guard let advanced = try spec.object("advanced", PolicyFields.advanced) else { return }
        let config = try advanced.object("horizontalPodAutoscalerConfig", PolicyFields.horizontalPodAutoscalerConfig)
        if let given = try config?.object("behavior", PolicyFields.behavior) {
            behaviorGiven = true
            if let up = try given.object("scaleUp", PolicyFields.rules) { try behavior.scaleUp.read(up) }
            if let down = try given.object("scaleDown", PolicyFields.rules) { try behavior.scaleDown.read(down) }
        }
        guard let modifiers = try advanced.object("scalingModifiers", PolicyFields.scalingModifiers) else { return }
        scalingModifiers = try ScalingModifiers(modifiers, names: triggers.map(\.name))
    }

    private mutating func readRest(_ spec: JSONObject) throws(PolicyJSONError) {
        if let given = try spec.object("fallback", PolicyFields.fallback) { fallback = try Fallback(given) }
        for schedule in try spec.objects("schedules", PolicyFields.schedule) { schedules.append(try Schedule(schedule)) }
        drainTimeoutSeconds = try spec.object("drain", PolicyFields.drain)?.integer("timeoutSeconds") ?? drainTimeoutSeconds
        foreignChange = try spec.choice("foreignChange", ForeignChange.self) ?? foreignChange
        if let placement = try spec.object("placement", PolicyFields.placement) { try readPlacement(placement) }
        for quota in try spec.objects("quotas", PolicyFields.quota) { quotas.append(try Quota(quota)) }
        if let given = try spec.object("pause", PolicyFields.pause) {
            pause = Pause(scaleIn: try given.flag("in") ?? false, scaleOut: try given.flag("out") ?? false, hold: try given.integer("hold"))
        }
        forceActivation = try spec.flag("forceActivation") ?? forceActivation
    }

    private mutating func readPlacement(_ placement: JSONObject) throws(PolicyJSONError) {
        spillTo = try placement.texts("spillTo")
        prefetch = try placement.flag("prefetch") ?? false
        zoneMaxSkew = try placement.object("zoneSpread", PolicyFields.zoneSpread)?.integer("maxSkew")
        if placement.isText("localWaitSeconds") {
            guard try placement.text("localWaitSeconds") == "auto" else {
                throw placement.required("localWaitSeconds", "must be auto or seconds")
            }
        } else {
            localWaitSeconds = try placement.integer("localWaitSeconds")
        }
    }
}

// MARK: - Parts

extension ScaleTarget {
    fileprivate init(_ json: JSONObject) throws(PolicyJSONError) {
        guard let apiVersion = try json.text("apiVersion") else { throw json.required("apiVersion") }
        guard let kind = try json.text("kind") else { throw json.required("kind") }
        guard let name = try json.text("name") else { throw json.required("name") }
        self.init(apiVersion: apiVersion, kind: kind, name: name, command: try json.texts("command"))
    }
}

extension WorkerSelector {
    fileprivate init(_ spec: JSONObject) throws(PolicyJSONError) {
        let read: WorkerSelector?
        if spec.isText("workerSelector") {
            read = try spec.text("workerSelector").flatMap { WorkerSelector($0) }
        } else {
            var labels: [String: String] = [:]
            for label in try spec.object("workerSelector", nil)?.labels() ?? [] { labels[label.key] = label.value }
            read = WorkerSelector(labels: labels)
        }
        guard let read else { throw spec.required("workerSelector", WorkerSelector.advice) }
        self = read
    }
}

extension BusyCheck {
    fileprivate init(_ json: JSONObject) throws(PolicyJSONError) {
        let http = try json.object("http", PolicyFields.busyHTTP)
        let metric = try json.object("metric", PolicyFields.busyMetric)
        switch (http, metric, try json.text("annotation")) {
        case (let http?, nil, nil):
            guard let path = try http.text("path") else { throw http.required("path") }
            self.init(.http(port: try Port(http), path: path))
        case (nil, let metric?, nil):
            guard let name = try metric.text("name") else { throw metric.required("name") }
            let labels = try metric.object("selector", nil)?.labels() ?? []
            self.init(
                .metric(
                    port: try Port(metric), path: try metric.text("path") ?? Self.defaultMetricsPath, name: name,
                    selector: labels.map { Trigger.Label(key: $0.key, value: $0.value) }))
        case (nil, nil, let key?): self.init(.annotation(key))
        default: throw json.required("http", "or metric, or annotation must be there, and only one of them")
        }
        intervalSeconds = try json.integer("intervalSeconds") ?? intervalSeconds
        timeoutSeconds = try json.integer("timeoutSeconds") ?? timeoutSeconds
        unknownSeconds = try json.integer("unknownSeconds") ?? unknownSeconds
        unknown = try json.choice("unknown", Unknown.self) ?? unknown
    }
}

extension BusyCheck.Port {
    fileprivate init(_ json: JSONObject) throws(PolicyJSONError) {
        if json.isText("port") {
            self = .name(try json.text("port") ?? "")
        } else {
            guard let number = try json.integer("port") else { throw json.required("port") }
            self = .number(number)
        }
    }
}

extension WarmBuffer {
    fileprivate init(_ surge: JSONObject) throws(PolicyJSONError) {
        guard let quantile = try surge.decimal("quantile", Quantity.microDecimals) else { throw surge.required("quantile") }
        guard let windowSeconds = try surge.integer("windowSeconds") else { throw surge.required("windowSeconds") }
        self = .surge(quantilePPM: Int(clamping: quantile), windowSeconds: windowSeconds, min: try surge.integer("min") ?? 0)
    }
}

extension Trigger {
    fileprivate init(_ json: JSONObject) throws(PolicyJSONError) {
        guard let name = try json.text("name") else { throw json.required("name") }
        guard let threshold = try json.decimal("threshold", Quantity.milliDecimals) else { throw json.required("threshold") }
        let poll = try Poll(json)
        let source =
            poll == nil ? try Source(json) : .observed(metric: name, selector: [], staleAfterSeconds: try json.integer("staleAfter"))
        self.init(
            name: name, source: source, thresholdMilli: threshold,
            activationThresholdMilli: try json.decimal("activationThreshold", Quantity.milliDecimals) ?? 0,
            metricType: try json.choice("metricType", MetricType.self) ?? .averageValue)
        self.poll = poll
    }
}

extension Poll {
    /// nil where the trigger's type is none that polls.
    fileprivate init?(_ json: JSONObject) throws(PolicyJSONError) {
        func needed(_ field: String) throws(PolicyJSONError) -> String {
            guard let text = try json.text(field) else { throw json.required(field) }
            return text
        }
        switch try json.text("type") {
        case "prometheus":
            self.init(
                source: .prometheus(
                    serverAddress: try needed("serverAddress"), query: try needed("query"),
                    ignoreNullValues: try json.flag("ignoreNullValues") ?? true))
        case "nats-jetstream":
            self.init(
                source: .natsJetStream(
                    monitoringEndpoint: try needed("monitoringEndpoint"), account: try json.text("account") ?? Source.defaultAccount,
                    stream: try needed("stream"), consumer: try needed("consumer")))
            countsInFlight = try json.flag("inFlight") ?? countsInFlight
        default: return nil
        }
        intervalSeconds = try json.integer("intervalSeconds") ?? intervalSeconds
        timeoutSeconds = try json.integer("timeoutSeconds") ?? timeoutSeconds
        bearerTokenFile = try json.text("bearerTokenFile")
        if let files = try json.object("tls", PolicyFields.pollTLS) {
            tls = TLS(caFile: try files.text("caFile"), certFile: try files.text("certFile"), keyFile: try files.text("keyFile"))
        }
    }
}

extension Trigger.Source {
    fileprivate init(_ json: JSONObject) throws(PolicyJSONError) {
        switch try json.text("type") {
        case "demand":
            self = .demand
        case "observed":
            guard let metric = try json.text("metric") else { throw json.required("metric") }
            let labels = try json.object("selector", nil)?.labels() ?? []
            self = .observed(
                metric: metric, selector: labels.map { Trigger.Label(key: $0.key, value: $0.value) },
                staleAfterSeconds: try json.integer("staleAfter"))
        default:
            throw json.required("type", "must be \(PolicyFields.triggerTypes)")
        }
    }
}

extension Behavior.Rules {
    /// What isn't given stays as it is, which is Kubernetes' default.
    fileprivate mutating func read(_ json: JSONObject) throws(PolicyJSONError) {
        stabilizationWindowSeconds = try json.integer("stabilizationWindowSeconds") ?? stabilizationWindowSeconds
        select = try json.choice("selectPolicy", Behavior.Select.self) ?? select
        if let tolerance = try json.decimal("tolerance", Quantity.microDecimals) { tolerancePPM = Int(tolerance) }
        if json.has("policies") { limits = [] }
        for limit in try json.objects("policies", PolicyFields.limit) {
            guard let kind = try limit.choice("type", Behavior.Limit.Kind.self) else { throw limit.required("type") }
            guard let value = try limit.integer("value") else { throw limit.required("value") }
            guard let periodSeconds = try limit.integer("periodSeconds") else { throw limit.required("periodSeconds") }
            limits.append(Behavior.Limit(kind: kind, value: value, periodSeconds: periodSeconds))
        }
    }
}

extension ScalingModifiers {
    fileprivate init(_ json: JSONObject, names: [String]) throws(PolicyJSONError) {
        guard let text = try json.text("formula") else { throw json.required("formula") }
        guard let target = try json.decimal("target", Quantity.milliDecimals) else { throw json.required("target") }
        let formula: Formula
        do throws(FormulaError) { formula = try Formula(compiling: text, names: names) } catch {
            throw json.required("formula", error.description)
        }
        self.init(
            formula: formula, targetMilli: target,
            activationTargetMilli: try json.decimal("activationTarget", Quantity.milliDecimals) ?? 0,
            metricType: try json.choice("metricType", MetricType.self) ?? .averageValue)
    }
}

extension Fallback {
    fileprivate init(_ json: JSONObject) throws(PolicyJSONError) {
        guard let failureThreshold = try json.integer("failureThreshold") else { throw json.required("failureThreshold") }
        guard let replicas = try json.integer("replicas") else { throw json.required("replicas") }
        self.init(failureThreshold: failureThreshold, replicas: replicas, behavior: try json.choice("behavior", Behavior.self) ?? .static)
    }
}

extension Schedule {
    fileprivate init(_ json: JSONObject) throws(PolicyJSONError) {
        guard let cron = try json.text("cron") else { throw json.required("cron") }
        guard let durationSeconds = try json.integer("durationSeconds") else { throw json.required("durationSeconds") }
        guard let minReplicaCount = try json.integer("minReplicaCount") else { throw json.required("minReplicaCount") }
        var offsets: [ZoneOffset] = []
        for offset in try json.objects("offsets", PolicyFields.zoneOffset) {
            guard let from = try offset.time("from") else { throw offset.required("from") }
            guard let seconds = try offset.integer("secondsEastOfUTC") else { throw offset.required("secondsEastOfUTC") }
            offsets.append(ZoneOffset(from: from, secondsEastOfUTC: seconds))
        }
        let timezone = try json.text("timezone") ?? "UTC"
        do throws(ScheduleError) {
            self = try Schedule(
                cron: cron, timezone: timezone, durationSeconds: durationSeconds, minReplicaCount: minReplicaCount, offsets: offsets)
        } catch {
            throw json.required("cron", error.description)
        }
    }
}

extension Quota {
    fileprivate init(_ json: JSONObject) throws(PolicyJSONError) {
        guard let tenant = try json.text("tenant") else { throw json.required("tenant") }
        guard let maxRunning = try json.integer("maxRunning") else { throw json.required("maxRunning") }
        self.init(tenant: tenant, maxRunning: maxRunning)
    }
}
