import Views
import Domain

// What does a ScaledObject request?
//
// Its trigger's `metadata`, read and checked: which pool, which metric, which target, and what counts as active. KEDA's own keys
// (`scalerAddress`, certificates) are ignored. A key of ours in the wrong case is refused, since it would silently do nothing. The responses
// are pure functions of the pool's summary.

struct ScaleRequest: Hashable, Sendable {
    /// `NAMESPACE/NAME`.
    var pool: String
    var metric = ScaledMetric.desired
    /// nil takes the metric's own.
    var targetSize: Double?
    /// nil takes the activation of the pool's policy.
    var activationThreshold: Double?

    static let keys = ["pool", "metric", "targetSize", "activationThreshold"]
    /// Doubles are exact up to here, and nobody counts further.
    static let mostSize = 1e15

    /// - Parameter namespace: the ScaledObject's, for a pool without one.
    init(metadata: [String: String], namespace: String) throws(ScalerRefusal) {
        try Self.refuseMisspelt(metadata)
        guard let pool = metadata["pool"], !pool.isEmpty else {
            throw .invalid("scalerMetadata.pool is missing: name the pool as NAMESPACE/NAME, or NAME in the ScaledObject's namespace")
        }
        self.pool = try Self.pool(named: pool, in: namespace)
        if let text = metadata["metric"] {
            guard let metric = ScaledMetric(rawValue: text) else {
                throw .invalid(
                    "scalerMetadata.metric is \(Quoted(text)): take one of \(ScaledMetric.allCases.map(\.rawValue).joined(separator: ", "))"
                )
            }
            self.metric = metric
        }
        targetSize = try Self.number("targetSize", metadata) { $0 > 0 ? nil : "more than 0" }
        activationThreshold = try Self.number("activationThreshold", metadata) { $0 >= 0 ? nil : "0 or more" }
    }

    private static func refuseMisspelt(_ metadata: [String: String]) throws(ScalerRefusal) {
        for key in metadata.keys.sorted() where !keys.contains(key) {
            guard let meant = keys.first(where: { $0.lowercased() == key.lowercased() }) else { continue }
            throw .invalid("scalerMetadata.\(key) has no meaning: write \(meant)")
        }
    }

    private static func pool(named name: String, in namespace: String) throws(ScalerRefusal) -> String {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, !parts.contains(""), name.utf8.count <= EventLimits.nameBytes else {
            throw .invalid(
                "scalerMetadata.pool is \(Quoted(name)): name the pool as NAMESPACE/NAME, or NAME in the ScaledObject's namespace")
        }
        return parts.count == 2 ? name : "\(namespace.isEmpty ? "default" : namespace)/\(name)"
    }

    private static func number(_ key: String, _ metadata: [String: String], _ problem: (Double) -> String?) throws(ScalerRefusal) -> Double?
    {
        guard let text = metadata[key] else { return nil }
        guard let value = Double(text), value.isFinite, value <= mostSize else {
            throw .invalid("scalerMetadata.\(key) is \(Quoted(text)): it must be a number, at most 1e15")
        }
        if let wanted = problem(value) { throw .invalid("scalerMetadata.\(key) is \(Quoted(text)): it must be \(wanted)") }
        return value
    }

    // MARK: - Answers

    /// With an `activationThreshold`: demand above it. Else as the pool's policy has it, which may go by other triggers;
    /// without a policy: any demand.
    func isActive(_ pool: PoolSummary) -> Bool {
        if let activationThreshold { return Double(pool.demand) > activationThreshold }
        return pool.policy?.isActive ?? (pool.demand > 0)
    }

    func spec(_ pool: PoolSummary) -> Externalscaler_GetMetricSpecResponse {
        let size = targetSize ?? metric.targetSize(of: pool)
        return .with { response in
            response.metricSpecs = [
                .with { spec in
                    spec.metricName = metric.name
                    spec.targetSizeFloat = size
                    // A target is never 0.
                    spec.targetSize = Int64(clamping: size.rounded(.up))
                }
            ]
        }
    }

    /// The value of one metric: the one in the spec, or another of ours that the HPA still asks for after a change.
    func values(_ pool: PoolSummary, of name: String) throws(ScalerRefusal) -> Externalscaler_GetMetricsResponse {
        guard let metric = ScaledMetric(name: name) else {
            throw .invalid("metricName is \(Quoted(name)): take one of \(ScaledMetric.allCases.map(\.name).joined(separator: ", "))")
        }
        guard let value = metric.value(of: pool) else {
            throw .noPolicy(
                "pool \(self.pool) has no policy, so no number of workers is desired: apply one (mode: recommend decides and leaves the scaling to KEDA), "
                    + "or set scalerMetadata.metric to demand")
        }
        return .with { response in
            response.metricValues = [
                .with {
                    $0.metricName = name
                    $0.metricValue = Int64(value)
                    $0.metricValueFloat = Double(value)
                }
            ]
        }
    }
}
