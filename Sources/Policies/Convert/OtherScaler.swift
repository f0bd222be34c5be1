internal import Autoscaling

// What does a scaler that Greenroom has no reader for read, and where does its metadata say so?
//
// From keda.sh/docs, scalers. A metric that somebody sends from now on must mean what it meant to KEDA. Some of its scalers
// count work that is delivered and not done yet, some don't, and some let the metadata choose.

/// Where a scaler's metadata has its threshold, and what tells its queues apart (keda.sh/docs, scalers).
struct OtherScaler {
    var thresholds: [String]
    var activations: [String]
    /// KEDA's own where the field is absent.
    var defaultMilli: Int64?
    var labels: [String] = []
    /// What KEDA counts, work in flight included where it does; nil where nothing is to be said.
    var value: (ManifestObject) -> String? = { _ in nil }

    /// Its metadata's fields, by those of the trigger that it became.
    var origins: [(theirs: [String], ours: String)] {
        [(thresholds, "threshold"), (activations, "activationThreshold")] + labels.map { ([$0], "selector.\($0)") }
    }

    static func of(_ type: String) -> OtherScaler {
        switch type {
        case "kafka", "apache-kafka":
            OtherScaler(
                thresholds: ["lagThreshold"], activations: ["activationLagThreshold"], defaultMilli: 10_000,
                labels: ["topic", "consumerGroup"],
                value: { _ in "the group's lag behind the topic's end, counted from what is committed, so that work in flight counts" })
        case "rabbitmq":
            OtherScaler(
                thresholds: ["value", "queueLength"], activations: ["activationValue"], defaultMilli: 20_000,
                labels: ["queueName", "vhostName"], value: rabbitMQ)
        case "aws-sqs-queue":
            OtherScaler(
                thresholds: ["queueLength"], activations: ["activationQueueLength"], defaultMilli: 5_000, labels: ["queueURL"], value: sqs)
        case "azure-queue":
            OtherScaler(thresholds: ["queueLength"], activations: ["activationQueueLength"], defaultMilli: 5_000, labels: ["queueName"])
        case "azure-servicebus":
            OtherScaler(
                thresholds: ["messageCount"], activations: ["activationMessageCount"], defaultMilli: 5_000,
                labels: ["queueName", "topicName", "subscriptionName"],
                value: { _ in "the active messages, locked ones too" })
        case "gcp-pubsub":
            OtherScaler(
                thresholds: ["value", "subscriptionSize"], activations: ["activationValue"], defaultMilli: 10_000,
                labels: ["subscriptionName"],
                value: { metadata in
                    (metadata.text("mode") ?? "SubscriptionSize") == "SubscriptionSize"
                        ? "the messages that aren't acknowledged, delivered ones too" : nil
                })
        case "redis", "redis-cluster", "redis-sentinel":
            OtherScaler(thresholds: ["listLength"], activations: ["activationListLength"], defaultMilli: 5_000, labels: ["listName"])
        case "redis-streams", "redis-cluster-streams", "redis-sentinel-streams":
            OtherScaler(
                thresholds: ["lagCount", "pendingEntriesCount", "streamLength"], activations: ["activationLagCount"], defaultMilli: 5_000,
                labels: ["stream", "consumerGroup"], value: redisStream)
        case "pulsar":
            OtherScaler(
                thresholds: ["msgBacklogThreshold"], activations: ["activationMsgBacklogThreshold"], defaultMilli: 10_000,
                labels: ["topic", "subscription"],
                value: { _ in "the subscription's backlog, which holds what isn't acknowledged" })
        case "postgresql": OtherScaler(thresholds: ["targetQueryValue"], activations: ["activationTargetQueryValue"])
        case "mysql", "mongodb": OtherScaler(thresholds: ["queryValue"], activations: ["activationQueryValue"])
        case "stan":
            OtherScaler(
                thresholds: ["lagThreshold"], activations: ["activationLagThreshold"], defaultMilli: 10_000,
                labels: ["subject", "queueGroup"])
        default:
            OtherScaler(
                thresholds: ["threshold", "value", "targetValue", "targetMetricValue", "queueLength"],
                activations: ["activationThreshold", "activationValue", "activationTargetValue", "activationTargetMetricValue"])
        }
    }

    // MARK: - Work in flight

    private static func rabbitMQ(_ metadata: ManifestObject) -> String? {
        if metadata.text("mode") == "MessageRate" { return "the messages published in a second" }
        return metadata.flag("excludeUnacknowledged") == true
            ? "the queue's ready messages, without those that are delivered and unacknowledged"
            : "the queue's messages, those that are delivered and unacknowledged too"
    }

    private static func sqs(_ metadata: ManifestObject) -> String? {
        let isInFlight = metadata.flag("scaleOnInFlight") ?? true
        let isDelayed = metadata.flag("scaleOnDelayed") ?? false
        return
            "the queue's visible messages\(isInFlight ? ", those in flight too" : ", without those in flight")\(isDelayed ? ", and the delayed ones" : "")"
    }

    private static func redisStream(_ metadata: ManifestObject) -> String? {
        if metadata.text("consumerGroup") == nil { return "the stream's length" }
        return metadata.text("lagCount") == nil
            ? "the group's pending entries: delivered, and not acknowledged yet"
            : "the group's lag: entries that weren't delivered yet (KEDA doesn't count those in flight here)"
    }
}
