import Autoscaling
import Views
import Domain
import Foundation
import Synchronization

// The control plane's twin: answers what it was told to, and remembers what it was asked.
//
// Where nothing is scripted it keeps the contract of `ControlPlane` (`ControlPlaneContractTests`): what isn't there is not found,
// and a wait ends as the real loop ends it. Time stands still unless a test moves it.

final class TwinPlane: ControlPlane {
    struct Script: Sendable {
        var pools: [PoolView] = []
        var workers: [WorkerView] = []
        var actors: [ActorView] = []
        var policies: [PolicyView] = []
        var decision: Result<DecisionView, ControlFault> = .success(TwinPlane.decision())
        var placement: Result<PlacementResponse, ControlFault> = .success(
            .waiting(position: 1, reason: .poolExhausted, detail: "all 3 workers are busy"))
        /// What a withdrawal waits for, whoever goes away meanwhile.
        var withdrawalWaits: (@Sendable () async -> Void)?
        var removal: ControlFault?
        var health = LoopHealth(behindEvents: 0, lagSeconds: 0)
        var waitingCallers = 10_000
    }

    private enum WaitEnd { case timeUp, cancelled, withdrawn, stopped, placed, full }

    private struct Wait {
        var actor: String
        var end: CheckedContinuation<WaitEnd, Never>
    }

    private struct State {
        var script = Script()
        var calls: [String] = []
        var lastWait: UInt64 = 0
        var waits: [UInt64: Wait] = [:]
        var isStopped = false
        /// Of those that ever asked: whether each still wants a worker.
        var wants: [String: Bool] = [:]
        var placed: [String: PlacementResponse] = [:]
        var policies: [String: PolicyView] = [:]
        var pauses: [String: Pause] = [:]
    }

    private let state = Mutex(State())
    private let scheduler: PumpedScheduler

    init(scheduler: PumpedScheduler = PumpedScheduler(), _ edit: (inout Script) -> Void = { _ in }) {
        self.scheduler = scheduler
        state.withLock { edit(&$0.script) }
    }

    /// Something has changed.
    func edit(_ edit: (inout Script) -> Void) { state.withLock { edit(&$0.script) } }

    var waitingCallers: Int { state.withLock { $0.waits.count } }

    var calls: [String] { state.withLock { $0.calls } }
    private func note(_ call: String) -> Script {
        state.withLock {
            $0.calls.append(call); return $0.script
        }
    }

    func pools() async -> [PoolView] { note("pools").pools }
    func pool(_ name: String) async -> PoolView? { note("pool \(name)").pools.first { "\($0.namespace)/\($0.name)" == name } }

    func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] {
        let all = note("workers \(pool ?? "-")").workers.filter { pool == nil || "\($0.namespace)/\($0.pool)" == pool }
        return Array(all.filter { worker in after.map { worker.name > $0 } ?? true }.prefix(limit))
    }

    func worker(_ name: String) async -> WorkerView? {
        note("worker \(name)").workers.first { $0.name == name || "\($0.namespace)/\($0.name)" == name }
    }

    func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] {
        let all = note("actors \(status?.statusName ?? "-")").actors.filter { status == nil || $0.status == status?.statusName }
        let start = after.flatMap { after in all.firstIndex { "\($0.namespace)/\($0.id)" == after || $0.id == after }.map { $0 + 1 } } ?? 0
        return Array(all[start...].prefix(limit))
    }

    func actor(_ id: String) async -> ActorView? { note("actor \(id)").actors.first { $0.id == id || "\($0.namespace)/\($0.id)" == id } }
    func policies() async -> [PolicyView] {
        let script = note("policies")
        return script.policies + state.withLock { $0.policies.values.sorted { $0.name < $1.name } }
    }

    func policy(_ name: String) async -> PolicyView? {
        let script = note("policy \(name)")
        return script.policies.first { "\($0.namespace)/\($0.name)" == name } ?? state.withLock { $0.policies[name] }
    }

    func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView {
        let decision = try note("apply \(policy.pool)").decision.get()
        state.withLock { $0.policies[policy.name] = Self.policy(String(policy.name.split(separator: "/").last ?? "")) }
        return decision
    }

    func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView { try note("preview \(policy.pool)").decision.get() }

    func removePolicy(_ name: String) async throws(ControlFault) {
        if let fault = note("remove \(name)").removal { throw fault }
        guard state.withLock({ $0.policies.removeValue(forKey: name) }) != nil else { throw .notFound(what: "policy", name: name) }
    }

    func pause(_ pool: String, _ pause: Pause, by: String?) async throws(ControlFault) -> DecisionView {
        let author = by.map { " by=\($0)" } ?? ""
        let decision = try note(
            "pause \(pool) in=\(pause.scaleIn) out=\(pause.scaleOut) hold=\(pause.hold.map(String.init) ?? "-")\(author)"
        ).decision.get()
        guard await policy(pool) != nil else { throw .notFound(what: "pool with a policy", name: pool) }
        state.withLock { $0.pauses[pool] = pause }
        return decision
    }

    // MARK: - Placements

    func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementResponse {
        let script = note(
            "place \(request.actor) in \(request.pool) wait=\(waitSeconds) selector=\(request.selector.map { "\($0.key)=\($0.value)" })")
        try PlacementRequest.check(waitSeconds: waitSeconds)
        if let placed = state.withLock({ $0.placed[request.actor] }) { return placed }
        let response = try script.placement.get()
        guard case .waiting = response else { return response }
        state.withLock { $0.wants[request.actor] = true }
        guard waitSeconds > 0, !Task.isCancelled else { return response }
        switch await wait(for: request.actor, seconds: waitSeconds) {
        case .full: throw .overloaded(retryAfterSeconds: 1)
        case .withdrawn: throw .conflict("actor \(request.actor) was withdrawn or deleted while it waited: ask again")
        case .cancelled: _ = note("placement cancelled")
        case .placed: if let placed = state.withLock({ $0.placed[request.actor] }) { return placed }
        case .timeUp, .stopped: break
        }
        return response
    }

    private func wait(for actor: String, seconds: Double) async -> WaitEnd {
        let key = state.withLock { state in
            state.lastWait += 1
            return state.lastWait
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let refusal = state.withLock { state -> WaitEnd? in
                    if state.isStopped { return .stopped }
                    if Task.isCancelled { return .cancelled }
                    if state.waits.count >= state.script.waitingCallers { return .full }
                    state.waits[key] = Wait(actor: actor, end: continuation)
                    return nil
                }
                if let refusal { return continuation.resume(returning: refusal) }
                _ = scheduler.perform(at: scheduler.now.adding(microseconds: Int64(seconds * 1e6))) { self.end(key, .timeUp) }
            }
        } onCancel: {
            end(key, .cancelled)
        }
    }

    private func end(_ key: UInt64, _ how: WaitEnd) {
        state.withLock { $0.waits.removeValue(forKey: key) }?.end.resume(returning: how)
    }

    private func endWaits(_ how: WaitEnd, where isMeant: (String) -> Bool = { _ in true }) {
        for key in state.withLock({ $0.waits.filter { isMeant($0.value.actor) }.map(\.key) }) { end(key, how) }
    }

    /// A worker comes that takes whoever waits.
    func placeAll(on worker: String) {
        let response = PlacementResponse.placed(worker: worker, node: "n", ip: nil, tier: .cold, restoreFrom: nil, waitedSeconds: 0, seq: 1)
        state.withLock { state in for (actor, wants) in state.wants where wants { state.placed[actor] = response } }
        endWaits(.placed)
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        endWaits(.stopped)
    }

    func withdraw(_ actor: String) async throws(ControlFault) {
        let script = note("withdraw \(actor)")
        await script.withdrawalWaits?()
        if let fault = script.removal { throw fault }
        let wants = state.withLock { state in
            defer { if state.wants[actor] != nil { state.wants[actor] = false } }
            return state.wants[actor]
        }
        guard let wants else { throw .notFound(what: "actor", name: actor) }
        guard wants else {
            throw .conflict("actor \(actor) is STATUS_SUSPENDED: only one that waits or was placed and does not run yet can be withdrawn")
        }
        endWaits(.withdrawn) { $0 == actor }
    }

    func health() async -> LoopHealth { state.withLock { $0.script.health } }

    // MARK: - Views, by way of their JSON

    private static func decode<View: Decodable>(_ json: String) -> View { try! JSONDecoder().decode(View.self, from: Data(json.utf8)) }

    static func decision() -> DecisionView {
        decode(
            #"{"pool":"default/agents","seq":7,"at":"2026-11-21T07:32:00.000000Z","from":2,"to":5,"direction":"up","reason":"5 actors wait","json":"{}"}"#
        )
    }

    static func pool(_ name: String) -> PoolView {
        decode(
            #"""
            {"namespace":"default","name":"\#(name)","target":"Process/\#(name)","mode":"auto","min":0,"max":10,"desired":3,"ready":3,"busy":2,"idle":1,
            "starting":0,"draining":0,"lost":0,"demand":{"total":2,"resident":2,"waiting":0,"blocked":{}},
            "arrivalsPerSecond":{"seconds10":0.5,"minute1":0.25,"minutes5":0.1},"readyCondition":true,"active":true,"paused":false,"fallback":false,"ageSeconds":12}
            """#)
    }

    static func worker(_ name: String, pool: String = "agents") -> WorkerView {
        decode(
            #"{"namespace":"default","pool":"\#(pool)","name":"\#(name)","status":"FREE","actors":[],"node":"node-1","slots":1,"used":0,"ageSeconds":3}"#
        )
    }

    static func actor(_ id: String, status: String = "STATUS_RUNNING") -> ActorView {
        decode(
            #"{"namespace":"default","pool":"agents","template":"chat","id":"\#(id)","status":"\#(status)","version":1,"seq":4,"ageSeconds":9}"#
        )
    }

    static func policy(_ name: String) -> PolicyView {
        decode(
            #"{"namespace":"default","name":"\#(name)","digest":"abc","seq":3,"appliedAt":"2026-11-21T07:32:00.000000Z","canonicalJSON":"{}"}"#
        )
    }
}
