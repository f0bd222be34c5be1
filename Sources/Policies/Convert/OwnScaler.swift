internal import Autoscaling

// Which demand does a ScaledObject ask Greenroom itself for?
//
// A trigger of type external or external-push whose metadata are those of our own scaler (docs/examples/keda-scaledobject.yaml):
// KEDA scaled the target, and Greenroom told it how far. Now Greenroom scales it: the trigger becomes `demand`, of the pool
// that the trigger named.

struct OwnScaler {
    let trigger: ScaledTrigger
    let metadata: ManifestObject

    private static let types = ["external", "external-push"]
    private static let ownNames = ["pool", "metric", "targetSize", "activationThreshold"]
    /// KEDA's own, of how the scaler is reached.
    private static let connectionNames = ["scalerAddress", "enableTLS", "tlsClientCert", "tlsClientKey", "caCert", "unsafeSsl"]

    /// nil where the trigger isn't about Greenroom.
    static func of(_ type: String, _ trigger: ScaledTrigger, _ metadata: ManifestObject) -> OwnScaler? {
        guard types.contains(type), metadata.names.contains("pool") else { return nil }
        guard metadata.names.allSatisfy({ ownNames.contains($0) || connectionNames.contains($0) }) else { return nil }
        return OwnScaler(trigger: trigger, metadata: metadata)
    }

    /// `NAMESPACE/NAME`; a bare name is in the ScaledObject's namespace.
    var pool: String? {
        guard let written = metadata.text("pool") else { return nil }
        let pool = written.contains("/") ? written : "\(trigger.namespace)/\(written)"
        if pool.prefix(while: { $0 != "/" }) == trigger.namespace { return pool }
        metadata.problems.report(
            metadata.pathOf("pool"),
            "\(pool.prefix(120)) is in another namespace than its target, which a policy can't be; write the policy of that pool by hand")
        return nil
    }

    func read() -> Trigger? {
        let metric = metadata.text("metric") ?? "desired"
        let threshold = metadata.milli("targetSize") ?? 1_000
        let activation = metadata.milli("activationThreshold") ?? 0
        let metricType = trigger.metricType()
        let has = metadata.names.contains("metric") ? "metric" : "pool"
        switch metric {
        case "desired":
            metadata.note(
                has,
                "it asked Greenroom for the pool's workers: it became a demand trigger; a policy that the pool has already is replaced by this one, so bring its buffer, schedules and behavior over"
            )
        case "demand":
            metadata.note(has, "it asked Greenroom for the pool's demand: it became a demand trigger")
        case "queue_depth":
            metadata.note(has, "it asked Greenroom for the actors that wait: it became a demand trigger, which counts those that run too")
        default:
            metadata.problems.report(metadata.pathOf("metric"), "must be desired, demand or queue_depth, and is \(metric.prefix(60))")
            return nil
        }
        metadata.leaveOut("scalerAddress", "Greenroom asks itself")
        metadata.pass(Self.connectionNames)
        // A count of workers has one a worker, whatever the size was.
        return Trigger(
            name: trigger.name("demand"), source: .demand, thresholdMilli: metric == "desired" ? 1_000 : threshold,
            activationThresholdMilli: activation,
            metricType: metric == "desired" ? .averageValue : metricType)
    }
}
