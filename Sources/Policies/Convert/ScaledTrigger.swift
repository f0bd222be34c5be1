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
    }

    func read(maxReplicaCount: Int) -> Outcome? {
        guard let type = document.required("type", document.text("type")), let metadata = document.required("metadata", document.object("metadata")) else { return nil }
        document.leaveOut("useCachedMetrics", "every event counts at once")
        let outcome: Outcome?
        switch type {
        case "prometheus": outcome = PrometheusTrigger(trigger: self, metadata: metadata).read().map(Outcome.trigger)
        case "nats-jetstream": outcome = natsJetStream(metadata).map(Outcome.trigger)
        case "cron": outcome = CronTrigger(metadata: metadata, maxReplicaCount: maxReplicaCount, now: now).schedule().map(Outcome.schedule)
        case "cpu", "memory": outcome = resource(type, metadata).map(Outcome.trigger)
        default: outcome = other(type, metadata).map(Outcome.trigger)
        }
        if type == "cron" { document.pass(["name", "metricType"]) }
        if case .trigger(let trigger)? = outcome, trigger.poll == nil { document.pass(["authenticationRef"]) }
        metadata.noteUnread()
        return outcome
    }

    /// KEDA's name for it, or the scaler's.
    func name(_ type: String) -> String { document.text("name") ?? type }

    func metricType() -> MetricType { document.choice("metricType", MetricType.self) ?? .averageValue }

    /// Prometheus' and NATS' `authenticationRef`, where there is one.
    func authentication() -> String? {
        guard let reference = document.object("authenticationRef") else { return nil }
        reference.pass(["kind"])
        let name = reference.required("name", reference.text("name"))
        reference.noteUnread()
        return name
    }

    func noteFile(_ file: TriggerSecrets.File, _ what: String, _ authentication: String) {
        let guess = file.isKnown ? "" : " (a guess: \(authentication) isn't in this text; name the file that holds it)"
        document.note("authenticationRef", "\(what) is read from the file \(file.path)\(guess): mount the secret \(file.secret) as \(namespace)/\(file.secret) in the service's folder of secrets")
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
            source: .natsJetStream(monitoringEndpoint: address, account: account, stream: stream, consumer: consumer), intervalSeconds: intervalSeconds)
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
            "type", "Greenroom doesn't read \(type): it became the observed metric \(metric), which somebody must send; VALUE is \(what)",
            command: Feed.command(pool: pool, metric: metric, labels: labels))
        return Trigger(
            name: name(metric), source: .observed(metric: metric, selector: labels, staleAfterSeconds: nil), thresholdMilli: threshold,
            metricType: isShare ? .value : .averageValue)
    }

    private func other(_ type: String, _ metadata: ManifestObject) -> Trigger? {
        let scaler = OtherScaler.of(type)
        let threshold = scaler.thresholds.lazy.compactMap { metadata.milli($0) }.first
        let activation = scaler.activations.lazy.compactMap { metadata.milli($0) }.first ?? 0
        let metric = String(type.map { $0 == "-" ? "_" : $0 })
        let labels = scaler.labels.compactMap { key in metadata.text(key).map { Trigger.Label(key: key, value: $0) } }.sorted { $0.key < $1.key }
        metadata.passAll()
        if threshold == nil, scaler.defaultMilli == nil {
            document.note("metadata", "no threshold was found: 1 stands in its place, put the right one there")
        }
        document.note(
            "type", "Greenroom has no reader for \(type): it became the observed metric \(metric), which somebody must send; VALUE is what the scaler would read",
            command: Feed.command(pool: pool, metric: metric, labels: labels))
        return Trigger(
            name: name(type), source: .observed(metric: metric, selector: labels, staleAfterSeconds: nil), thresholdMilli: threshold ?? scaler.defaultMilli ?? 1_000,
            activationThresholdMilli: activation, metricType: metricType())
    }
}

/// Where a scaler's metadata has its threshold, and what tells its queues apart (keda.sh/docs, scalers).
struct OtherScaler {
    var thresholds: [String]
    var activations: [String]
    /// KEDA's own where the field is absent.
    var defaultMilli: Int64?
    var labels: [String] = []

    static func of(_ type: String) -> OtherScaler {
        switch type {
        case "kafka", "apache-kafka":
            OtherScaler(thresholds: ["lagThreshold"], activations: ["activationLagThreshold"], defaultMilli: 10_000, labels: ["topic", "consumerGroup"])
        case "rabbitmq":
            OtherScaler(thresholds: ["value", "queueLength"], activations: ["activationValue"], defaultMilli: 20_000, labels: ["queueName", "vhostName"])
        case "aws-sqs-queue": OtherScaler(thresholds: ["queueLength"], activations: ["activationQueueLength"], defaultMilli: 5_000, labels: ["queueURL"])
        case "azure-queue": OtherScaler(thresholds: ["queueLength"], activations: ["activationQueueLength"], defaultMilli: 5_000, labels: ["queueName"])
        case "azure-servicebus":
            OtherScaler(
                thresholds: ["messageCount"], activations: ["activationMessageCount"], defaultMilli: 5_000, labels: ["queueName", "topicName", "subscriptionName"])
        case "gcp-pubsub":
            OtherScaler(thresholds: ["value", "subscriptionSize"], activations: ["activationValue"], defaultMilli: 10_000, labels: ["subscriptionName"])
        case "redis", "redis-cluster", "redis-sentinel":
            OtherScaler(thresholds: ["listLength"], activations: ["activationListLength"], defaultMilli: 5_000, labels: ["listName"])
        case "redis-streams", "redis-cluster-streams", "redis-sentinel-streams":
            OtherScaler(
                thresholds: ["lagCount", "pendingEntriesCount", "streamLength"], activations: ["activationLagCount"], defaultMilli: 5_000,
                labels: ["stream", "consumerGroup"])
        case "pulsar":
            OtherScaler(thresholds: ["msgBacklogThreshold"], activations: ["activationMsgBacklogThreshold"], defaultMilli: 10_000, labels: ["topic", "subscription"])
        case "postgresql": OtherScaler(thresholds: ["targetQueryValue"], activations: ["activationTargetQueryValue"])
        case "mysql", "mongodb": OtherScaler(thresholds: ["queryValue"], activations: ["activationQueryValue"])
        case "stan": OtherScaler(thresholds: ["lagThreshold"], activations: ["activationLagThreshold"], defaultMilli: 10_000, labels: ["subject", "queueGroup"])
        default:
            OtherScaler(
                thresholds: ["threshold", "value", "targetValue", "targetMetricValue", "queueLength"],
                activations: ["activationThreshold", "activationValue", "activationTargetValue", "activationTargetMetricValue"])
        }
    }
}
