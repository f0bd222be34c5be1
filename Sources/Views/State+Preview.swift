package import Autoscaling
package import Domain
package import EventLog
package import Placement
package import State

// What would be decided, and where does an actor stand?

extension State {
    /// The decision `policy` leads to on the state as it is. Nothing changes.
    package func preview(_ policy: Policy, at now: LogTime, asOf: Position, names: NameDictionary) -> DecisionView {
        var pool = find(pool: policy.pool, names: names).map { pools[$0] } ?? PoolState(name: .none, text: policy.pool, at: now)
        if pool.applied(policy.shadow)?.written != policy {
            pool.apply(AppliedPolicy(policy: policy, canonicalJSON: [], digest: "", seq: asOf, at: now))
        }
        pool.evaluate(policy.shadow, at: now)
        guard let standing = pool.standing(of: policy.shadow) else { preconditionFailure("a policy was just set and evaluated") }
        let decision = Autoscaler.decide(
            policy: standing.applied.policy, observation: standing.observation, memory: standing.memory, evaluation: standing.evaluation)
        let record = DecisionRecord(decision, standing.observation, standing.applied, asOf: asOf)
        return DecisionView(
            pool: policy.pool, shadow: policy.shadow, seq: nil, at: now.rfc3339, from: decision.from, to: decision.to,
            direction: decision.direction.rawValue,
            reason: decision.text, json: String(decoding: record.body, as: UTF8.self))
    }

    package struct PlacementStanding {
        package var response: PlacementResponse?
        /// Waits no longer: placed, running, or not asking at all.
        package var isSettled: Bool { if case .waiting? = response { false } else { true } }
    }

    /// The pool where an actor waits or is resident, if that is another than `pool`.
    package func otherPool(of actor: String, than pool: String, _ names: NameDictionary) -> String? {
        guard let index = self.actor(named: actor, names), actors[index].state == .waiting || actors[index].state.isResident,
            actors[index].pool >= 0
        else { return nil }
        let home = pools[Int(actors[index].pool)].text
        return home == pool ? nil : home
    }

    /// Where an actor stands that asked for a worker; no answer where it doesn't ask.
    /// - Parameter slots: the workers with what is reserved on them; nil where nothing is.
    package func placement(of actor: String, log: EventLog, among slots: WorkerIndex? = nil) -> PlacementStanding {
        guard let index = self.actor(named: actor, log.names) else { return PlacementStanding() }
        let record = actors[index]
        if record.state.isResident, record.worker >= 0 { return PlacementStanding(response: placed(index, log)) }
        guard record.state == .waiting, let place = pools[Int(record.pool)].queue.place(of: record.stateSeq) else {
            return PlacementStanding()
        }
        let blocked = blocked(index, log: log, among: slots)
        return PlacementStanding(response: .waiting(position: place, reason: blocked.reason, detail: blocked.detail))
    }

    /// Why a waiting actor waits, with the numbers.
    func blocked(_ index: Int, log: EventLog, among slots: WorkerIndex? = nil) -> (reason: BlockedReason, detail: String) {
        let pool = Int(actors[index].pool)
        guard let (actor, rules) = query(of: index, log: log) else { return (.poolExhausted, "") }
        guard case .wait(let blocked) = placer.decide(actor, rules, at: at, among: slots ?? placer.workers) else {
            return (.poolExhausted, "a worker is free: the placement follows")
        }
        if blocked.reason == .noEligiblePool, pools[pool].isBarren {
            return (
                .noEligiblePool,
                "pool \(pools[pool].text) has no policy and no workers: apply a policy for it, or start a worker with --pool \(pools[pool].text)"
            )
        }
        let text = blocked.text(names: labels, tenant: tenant(of: index))
        guard blocked.reason == .poolExhausted, let most = pools[pool].policy?.policy.maxReplicaCount, pools[pool].desired >= most else {
            return (blocked.reason, text)
        }
        return (blocked.reason, text + "; the pool is at its maximum of \(most)")
    }

    /// What is put to the placer for a waiting actor; nil where it doesn't wait.
    func query(of index: Int, log: EventLog) -> (WaitingActor, PlacementRules)? {
        let record = actors[index]
        guard record.state == .waiting, let ticket = pools[Int(record.pool)].queue[record.stateSeq] else { return nil }
        let actor = waitingActor(ticket, ahead: ahead(of: ticket, in: Int(record.pool))) { log.recordedSnapshot(at: $0) }
        return (actor, placementRules(Int(record.pool)))
    }

    /// Those before it in the queue that wait for the same node. O(waiting).
    private func ahead(of ticket: WaitingTicket, in pool: Int) -> Int {
        guard let node = active[ticket.actor]?.paused?.node, pools[pool].placing.pausedWaiting[node].map({ $0.waiting > 1 }) ?? false else {
            return 0
        }
        return pools[pool].queue.all.prefix { $0 < ticket }.count { active[$0.actor]?.paused?.node == node }
    }

    private func placed(_ index: Int, _ log: EventLog) -> PlacementResponse {
        let actor = actors[index]
        let worker = workers[Int(actor.worker)]
        let told = active[index]?.paused != nil && actor.tier == .local ? active[index]?.pausedSeq ?? 0 : actor.snapshotSeq
        return .placed(
            worker: workerName(Int(actor.worker), seenFrom: namespace(ofActor: index), log.names), node: labels.text(of: worker.node),
            ip: worker.ip.isNone ? nil : labels.text(of: worker.ip),
            tier: actor.tier, restoreFrom: told > 0 ? log.recordedSnapshot(at: told)?.uri : nil,
            waitedSeconds: Double(actor.waitedMillis) / 1_000, seq: actor.stateSeq)
    }
}
