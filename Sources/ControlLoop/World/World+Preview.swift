import Autoscaling
import Domain
import EventLog

// What would be decided, and where does an actor stand?

extension World {
    /// The decision `policy` leads to on the state as it is. Nothing changes.
    func preview(_ policy: Policy, at now: LogTime, asOf: Position, names: NameDictionary) -> DecisionView {
        var pool = find(pool: policy.pool, names: names).map { pools[$0] } ?? PoolState(name: .none, text: policy.pool, at: now)
        if pool.applied(policy.shadow)?.policy != policy {
            pool.apply(AppliedPolicy(policy: policy, canonicalJSON: [], digest: "", seq: asOf, at: now))
        }
        pool.evaluate(policy.shadow, at: now)
        guard let standing = pool.standing(of: policy.shadow) else { preconditionFailure("a policy was just set and evaluated") }
        let decision = Autoscaler.decide(
            policy: policy, observation: standing.observation, memory: standing.memory, evaluation: standing.evaluation)
        let record = DecisionRecord(decision, standing.observation, standing.applied, asOf: asOf)
        return DecisionView(
            pool: policy.pool, shadow: policy.shadow, seq: nil, at: now.rfc3339, from: decision.from, to: decision.to, direction: decision.direction.rawValue,
            reason: decision.text, json: String(decoding: record.body, as: UTF8.self))
    }

    struct PlacementStanding {
        var answer: PlacementAnswer?
        /// A slot is reserved for it; the log doesn't say so yet.
        var isPromised = false
        /// Waits no longer: placed, running, or not asking at all.
        var isSettled: Bool { if case .waiting? = answer { false } else { true } }
    }

    /// Where an actor stands that asked for a worker; no answer where it doesn't ask.
    func placement(of actor: String, log: EventLog) -> PlacementStanding {
        guard let name = log.names.find(actor), let index = actors.find(name) else { return PlacementStanding() }
        let record = actors[index]
        if record.state.isResident, record.worker >= 0 { return PlacementStanding(answer: placed(record, log)) }
        guard record.state == .waiting, let place = pools[Int(record.pool)].queue.place(of: record.stateSeq) else { return PlacementStanding() }
        let pool = pools[Int(record.pool)]
        return PlacementStanding(
            answer: .waiting(position: place, reason: pool.blockedReason, detail: pool.blockedDetail),
            isPromised: pool.queue.isClaimed(record.stateSeq))
    }

    private func placed(_ actor: ActorRecord, _ log: EventLog) -> PlacementAnswer {
        let worker = workers[Int(actor.worker)]
        return .placed(
            worker: log.names.text(of: worker.name), node: labels.text(of: worker.node), ip: worker.ip.isNone ? nil : labels.text(of: worker.ip),
            tier: actor.tier, restoreFrom: actor.snapshotSeq > 0 ? log.snapshot(at: actor.snapshotSeq) : nil,
            waitedSeconds: Double(actor.waitedMillis) / 1_000, seq: actor.stateSeq)
    }
}

extension PoolState {
    /// Why its actors wait, with the numbers.
    var blockedDetail: String {
        let counts = workerCounts
        switch blockedReason {
        case .noEligiblePool: return "pool \(text) has no policy and no workers: apply a policy for it, or start a worker with --pool \(text)"
        default:
            let limit = policy.map { desired >= $0.policy.maxReplicaCount ? "; the pool is at its maximum of \($0.policy.maxReplicaCount)" : "" } ?? ""
            return "\(counts.ready) workers ready in \(text), \(free.freeSlots) slots free; \(counts.starting) starting, \(counts.draining) draining\(limit)"
        }
    }
}
