public import Domain
public import Autoscaling
public import EventLog

// What does a state of the past answer?
//
// The same questions as to the live loop, put to a world that stands still. `now` is the log time of its last commit.

extension World {
    /// The newest checkpoint at or before `position`, or an empty world: where to begin to fold.
    public static func nearest(to position: Position, in log: EventLog) -> World { restored(from: log, atOrBefore: position) }

    /// What would be decided for `pool`, or by one of its shadows, from this state; nil where there is no such policy or it
    /// was never looked at.
    public func decision(for pool: NameID, shadow: String? = nil) -> DecisionRecord? {
        guard let index = poolByName[pool], let standing = standing(of: PolicyKey(pool: index, shadow: shadow)) else { return nil }
        let decision = Autoscaler.decide(
            policy: standing.applied.policy, observation: standing.observation, memory: standing.memory, evaluation: standing.evaluation)
        return DecisionRecord(decision, standing.observation, standing.applied, asOf: position)
    }
}

/// A state of the past as a `ControlPlane`: it answers, and refuses every command.
public struct HistoricalState: ControlPlane {
    private let world: World
    private let log: EventLog

    public init(world: World, log: EventLog) {
        self.world = world
        self.log = log
    }

    private static let refusal = ControlFault.conflict("this is a state of the past: it can't be changed; leave out `at`")

    public func pools() async -> [PoolView] { world.poolViews(names: log.names, at: world.at) }
    public func pool(_ name: String) async -> PoolView? {
        world.find(pool: name, names: log.names).map { world.poolView($0, names: log.names, at: world.at) }
    }
    public func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] {
        world.workerViews(poolNamed: pool, after: after, limit: limit, names: log.names, at: world.at)
    }
    public func worker(_ name: String) async -> WorkerView? { world.workerView(named: name, names: log.names, at: world.at) }
    public func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] {
        world.actorViews(poolNamed: pool, status: status, afterNamed: after, limit: limit, names: log.names, at: world.at)
    }
    public func actor(_ id: String) async -> ActorView? { world.actorView(named: id, log: log, at: world.at) }
    public func workers(named name: String) async -> [WorkerView] { world.workerViews(named: name, names: log.names, at: world.at) }
    public func actors(named name: String) async -> [ActorView] { world.actorViews(named: name, log: log, at: world.at) }
    public func explainPlacement(of actor: String) async -> PlacementView? { world.placementView(of: actor, log: log, at: world.at) }
    public func policies() async -> [PolicyView] { world.policyViews() }
    public func policy(_ name: String) async -> PolicyView? { world.policyView(named: name) }
    public func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView {
        if let clash = world.clash(of: policy) ?? world.targetClash(of: policy) { throw .conflict(clash) }
        return world.preview(policy, at: world.at, asOf: world.position, names: log.names)
    }
    public func health() async -> LoopHealth { LoopHealth(behindEvents: 0, lagSeconds: 0) }

    public func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView { throw Self.refusal }
    public func removePolicy(_ name: String) async throws(ControlFault) { throw Self.refusal }
    public func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView { throw Self.refusal }
    public func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementAnswer { throw Self.refusal }
    public func withdraw(_ actor: String) async throws(ControlFault) { throw Self.refusal }
}
