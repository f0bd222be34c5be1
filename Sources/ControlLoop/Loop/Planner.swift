import Autoscaling
import Domain
import Placement

// What follows from the new state?
//
// Placements for those who wait, drains for surplus workers, and a decision where it is news: all as events to append.
// Until an event comes back out of the log it is a promise: the slot is reserved, the ticket claimed, the worker condemned,
// the pool's decision in flight. Promises live here and in the world's transient marks, never in the log, and are taken
// back when the event came back or its append failed. So nothing is promised twice, and a crash forgets only promises.

struct Planner {
    private struct Placed {
        var worker: Int
        var workerReadySeq: Position
        var pool: Int
        var ticket: Position
    }

    private var placements: [NameID: Placed] = [:]
    private var drains: [NameID: Position] = [:]
    private var decisions: Set<PolicyKey> = []

    var isIdle: Bool { placements.isEmpty && drains.isEmpty && decisions.isEmpty }
    func hasDecisionInFlight(_ pool: Int) -> Bool { decisions.contains(PolicyKey(pool: pool)) }

    // MARK: - Placement

    /// Gives free slots of a pool to its waiting actors, oldest first. Strict: no other pool's workers.
    mutating func place(_ pool: Int, _ world: inout World, _ out: inout Outputs) {
        while let ticket = world.pools[pool].queue.first, let worker = world.pools[pool].free.first {
            guard ticket.selector.isEmpty else {
                placeSelective(pool, &world, &out)
                return
            }
            promise(ticket, worker, pool, &world, &out)
        }
    }

    /// The head of the queue asks for labels: go through the queue once, each taking the first worker that will do.
    private mutating func placeSelective(_ pool: Int, _ world: inout World, _ out: inout Outputs) {
        for ticket in world.pools[pool].queue.unclaimed {
            guard world.pools[pool].free.freeSlots > 0 else { return }
            let fits = world.pools[pool].free.inOrder.first { index in
                ticket.selector.allSatisfy { world.workers[index].labels.contains($0) }
            }
            if let fits { promise(ticket, fits, pool, &world, &out) }
        }
    }

    private mutating func promise(_ ticket: WaitingTicket, _ worker: Int, _ pool: Int, _ world: inout World, _ out: inout Outputs) {
        let actor = world.actors[ticket.actor]
        let tier = RestoreTier(of: actor, on: world.workers[worker])
        world.pools[pool].queue.claim(ticket.seq)
        world.adjustWorker(worker) { $0.reserved += 1 }
        placements[actor.name] = Placed(worker: worker, workerReadySeq: world.workers[worker].readySeq, pool: pool, ticket: ticket.seq)
        out.place(actor, ticket, on: world.workers[worker], tier: tier, waitedMicroseconds: world.at.microseconds(since: ticket.requestedAt))
    }

    /// The `actor.placed` of `actor` came back, or could not be appended.
    mutating func settlePlacement(of actor: NameID, _ world: inout World) {
        guard let placed = placements.removeValue(forKey: actor) else { return }
        world.pools[placed.pool].queue.unclaim(placed.ticket)
        guard world.workers.holds(placed.worker, readySeq: placed.workerReadySeq) else { return }
        world.adjustWorker(placed.worker) { $0.reserved -= 1 }
    }

    // MARK: - Drains

    /// Chooses idle workers beyond the desired count, the youngest first, and asks them to go.
    mutating func drainSurplus(_ pool: Int, _ world: inout World, _ out: inout Outputs) {
        guard world.pools[pool].workers.ready > world.pools[pool].desired, world.pools[pool].policy?.policy.mode == .auto else { return }
        let condemned = world.pools[pool].members.count { world.workers[$0].isCondemned }
        let surplus = world.pools[pool].workers.ready - condemned - world.pools[pool].desired
        guard surplus > 0 else { return }
        let victims = world.pools[pool].members.filter { index in
            world.workers[index].state == .ready && world.workers[index].isIdle && !world.workers[index].isCondemned
        }
        for index in victims.sorted(by: { world.workers[$0].readySeq > world.workers[$1].readySeq }).prefix(surplus) {
            world.adjustWorker(index) { $0.isCondemned = true }
            drains[world.workers[index].name] = world.workers[index].readySeq
            out.drain(world.workers[index], reason: "scale-down to \(world.pools[pool].desired)")
        }
    }

    /// The `worker.draining` of `worker` came back, or could not be appended. Answers whether it was ours.
    @discardableResult
    mutating func settleDrain(of worker: NameID, _ world: inout World) -> Bool {
        guard let readySeq = drains.removeValue(forKey: worker) else { return false }
        guard let index = world.workers.find(worker), world.workers[index].readySeq == readySeq else { return true }
        if world.workers[index].isCondemned { world.adjustWorker(index) { $0.isCondemned = false } }
        return true
    }

    // MARK: - Decisions

    /// Decides for a pool or one of its shadows, and logs the decision where it is news: another count, or other steps that
    /// had a say. Answers the next moment at which time alone may change the answer.
    mutating func decide(_ key: PolicyKey, _ world: inout World, _ out: inout Outputs) -> LogTime? {
        guard let (outcome, isNews) = world.pools[key.pool].outcome(of: key.shadow) else { return nil }
        // What a pool's own policy recommends is never followed, so that it differs from the count isn't news by itself. A
        // shadow's count is its own.
        let mustMove = outcome.to != outcome.from && (key.shadow != nil || world.pools[key.pool].policy?.policy.mode == .auto)
        if isNews || mustMove, decisions.insert(key).inserted { explain(outcome, key, world, &out) }
        return outcome.nextDeadline
    }

    private func explain(_ outcome: Outcome, _ key: PolicyKey, _ world: World, _ out: inout Outputs) {
        guard let standing = world.standing(of: key) else { preconditionFailure("a policy that was just decided for is gone") }
        let decision = outcome.explained(
            policy: standing.applied.policy, observation: standing.observation, memory: standing.memory, evaluation: standing.evaluation)
        let record = DecisionRecord(decision, standing.observation, standing.applied, asOf: world.position)
        out.decide(decision, record, pool: world.pools[key.pool], shadow: key.shadow)
    }

    /// The `scale.decided` of this policy came back, or could not be appended.
    mutating func settleDecision(of key: PolicyKey) { decisions.remove(key) }

    /// Takes every promise back: what was to be appended was not.
    mutating func takeBackAll(_ world: inout World) {
        for actor in placements.keys.sorted() { settlePlacement(of: actor, &world) }
        for worker in drains.keys.sorted() { settleDrain(of: worker, &world) }
        decisions = []
    }
}

extension WorkerTable {
    /// Whether the record at `index` is still that of the worker that became ready at `readySeq`.
    func holds(_ index: Int, readySeq: Position) -> Bool {
        let record = self[index]
        return !record.name.isNone && record.readySeq == readySeq
    }
}

extension RestoreTier {
    /// How an actor would be restored there. What nodes evict isn't followed yet: the node it last ran on counts as having
    /// its snapshot.
    init(of actor: ActorRecord, on worker: WorkerRecord) {
        guard !actor.node.isNone, actor.node == worker.node else {
            self = .cold
            return
        }
        self = actor.resting == .paused ? .local : .warm
    }
}
