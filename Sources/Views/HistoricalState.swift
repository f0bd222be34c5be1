package import Domain
package import Autoscaling
package import EventLog
package import State

// What does a state of the past answer?
//
// The same questions as to the live loop, put to a state that stands still. `now` is the log time of its last commit.

/// A state of the past as a `ControlPlane`: it answers, and refuses every command.
package struct HistoricalState: ControlPlane {
    private let state: State
    private let log: EventLog

    package init(state: State, log: EventLog) {
        self.state = state
        self.log = log
    }

    private static let refusal = ControlFault.conflict("this is a state of the past: it can't be changed; leave out `at`")

    package func pools() async -> [PoolView] { state.poolViews(names: log.names, at: state.at) }
    package func pool(_ name: String) async -> PoolView? {
        state.find(pool: name, names: log.names).map { state.poolView($0, names: log.names, at: state.at) }
    }
    package func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] {
        state.workerViews(poolNamed: pool, after: after, limit: limit, names: log.names, at: state.at)
    }
    package func worker(_ name: String) async -> WorkerView? { state.workerView(named: name, names: log.names, at: state.at) }
    package func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] {
        state.actorViews(poolNamed: pool, status: status, afterNamed: after, limit: limit, names: log.names, at: state.at)
    }
    package func actor(_ id: String) async -> ActorView? { state.actorView(named: id, log: log, at: state.at) }
    package func workers(named name: String) async -> [WorkerView] { state.workerViews(named: name, names: log.names, at: state.at) }
    package func actors(named name: String) async -> [ActorView] { state.actorViews(named: name, log: log, at: state.at) }
    package func explainPlacement(of actor: String) async -> PlacementView? { state.placementView(of: actor, log: log, at: state.at) }
    package func policies() async -> [PolicyView] { state.policyViews() }
    package func policy(_ name: String) async -> PolicyView? { state.policyView(named: name) }
    package func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView {
        if let clash = state.clash(of: policy) ?? state.targetClash(of: policy) { throw .conflict(clash) }
        return state.preview(policy, at: state.at, asOf: state.position, names: log.names)
    }
    package func position() async -> Position? { state.position }
    package func nodes() async -> [NodeView] { state.nodeViews(names: log.names, at: state.at) }
    package func health() async -> LoopHealth { LoopHealth(behindEvents: 0, lagSeconds: 0) }

    package func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw Self.refusal }
    package func removePolicy(_ name: String) async throws(ControlFault) { throw Self.refusal }
    package func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView { throw Self.refusal }
    package func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementResponse {
        throw Self.refusal
    }
    package func withdraw(_ actor: String) async throws(ControlFault) { throw Self.refusal }
}
