internal import Autoscaling
internal import Domain

// What becomes of one trigger of a ScaledObject?
//
// `prometheus` and `nats-jetstream` stay what they are, fetched by the service; `cron` becomes a schedule; a metric of
// anything else becomes an observed trigger with the command that feeds it. Thresholds, activation and metric types come
// along in each.

struct ScaledTrigger {
    let document: ManifestObject
    let pool: String
    let intervalSeconds: Int
    let secrets: TriggerSecrets
    let now: LogTime

    var namespace: Substring { pool.prefix { $0 != "/" } }

    enum Outcome {
        case trigger(Trigger)
        case schedule(Schedule)
        /// Greenroom's own scaler: the demand of that pool.
        case demand(Trigger, pool: String)
    }

    /// Four looks of KEDA's, and no less than two minutes: what feeds a metric may run once a minute.
    var staleAfterSeconds: Int { Feed.staleAfterSeconds(intervalSeconds: intervalSeconds) }
    var silence: String { Feed.silence(staleAfterSeconds) }

    func read(maxReplicaCount: Int) -> Outcome? {
        guard let type = document.required("type", document.text("type")),
            let metadata = document.required("metadata", document.object("metadata"))
        else { return nil }
        document.leaveOut("useCachedMetrics", "every event counts at once")
        let outcome: Outcome?
        switch type {
        case "prometheus": outcome = PrometheusTrigger(trigger: self, metadata: metadata).read().map(Outcome.trigger)
        case "nats-jetstream": outcome = natsJetStream(metadata).map(Outcome.trigger)
        case "cron": outcome = CronTrigger(metadata: metadata, maxReplicaCount: maxReplicaCount, now: now).schedule().map(Outcome.schedule)
        case "cpu", "memory": outcome = resource(type, metadata).map(Outcome.trigger)
        default:
            if let own = OwnScaler.of(type, self, metadata) {
                outcome = own.pool.flatMap { pool in own.read().map { .demand($0, pool: pool) } }
            } else {
                outcome = other(type, metadata).map(Outcome.trigger)
            }
        }
        if type == "cron" { document.pass(["name", "metricType"]) }
        switch outcome {
        case .trigger(let trigger) where trigger.poll == nil: document.pass(["authenticationRef"])
        case .demand: document.pass(["authenticationRef"])
        default: break
        }
        metadata.noteUnread()
        return outcome
    }

    /// KEDA's name for it, or the scaler's.
    func name(_ type: String) -> String { document.text("name") ?? type }

    func metricType() -> MetricType { document.choice("metricType", MetricType.self) ?? .averageValue }

    /// Prometheus' and NATS' `authenticationRef`, where there is one.
    func authentication() -> TriggerSecrets.Reference? {
        guard let reference = document.object("authenticationRef") else { return nil }
        let isCluster = reference.text("kind") == "ClusterTriggerAuthentication"
        let name = reference.required("name", reference.text("name"))
        reference.noteUnread()
        return name.map { TriggerSecrets.Reference(name: $0, isCluster: isCluster) }
    }

    func noteFile(_ file: TriggerSecrets.File, _ what: String, _ authentication: String) {
        let guess = file.isKnown ? "" : " (a guess: no \(authentication) of this text gives it; name the file that holds it)"
        document.note(
            "authenticationRef",
            "\(what) is read from the file \(file.path)\(guess): mount the secret \(file.secret) as \(namespace)/\(file.secret) in the service's folder of secrets"
        )
    }

    /// Notes which fields of its metadata the trigger's came from, where they have other names there.
    static func noteOrigins(of type: String, in metadata: ManifestObject, _ path: String) {
        let origins: [(theirs: [String], ours: String)] =
            switch type {
            case "prometheus": [(["timeout"], "timeoutSeconds")]
            case "nats-jetstream":
                [
                    (["natsServerMonitoringEndpoint"], "monitoringEndpoint"), (["lagThreshold"], "threshold"),
                    (["activationLagThreshold"], "activationThreshold"),
                ]
            case "cpu", "memory": [(["value"], "threshold"), (["containerName"], "selector.container")]
            case "external", "external-push": [(["targetSize"], "threshold")]
            default: OtherScaler.of(type).origins
            }
        for (theirs, ours) in origins {
            // Of several names that a scaler takes, the first that is there was read.
            if let name = theirs.first(where: metadata.names.contains) { metadata.isOrigin(name, of: "\(path).\(ours)") }
        }
    }

    // MARK: - NATS

    private func natsJetStream(_ metadata: ManifestObject) -> Trigger? {
        let isTLS = metadata.flag("useHttps") ?? false
        let endpoint = metadata.required("natsServerMonitoringEndpoint", metadata.text("natsServerMonitoringEndpoint"))
        let stream = metadata.required("stream", metadata.text("stream"))
        let consumer = metadata.required("consumer", metadata.text("consumer"))
        guard let endpoint, let stream, let consumer else { return nil }
        let account = metadata.text("account") ?? Poll.Source.defaultAccount
        let address = endpoint.contains("://") ? endpoint : "\(isTLS ? "https" : "http")://\(endpoint)"
        let poll = Poll(
            source: .natsJetStream(monitoringEndpoint: address, account: account, stream: stream, consumer: consumer),
            intervalSeconds: intervalSeconds)
        return .polled(
            name: name("nats-jetstream"), poll, thresholdMilli: metadata.milli("lagThreshold") ?? 10_000,
            activationThresholdMilli: metadata.milli("activationLagThreshold") ?? 0, metricType: metricType())
    }

    // MARK: - What only its neighbours know

    /// KEDA hands these to the HPA as resource metrics: a percentage is `Value`'s arithmetic, an amount `AverageValue`'s.
    private func resource(_ type: String, _ metadata: ManifestObject) -> Trigger? {
        guard let threshold = metadata.required("value", metadata.milli("value")) else { return nil }
        let kind = document.text("metricType") ?? metadata.text("type") ?? "Utilization"
        metadata.pass(["type"])
        let isShare = kind == "Utilization"
        let container = metadata.text("containerName")
        let labels = container.map { [Trigger.Label(key: "container", value: $0)] } ?? []
        let metric = isShare ? "\(type)_utilization" : "\(type)_used"
        let what = isShare ? "the pods' average use of \(type) in percent of their requests" : "the pods' use of \(type), added up"
        document.note(
            "type",
            "Greenroom doesn't read \(type): it became the observed metric \(metric), which a program must send; VALUE is \(what); \(silence)",
            command: Feed.command(pool: pool, metric: metric, labels: labels))
        return Trigger(
            name: name(metric), source: .observed(metric: metric, selector: labels, staleAfterSeconds: staleAfterSeconds),
            thresholdMilli: threshold,
            metricType: isShare ? .value : .averageValue)
    }

    private func other(_ type: String, _ metadata: ManifestObject) -> Trigger? {
        let scaler = OtherScaler.of(type)
        let value = scaler.value(metadata)
        let threshold = scaler.thresholds.lazy.compactMap { metadata.milli($0) }.first
        let activation = scaler.activations.lazy.compactMap { metadata.milli($0) }.first ?? 0
        let metric = String(type.map { $0 == "-" ? "_" : $0 })
        let labels = scaler.labels.compactMap { key in metadata.text(key).map { Trigger.Label(key: key, value: $0) } }.sorted {
            $0.key < $1.key
        }
        metadata.passAll()
        if threshold == nil, scaler.defaultMilli == nil {
            document.note("metadata", "no threshold was found: it is 1 now, set the right one")
        }
        document.note(
            "type",
            "Greenroom has no reader for \(type): it became the observed metric \(metric), which a program must send; VALUE is \(value ?? "what the scaler would read"); \(silence)",
            command: Feed.command(pool: pool, metric: metric, labels: labels))
        return Trigger(
            name: name(type), source: .observed(metric: metric, selector: labels, staleAfterSeconds: staleAfterSeconds),
            thresholdMilli: threshold ?? scaler.defaultMilli ?? 1_000,
            activationThresholdMilli: activation, metricType: metricType())
    }
}
