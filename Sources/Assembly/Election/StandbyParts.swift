import Autoscaling
import Views
import Domain
import EventLog
import HTTPService

// What does an instance that stands by answer?
//
// That it lives (`/livez`), that it isn't ready and who leads (`/readyz`), its metrics; everything else is refused with 503.
// Not being ready keeps it out of a Kubernetes Service, so that events reach the leader alone. It has no log and no state:
// the log is the leader's until that lets go of it.

extension ServiceParts {
    static func standingBy(_ leadership: Leadership, version: String, metrics: MetricsOutlet?) -> ServiceParts {
        let nothing = StandbyNothing(why: { leadership.refusal })
        var parts = ServiceParts(log: nothing, plane: nothing) { (_: String) throws(PolicyProblems) in [] }
        parts.version = version
        parts.standingBy = { leadership.refusal }
        parts.readiness = [ReadinessCheck("leader") { .failing(leadership.refusal) }]
        if let metrics {
            parts.metricsText = { openMetrics in
                LeaderGauge.show(false)
                return metrics.text(openMetrics: openMetrics)
            }
        }
        return parts
    }
}

/// Stands where a log and a loop would be. The server asks neither of them while it stands by.
private struct StandbyNothing: EventAppending, EventReading, ControlPlane {
    let why: @Sendable () -> String

    func append(_ batch: EventBatch, completion: @escaping @Sendable (Result<AppendReceipt, AppendError>) -> Void) {
        completion(.failure(.notWritable(reason: why(), hint: "send it to the leader")))
    }
    var lastPosition: Position { 0 }
    func read(_ query: EventPageQuery) async throws -> EventPage { throw ControlFault.unavailable(why()) }
    func waitForEvents(after position: Position) async {}

    func pools() async -> [PoolView] { [] }
    func pool(_ name: String) async -> PoolView? { nil }
    func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] { [] }
    func worker(_ name: String) async -> WorkerView? { nil }
    func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] { [] }
    func actor(_ id: String) async -> ActorView? { nil }
    func policies() async -> [PolicyView] { [] }
    func policy(_ name: String) async -> PolicyView? { nil }
    func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw .unavailable(why()) }
    func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw .unavailable(why()) }
    func removePolicy(_ name: String) async throws(ControlFault) { throw .unavailable(why()) }
    func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView { throw .unavailable(why()) }
    func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementResponse {
        throw .unavailable(why())
    }
    func withdraw(_ actor: String) async throws(ControlFault) { throw .unavailable(why()) }
    func health() async -> LoopHealth { LoopHealth(behindEvents: 0, lagSeconds: 0) }
}
