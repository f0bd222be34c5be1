// Which fields does a policy document have?
//
// One list for every object of a `WorkerPoolAutoscaler`, in the order in which its canonical form has them. The reader of
// files and the reader of canonical JSON both refuse what isn't here and name the nearest that is.

public enum PolicyFields {
    public static let apiVersion = "greenroom.dev/v1"
    public static let kind = "WorkerPoolAutoscaler"

    public static let document = ["apiVersion", "kind", "metadata", "spec"]
    public static let metadata = ["namespace", "name"]
    public static let spec = [
        "mode", "shadowOf", "scaleTargetRef", "workerSelector", "slotsPerWorker", "minReplicaCount", "maxReplicaCount", "idleReplicaCount", "cooldownPeriod",
        "initialCooldownPeriod", "buffer", "triggers", "advanced", "fallback", "schedules", "drain", "foreignChange", "placement", "quotas", "pause",
        "forceActivation",
    ]
    public static let scaleTargetRef = ["apiVersion", "kind", "name", "command"]
    public static let buffer = ["spare", "sparePercent", "surge"]
    public static let surge = ["quantile", "windowSeconds", "min"]
    public static let demandTrigger = ["type", "name", "threshold", "activationThreshold", "metricType"]
    public static let observedTrigger = ["type", "name", "metric", "selector", "threshold", "activationThreshold", "metricType", "staleAfter"]
    public static let prometheusTrigger = [
        "type", "name", "serverAddress", "query", "ignoreNullValues", "threshold", "activationThreshold", "metricType", "intervalSeconds", "timeoutSeconds",
        "bearerTokenFile", "tls", "staleAfter",
    ]
    public static let natsTrigger = [
        "type", "name", "monitoringEndpoint", "account", "stream", "consumer", "inFlight", "threshold", "activationThreshold", "metricType", "intervalSeconds",
        "timeoutSeconds", "bearerTokenFile", "tls", "staleAfter",
    ]
    public static let pollTLS = ["caFile", "certFile", "keyFile"]
    /// A trigger's fields by its `type`.
    public static let triggers = [
        (type: "demand", fields: demandTrigger), (type: "observed", fields: observedTrigger), (type: "prometheus", fields: prometheusTrigger),
        (type: "nats-jetstream", fields: natsTrigger),
    ]
    /// `demand, observed, …`
    public static var triggerTypes: String { triggers.map(\.type).joined(separator: ", ") }
    /// Fields of any trigger, each once.
    static let anyTrigger = triggers.reduce(into: [String]()) { all, next in all += next.fields.filter { !all.contains($0) } }
    public static let advanced = ["horizontalPodAutoscalerConfig", "scalingModifiers"]
    public static let horizontalPodAutoscalerConfig = ["behavior"]
    public static let behavior = ["scaleUp", "scaleDown"]
    public static let rules = ["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"]
    public static let limit = ["type", "value", "periodSeconds"]
    public static let scalingModifiers = ["formula", "target", "activationTarget", "metricType"]
    public static let fallback = ["failureThreshold", "replicas", "behavior"]
    public static let schedule = ["cron", "timezone", "durationSeconds", "minReplicaCount", "offsets"]
    public static let zoneOffset = ["from", "secondsEastOfUTC"]
    public static let drain = ["timeoutSeconds"]
    public static let placement = ["spillTo", "zoneSpread", "localWaitSeconds", "prefetch"]
    public static let zoneSpread = ["maxSkew"]
    public static let quota = ["tenant", "maxRunning"]
    public static let pause = ["in", "out", "hold"]
}
