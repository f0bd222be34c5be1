package import Autoscaling
package import Views
package import Domain
import Foundation

// A control plane without pools, for tests of what does not concern it.

package struct QuietPlane: ControlPlane {
    private let policyBytes: Int

    /// - Parameter policyBytes: the length of the one policy there is; none where 0.
    package init(policyBytes: Int = 0) { self.policyBytes = policyBytes }

    /// One whose text is so long.
    package static func policy(bytes: Int) -> PolicyView {
        let view = [
            "namespace": "team", "name": "long", "digest": "", "appliedAt": "2026-11-30T00:00:00Z",
            "canonicalJSON": "{\"a\":\"\(String(repeating: "a", count: bytes))\"}",
        ]
        var object: [String: Any] = view
        object["seq"] = 1
        do {
            return try JSONDecoder().decode(PolicyView.self, from: JSONSerialization.data(withJSONObject: object))
        } catch { fatalError("a policy's view has other fields: \(error)") }
    }

    package func pools() async -> [PoolView] { [] }
    package func pool(_ name: String) async -> PoolView? { nil }
    package func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] { [] }
    package func worker(_ name: String) async -> WorkerView? { nil }
    package func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] { [] }
    package func actor(_ id: String) async -> ActorView? { nil }
    package func policies() async -> [PolicyView] { policyBytes == 0 ? [] : [Self.policy(bytes: policyBytes)] }
    package func policy(_ pool: String) async -> PolicyView? { nil }
    package func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw .unavailable("there is no loop here") }
    package func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw .unavailable("there is no loop here") }
    package func removePolicy(_ pool: String) async throws(ControlFault) { throw .notFound(what: "policy", name: pool) }
    package func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView {
        throw .notFound(what: "pool", name: pool)
    }
    package func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementResponse {
        throw .notFound(what: "pool", name: request.pool)
    }
    package func withdraw(_ actor: String) async throws(ControlFault) { throw .notFound(what: "actor", name: actor) }
    package func health() async -> LoopHealth { LoopHealth(behindEvents: 0, lagSeconds: 0) }
}
