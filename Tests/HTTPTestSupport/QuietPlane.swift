import Autoscaling
import ControlLoop
import Domain

// A control plane without pools, for tests of what does not concern it.

struct QuietPlane: ControlPlane {
    func pools() async -> [PoolView] { [] }
    func pool(_ name: String) async -> PoolView? { nil }
    func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] { [] }
    func worker(_ name: String) async -> WorkerView? { nil }
    func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] { [] }
    func actor(_ id: String) async -> ActorView? { nil }
    func policies() async -> [PolicyView] { [] }
    func policy(_ pool: String) async -> PolicyView? { nil }
    func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw .unavailable("there is no loop here") }
    func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw .unavailable("there is no loop here") }
    func removePolicy(_ pool: String) async throws(ControlFault) { throw .notFound(what: "policy", name: pool) }
    func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView { throw .notFound(what: "pool", name: pool) }
    func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementAnswer { throw .notFound(what: "pool", name: request.pool) }
    func withdraw(_ actor: String) async throws(ControlFault) { throw .notFound(what: "actor", name: actor) }
    func health() async -> LoopHealth { LoopHealth(behindEvents: 0, lagSeconds: 0) }
}
