// Which fields does a policy document have?
//
// One list for every object of a `WorkerPoolAutoscaler`, in the order in which its canonical form has them. The reader of
// files and the reader of canonical JSON both refuse what isn't here and name the nearest that is.

package enum PolicyFields {
    package static let apiVersion = "greenroom.dev/v1"
    package static let kind = "WorkerPoolAutoscaler"

    package static let document = ["apiVersion", "kind", "metadata", "spec"]
    package static let metadata = ["namespace", "name"]
    package static let spec = [
        "mode", "shadowOf", "scaleTargetRef", "workerSelector", "workers", "slotsPerWorker", "capacity", "minReplicaCount",
        "maxReplicaCount", "idleReplicaCount",
        "cooldownPeriod",
        "initialCooldownPeriod", "buffer", "triggers", "advanced", "fallback", "schedules", "drain", "foreignChange", "placement", "quotas",
        "pause",
        "forceActivation",
    ]
    package static let scaleTargetRef = ["apiVersion", "kind", "name", "command"]
    package static let workers = ["busy"]
    package static let busy = ["http", "metric", "annotation", "intervalSeconds", "timeoutSeconds", "unknownSeconds", "unknown"]
    /// One of these says where the answer is.
    package static let busySources = ["http", "metric", "annotation"]
    package static let busyHTTP = ["port", "path"]
    package static let busyMetric = ["port", "path", "name", "selector"]
    package static let buffer = ["spare", "sparePercent", "surge"]
    package static let surge = ["quantile", "windowSeconds", "min"]
    package static let demandTrigger = ["type", "name", "threshold", "activationThreshold", "metricType"]
    package static let observedTrigger = [
        "type", "name", "metric", "selector", "threshold", "activationThreshold", "metricType", "staleAfter",
    ]
    package static let prometheusTrigger = [
        "type", "name", "serverAddress", "query", "ignoreNullValues", "threshold", "activationThreshold", "metricType", "intervalSeconds",
        "timeoutSeconds",
        "bearerTokenFile", "tls", "staleAfter",
    ]
    package static let natsTrigger = [
        "type", "name", "monitoringEndpoint", "account", "stream", "consumer", "inFlight", "threshold", "activationThreshold", "metricType",
        "intervalSeconds",
        "timeoutSeconds", "bearerTokenFile", "tls", "staleAfter",
    ]
    package static let pollTLS = ["caFile", "certFile", "keyFile"]
    /// A trigger's fields by its `type`.
    package static let triggers = [
        (type: "demand", fields: demandTrigger), (type: "observed", fields: observedTrigger),
        (type: "prometheus", fields: prometheusTrigger),
        (type: "nats-jetstream", fields: natsTrigger),
    ]
    /// `demand, observed, …`
    package static var triggerTypes: String { triggers.map(\.type).joined(separator: ", ") }
    /// Fields of any trigger, each once.
    static let anyTrigger = triggers.reduce(into: [String]()) { all, next in all += next.fields.filter { !all.contains($0) } }
    package static let advanced = ["horizontalPodAutoscalerConfig", "scalingModifiers"]
    package static let horizontalPodAutoscalerConfig = ["behavior"]
    package static let behavior = ["scaleUp", "scaleDown"]
    package static let rules = ["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"]
    package static let limit = ["type", "value", "periodSeconds"]
    package static let scalingModifiers = ["formula", "target", "activationTarget", "metricType"]
    package static let fallback = ["failureThreshold", "replicas", "behavior"]
    package static let schedule = ["cron", "timezone", "durationSeconds", "minReplicaCount", "offsets"]
    package static let zoneOffset = ["from", "secondsEastOfUTC"]
    package static let drain = ["timeoutSeconds"]
    package static let placement = ["spillTo", "zoneSpread", "localWaitSeconds", "prefetch"]
    package static let zoneSpread = ["maxSkew"]
    package static let quota = ["tenant", "maxRunning"]
    package static let pause = ["in", "out", "hold"]
}
