import Autoscaling
import ControlLoop
import Domain
import Foundation
import Synchronization

// The control plane's twin: answers what it was told to, and remembers what it was asked.

final class TwinPlane: ControlPlane {
    struct Script: Sendable {
        var pools: [PoolView] = []
        var workers: [WorkerView] = []
        var actors: [ActorView] = []
        var policies: [PolicyView] = []
        var decision: Result<DecisionView, ControlFault> = .success(TwinPlane.decision())
        var placement: Result<PlacementAnswer, ControlFault> = .success(.waiting(position: 1, reason: .poolExhausted, detail: "all 3 workers are busy"))
        var placementWaits = false
        /// What a withdrawal waits for, whoever goes away meanwhile.
        var withdrawalWaits: (@Sendable () async -> Void)?
        var removal: ControlFault?
        var health = LoopHealth(behindEvents: 0, lagSeconds: 0)
    }

    private struct State {
        var script = Script()
        var calls: [String] = []
    }

    private let state = Mutex(State())

    init(_ edit: (inout Script) -> Void = { _ in }) { state.withLock { edit(&$0.script) } }

    var calls: [String] { state.withLock { $0.calls } }
    private func note(_ call: String) -> Script { state.withLock { $0.calls.append(call); return $0.script } }

    func pools() async -> [PoolView] { note("pools").pools }
    func pool(_ name: String) async -> PoolView? { note("pool \(name)").pools.first { "\($0.namespace)/\($0.name)" == name } }

    func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] {
        let all = note("workers \(pool ?? "-")").workers.filter { pool == nil || "\($0.namespace)/\($0.pool)" == pool }
        return Array(all.filter { worker in after.map { worker.name > $0 } ?? true }.prefix(limit))
    }

    func worker(_ name: String) async -> WorkerView? { note("worker \(name)").workers.first { $0.name == name } }

    func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] {
        let all = note("actors \(status?.statusName ?? "-")").actors.filter { status == nil || $0.status == status?.statusName }
        let start = after.flatMap { after in all.firstIndex { $0.id == after }.map { $0 + 1 } } ?? 0
        return Array(all[start...].prefix(limit))
    }

    func actor(_ id: String) async -> ActorView? { note("actor \(id)").actors.first { $0.id == id } }
    func policies() async -> [PolicyView] { note("policies").policies }
    func policy(_ pool: String) async -> PolicyView? { note("policy \(pool)").policies.first { "\($0.namespace)/\($0.name)" == pool } }
    func apply(_ policy: Policy) async throws(ControlFault) -> DecisionView { try note("apply \(policy.pool)").decision.get() }
    func preview(_ policy: Policy) async throws(ControlFault) -> DecisionView { try note("preview \(policy.pool)").decision.get() }

    func removePolicy(_ pool: String) async throws(ControlFault) {
        if let fault = note("remove \(pool)").removal { throw fault }
    }

    func pause(_ pool: String, _ pause: Pause) async throws(ControlFault) -> DecisionView {
        try note("pause \(pool) in=\(pause.scaleIn) out=\(pause.scaleOut) hold=\(pause.hold.map(String.init) ?? "-")").decision.get()
    }

    func place(_ request: PlacementRequest, waitSeconds: Double) async throws(ControlFault) -> PlacementAnswer {
        let script = note("place \(request.actor) in \(request.pool) wait=\(waitSeconds) selector=\(request.selector.map { "\($0.key)=\($0.value)" })")
        if script.placementWaits {
            while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
            _ = note("placement cancelled")
            throw .unavailable("cancelled")
        }
        return try script.placement.get()
    }

    func withdraw(_ actor: String) async throws(ControlFault) {
        let script = note("withdraw \(actor)")
        await script.withdrawalWaits?()
        if let fault = script.removal { throw fault }
    }

    func health() async -> LoopHealth { state.withLock { $0.script.health } }

    // MARK: - Views, by way of their JSON

    private static func decode<View: Decodable>(_ json: String) -> View { try! JSONDecoder().decode(View.self, from: Data(json.utf8)) }

    static func decision() -> DecisionView {
        decode(#"{"pool":"default/agents","seq":7,"at":"2026-11-21T07:32:00.000000Z","from":2,"to":5,"direction":"up","reason":"5 actors wait","json":"{}"}"#)
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
            #"{"namespace":"default","pool":"\#(pool)","name":"\#(name)","status":"FREE","actors":[],"node":"node-1","slots":1,"used":0,"ageSeconds":3}"#)
    }

    static func actor(_ id: String, status: String = "STATUS_RUNNING") -> ActorView {
        decode(
            #"{"namespace":"default","pool":"agents","template":"chat","id":"\#(id)","status":"\#(status)","version":1,"seq":4,"ageSeconds":9}"#)
    }

    static func policy(_ name: String) -> PolicyView {
        decode(
            #"{"namespace":"default","name":"\#(name)","digest":"abc","seq":3,"appliedAt":"2026-11-21T07:32:00.000000Z","canonicalJSON":"{}"}"#)
    }
}
