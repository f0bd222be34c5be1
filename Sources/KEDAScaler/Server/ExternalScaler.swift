import Views
import Domain
import GRPCCore

// What does KEDA hear when it calls?
//
// The five calls of `externalscaler.ExternalScaler`, each a question about one pool answered from its summary at the log's
// state. The streams say how it is as they open, then each change, until the client goes, the call's deadline passes, or the
// service stops.

struct ExternalScaler: Externalscaler_ExternalScaler.SimpleServiceProtocol {
    let plane: any PoolWatching
    let streams: OpenStreams
    /// Whether a pool that nothing has been heard of is one that the configuration or a policy names.
    let knows: @Sendable (_ pool: String) async -> Bool

    // MARK: - One answer

    func isActive(request: Externalscaler_ScaledObjectRef, context: ServerContext) async throws -> Externalscaler_IsActiveResponse {
        let scale = try ScaleRequest(request)
        return .answer(scale.isActive(try await summary(scale.pool)))
    }

    func getMetricSpec(request: Externalscaler_ScaledObjectRef, context: ServerContext) async throws -> Externalscaler_GetMetricSpecResponse
    {
        let scale = try ScaleRequest(request)
        return scale.spec(try await summary(scale.pool))
    }

    func getMetrics(request: Externalscaler_GetMetricsRequest, context: ServerContext) async throws -> Externalscaler_GetMetricsResponse {
        let scale = try ScaleRequest(request.scaledObjectRef)
        return try scale.values(try await summary(scale.pool), of: request.metricName)
    }

    private func summary(_ pool: String) async throws(ScalerRefusal) -> PoolSummary {
        if let summary = await plane.summary(of: pool) { return summary }
        // Nothing has happened there yet, which is no mistake of the ScaledObject's.
        if await knows(pool) { return .nothingYet }
        throw await unknown(pool)
    }

    private func unknown(_ pool: String) async -> ScalerRefusal { .unknownPool(pool, known: await plane.poolNames().sorted()) }

    // MARK: - Streams

    func streamIsActive(
        request: Externalscaler_ScaledObjectRef, response: RPCWriter<Externalscaler_IsActiveResponse>, context: ServerContext
    ) async throws {
        let scale = try ScaleRequest(request)
        try await stream(scale.pool, { scale.isActive($0) }) { try await response.write(.answer($0)) }
    }

    func streamMetricSpec(
        request: Externalscaler_ScaledObjectRef, response: RPCWriter<Externalscaler_GetMetricSpecResponse>, context: ServerContext
    ) async throws {
        let scale = try ScaleRequest(request)
        // Each policy is sent, even if it leaves the spec unchanged: then the client knows that it took effect.
        try await stream(scale.pool, { SpecUnderPolicy(spec: scale.spec($0), policySeq: $0.policy?.seq) }) {
            try await response.write($0.spec)
        }
    }

    /// Writes what `answer` makes of the pool, as it is and whenever it changes.
    private func stream<Answer: Hashable & Sendable>(
        _ pool: String, _ answer: @escaping @Sendable (PoolSummary) -> Answer, _ write: (Answer) async throws -> Void
    ) async throws {
        let latest = LatestResponse<Answer>()
        let place = try streams.enter { latest.finish() }
        defer { streams.leave(place) }
        let mayComeLater = await knows(pool)
        if mayComeLater, await plane.summary(of: pool) == nil { latest.offer(answer(.nothingYet)) }
        let watch = try await watch(pool, mayComeLater) { latest.offer(answer($0)) }
        defer { watch.cancel() }
        try await withRPCCancellationHandler {
            for await answer in latest.answers { try await write(answer) }
        } onCancelRPC: {
            latest.finish()
        }
        // An end that is none of KEDA's faults: it opens the stream again at once, where after an error it waits up to a minute.
        if streams.isStopping { return }
        throw RPCError(code: .cancelled, message: "the call was cancelled, or its deadline has passed: open the stream again")
    }

    private func watch(_ pool: String, _ mayComeLater: Bool, _ changed: @escaping @Sendable (PoolSummary) -> Void)
        async throws(ScalerRefusal) -> PoolWatch
    {
        do throws(ControlFault) {
            return try await plane.watch(pool: pool, mayComeLater: mayComeLater, changed)
        } catch {
            switch error {
            case .notFound: throw await unknown(pool)
            default: throw .tooMany("too many streams watch pools: try again in a moment, or close some")
            }
        }
    }

    private struct SpecUnderPolicy: Hashable {
        var spec: Externalscaler_GetMetricSpecResponse
        var policySeq: Position?
    }
}

extension PoolSummary {
    /// Of a pool whose first event is still to come.
    fileprivate static var nothingYet: PoolSummary {
        PoolSummary(demand: 0, waiting: 0, policy: Policy(seq: 0, slotsPerWorker: 1, isActive: false, desired: 0))
    }
}

extension Externalscaler_IsActiveResponse {
    static func answer(_ isActive: Bool) -> Self { .with { $0.result = isActive } }
}

extension ScaleRequest {
    init(_ object: Externalscaler_ScaledObjectRef) throws(ScalerRefusal) {
        try self.init(metadata: object.scalerMetadata, namespace: object.namespace)
    }
}
