package import Autoscaling
package import Views
package import Domain

// A control plane without pools, for tests of what does not concern it.

package struct QuietPlane: ControlPlane {
    package init() {}

    package func pools() async -> [PoolView] { [] }
    package func pool(_ name: String) async -> PoolView? { nil }
    package func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] { [] }
    package func worker(_ name: String) async -> WorkerView? { nil }
    package func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] { [] }
    package func actor(_ id: String) async -> ActorView? { nil }
    package func policies() async -> [PolicyView] { [] }
    package func policy(_ pool: String) async -> PolicyView? { nil }
    package func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw .unavailable("there is no loop here") }
    package func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw .unavailable("there is no loop here") }
    package func removePolicy(_ pool: String) async throws(ControlFault) { throw .notFound(what: "policy", name: pool) }
    package func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView {
        throw .notFound(what: "pool", name: pool)
    }
    package func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementAnswer {
        throw .notFound(what: "pool", name: request.pool)
    }
    package func withdraw(_ actor: String) async throws(ControlFault) { throw .notFound(what: "actor", name: actor) }
    package func health() async -> LoopHealth { LoopHealth(behindEvents: 0, lagSeconds: 0) }
}
