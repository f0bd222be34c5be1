package import Domain
import State
package import Views

// What is there? Answers from folded state, each at one position of the log.

extension ControlLoop {
    package func pools() async -> [PoolView] {
        let ahead = logTimeAheadSeconds
        var views = await query { [scheduler] core in core.state.poolViews(names: core.log.names, at: scheduler.now) }
        if ahead != nil { for k in views.indices { views[k].logTimeAheadSeconds = ahead } }
        return views
    }

    package func pool(_ name: String) async -> PoolView? {
        var view = await query { [scheduler] core in
            core.state.find(pool: name, names: core.log.names).map { core.state.poolView($0, names: core.log.names, at: scheduler.now) }
        }
        view?.logTimeAheadSeconds = logTimeAheadSeconds
        return view
    }

    package func workers(pool: String?, after: String?, limit: Int) async -> [WorkerView] {
        await query { [scheduler] core in
            core.state.workerViews(
                poolNamed: pool, after: after, limit: limit, names: core.log.names, at: scheduler.now, lastSeen: core.lastSeen)
        }
    }

    package func worker(_ name: String) async -> WorkerView? {
        await query { [scheduler] core in
            core.state.workerView(named: name, names: core.log.names, at: scheduler.now, lastSeen: core.lastSeen)
        }
    }

    package func actors(pool: String?, status: ActorState?, after: String?, limit: Int) async -> [ActorView] {
        await query { [scheduler] core in
            core.state.actorViews(
                poolNamed: pool, status: status, afterNamed: after, limit: limit, names: core.log.names, at: scheduler.now)
        }
    }

    package func actor(_ id: String) async -> ActorView? {
        await query { [scheduler] core in core.state.actorView(named: id, log: core.log, at: scheduler.now) }
    }

    package func workers(named name: String) async -> [WorkerView] {
        await query { [scheduler] core in
            core.state.workerViews(named: name, names: core.log.names, at: scheduler.now, lastSeen: core.lastSeen)
        }
    }

    package func actors(named name: String) async -> [ActorView] {
        await query { [scheduler] core in core.state.actorViews(named: name, log: core.log, at: scheduler.now) }
    }

    package func explainPlacement(of actor: String) async -> PlacementView? {
        await query { [scheduler] core in core.placementView(of: actor, at: scheduler.now) }
    }

    package func policies() async -> [PolicyView] {
        let ahead = logTimeAheadSeconds
        var views = await query { $0.state.policyViews() }
        if ahead != nil { for k in views.indices { views[k].logTimeAheadSeconds = ahead } }
        return views
    }

    package func policy(_ name: String) async -> PolicyView? {
        var view = await query { $0.state.policyView(named: name) }
        view?.logTimeAheadSeconds = logTimeAheadSeconds
        return view
    }

    package func position() async -> Position? { await query { $0.state.position } }

    package func nodes() async -> [NodeView] {
        await query { [scheduler] core in
            core.state.nodeViews(names: core.log.names, at: scheduler.now, lastSeen: core.lastSeen)
        }
    }

    package func metricReadings() async -> MetricReadings {
        await query { [scheduler] core in core.state.metricReadings(at: scheduler.now) }
    }

    /// In tenths; nil below that.
    var logTimeAheadSeconds: Double? {
        let tenths = (log.secondsAhead * 10).rounded()
        return tenths > 0 ? tenths / 10 : nil
    }
}
