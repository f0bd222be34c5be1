import Autoscaling
import Domain
import EventLog
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
        var tenant: NameID
    }

    private var placements = SlotMap<NameID, Placed>()
    /// When somebody in a pool has waited for a node as long as may be.
    private(set) var waits = EarliestTimes()
    var told: ToldSnapshots
    /// Timers of foretold wakes up to here are on their way into the log.
    var wakesRung = LogTime.zero
    private var drains: [NameID: Position] = [:]
    private var decisions: Set<PolicyKey> = []
    /// By pool: how often its drains had been given up when that was said once more.
    var giveUps: [Int: Int] = [:]

    init(log: EventLog) { told = ToldSnapshots(log) }

    var isIdle: Bool { placements.isEmpty && drains.isEmpty && decisions.isEmpty }
    func isDeciding(_ key: PolicyKey) -> Bool { decisions.contains(key) }

    // MARK: - Placement

    /// Places the waiting actors of a pool in their turn, until no worker has a slot for any of them. Who can't be placed is
    /// set aside, and not looked at again before there is something new.
    mutating func place(_ pool: Int, _ world: inout World, _ out: inout Outputs) {
        world.takeUp(pool)
        guard !world.pools[pool].queue.isEmpty else {
            waits[pool] = nil
            return
        }
        let (rules, usable) = (world.placementRules(pool), world.usablePools(pool))
        while world.hasRoom(pool), let next = nextInTurn(pool, usable, &world) {
            var actor = next.actor
            actor.aheadOnNode = actor.paused.map { world.pools[pool].asideCount(on: $0.node) } ?? 0
            world.placer.prepare(actor)
            switch world.placer.decide(actor, rules, at: world.at) {
            case .place(let choice):
                promise(next.ticket, choice, overtook: next.overtook, pool, &world, &out)
            case .wait(let blocked):
                let obstacle: WaitingQueue.Obstacle = blocked.waitsForNode ? .node(blocked.node, until: blocked.waitsUntil) : .worker(actor.eligibility)
                world.pools[pool].queue.setAside(next.ticket.seq, for: obstacle)
            }
        }
        // Where no worker has a slot, there is nothing else to go to when the wait is over.
        waits[pool] = world.hasRoom(pool) ? world.pools[pool].earliestUntil() : nil
    }

    /// The first in turn, or one of those right behind it whom a slot that is free saves a restore, where there are fewer slots
    /// than actors to have them. With how many it overtakes.
    private mutating func nextInTurn(_ pool: Int, _ usable: [Int], _ world: inout World) -> (ticket: WaitingTicket, actor: WaitingActor, overtook: Int)? {
        guard world.pools[pool].queue.inTurnCount > world.freeSlots(pool) else {
            return world.pools[pool].nextTicket().map { ticket in (ticket, world.waitingActor(ticket, usable: usable) { told($0) }, 0) }
        }
        let tickets = world.pools[pool].firstInTurn(Placer.matchLimit)
        guard !tickets.isEmpty else { return nil }
        let actors = tickets.map { ticket in world.waitingActor(ticket, usable: usable) { told($0) } }
        let next = actors.count > 1 ? world.placer.nextInTurn(actors) : 0
        return (tickets[next], actors[next], next)
    }

    private mutating func promise(
        _ ticket: WaitingTicket, _ choice: PlacementChoice, overtook: Int, _ pool: Int, _ world: inout World, _ out: inout Outputs
    ) {
        let actor = world.actors[ticket.actor]
        let worker = choice.worker
        world.pools[pool].queue.claim(ticket.seq)
        world.pools[pool].queue.addPromised(1, of: ticket.tenant)
        world.adjustWorker(worker) { $0.reserved += 1 }
        placements[actor.name] = Placed(
            worker: worker, workerReadySeq: world.workers[worker].readySeq, pool: pool, ticket: ticket.seq, tenant: ticket.tenant)
        var placed = placed(ticket, choice, pool, world)
        placed.overtook = overtook
        out.place(actor, placed, on: world.workers[worker])
    }

    private mutating func placed(_ ticket: WaitingTicket, _ choice: PlacementChoice, _ pool: Int, _ world: World) -> Outputs.Placed {
        let (actor, active) = (world.actors[ticket.actor], world.active[ticket.actor])
        var placed = Outputs.Placed(
            ticket: ticket, choice: choice, waitedMicroseconds: world.at.microseconds(since: ticket.requestedAt), asOf: world.position)
        switch choice.source {
        case .paused:
            placed.restoreFrom = active.flatMap { told($0.pausedSeq)?.uri }
            placed.bytes = active?.paused?.bytes ?? 0
        case .external:
            let snapshot = told(actor.snapshotSeq)
            placed.restoreFrom = snapshot?.uri
            placed.bytes = snapshot?.external.bytes ?? 0
        case .golden: placed.bytes = world.placer.snapshots.golden(of: world.actors.traits(of: actor).template)?.bytes ?? 0
        case .nothing: break
        }
        if choice.tier != .local, let active, !active.isVoid {
            placed.moved = choice.moved?.name ?? (active.isPausedLost ? "snapshot_evicted" : nil)
            placed.pausedOn = world.labels.text(of: active.paused?.node ?? actor.node)
        }
        if choice.pool != pool { placed.spilledTo = world.pools[choice.pool].text }
        return placed
    }

    /// The `actor.placed` of `actor` came back, or could not be appended.
    mutating func settlePlacement(of actor: NameID, _ world: inout World) {
        guard let placed = placements.remove(actor) else { return }
        world.pools[placed.pool].queue.addPromised(-1, of: placed.tenant)
        world.pools[placed.pool].queue.unclaim(placed.ticket)
        guard world.workers.holds(placed.worker, readySeq: placed.workerReadySeq) else { return }
        let isKept = world.actors.find(actor).map { Int(world.actors[$0].worker) == placed.worker } ?? false
        world.adjustWorker(placed.worker, isKept: isKept) { $0.reserved -= 1 }
    }

    /// A wait for a node is over, as the log is about to say.
    mutating func endWait(_ pool: Int) { waits[pool] = nil }

    // MARK: - Drains

    /// Chooses idle workers beyond the desired count and asks them to go: who is missed least (`Placer.victims`). Workers that
    /// aren't ready yet count against the desired count before them, so they go first. One with an actor, or with a promise
    /// to one, is never chosen.
    mutating func drainSurplus(_ pool: Int, _ world: inout World, _ out: inout Outputs) {
        guard world.pools[pool].workers.ready > world.pools[pool].desired, world.pools[pool].isFollowed else { return }
        guard !world.pools[pool].drains.isPaused(at: world.at), !world.pools[pool].isTargetUnseen else { return }
        let condemned = world.pools[pool].members.count { world.workers[$0].isCondemned }
        let surplus = world.pools[pool].workers.ready - condemned - world.pools[pool].desired
        guard surplus > 0 else { return }
        let zoneMaxSkew = world.pools[pool].policy?.policy.zoneMaxSkew
        for victim in world.placer.victims(of: pool, count: surplus, zoneMaxSkew: zoneMaxSkew, at: world.at) {
            let index = victim.worker
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
        let mustMove = outcome.to != outcome.from && (key.shadow != nil || world.pools[key.pool].isFollowed)
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
        giveUps = [:]
        wakesRung = .zero
        for pool in world.pools.indices {
            world.pools[pool].placing.hasNews = true
            world.refillPrefetch(pool)
        }
    }
}

extension WorkerTable {
    /// Whether the record at `index` is still that of the worker that became ready at `readySeq`.
    func holds(_ index: Int, readySeq: Position) -> Bool {
        let record = self[index]
        return !record.name.isNone && record.readySeq == readySeq
    }
}
