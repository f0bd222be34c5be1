import Autoscaling
import Basics
import Domain
import EventLog
import Placement
import State

// What follows from the new state?
//
// Placements for those who wait, drains for surplus workers, and a decision where it is news: all as events to append. The
// planner reads the state and never changes it; what it concluded stands in `Reservations` until the log says it.

struct Planner {
    /// When somebody in a pool has waited for a node as long as may be.
    private(set) var waits = EarliestTimes()
    var snapshots: RecordedSnapshots
    /// Somebody wasn't placed because the log couldn't be read: to be looked at again soon.
    private var hasUnread = false

    init(log: EventLog) { snapshots = RecordedSnapshots(log) }

    // MARK: - Placement

    /// Places the waiting actors of a pool in their turn, until no worker has a slot for any of them. Who can't be placed is
    /// set aside, and not looked at again before there is something new.
    mutating func place(_ pool: Int, _ held: borrowing StateHolder, _ reservations: inout Reservations, _ out: inout Outputs) {
        reservations.takeUp(pool, held)
        // There others place: a claim takes a worker by itself.
        guard !held.state.pools[pool].queue.isEmpty, !held.state.pools[pool].isUnclaimed else {
            waits[pool] = nil
            return
        }
        let (rules, usable) = (held.state.placementRules(pool), held.state.usablePools(pool))
        while reservations.hasRoom(in: usable), let next = nextInTurn(pool, usable, held, &reservations) {
            var actor = next.actor
            actor.aheadOnNode = actor.paused.map { reservations.pools[pool].asideCount(on: $0.node) } ?? 0
            reservations.prepare(actor, held)
            switch held.state.placer.decide(actor, rules, at: held.state.at, among: reservations.slots) {
            case .place(let choice):
                reserve(next.ticket, choice, overtook: next.overtook, pool, held, &reservations, &out)
            case .wait(let blocked):
                let obstacle: TurnOrder.Obstacle =
                    blocked.waitsForNode ? .node(blocked.node, until: blocked.waitsUntil) : .worker(actor.eligibility)
                reservations.pools[pool].order.setAside(next.ticket, for: obstacle)
            }
        }
        // Where no worker has a slot, there is nothing else to go to when the wait is over.
        waits[pool] = reservations.hasRoom(in: usable) ? reservations.pools[pool].earliestUntil() : nil
    }

    /// Whether somebody has to be looked at again, as the log couldn't be read.
    mutating func takeUnread() -> Bool {
        defer { hasUnread = false }
        return hasUnread
    }

    /// The next actor to place. When slots are scarce, one of the next few may go first if a free slot spares it a restore. With
    /// how many it overtakes. Whose snapshot can't be read is set aside: nobody is placed as if there
    /// were nothing to restore.
    private mutating func nextInTurn(
        _ pool: Int, _ usable: [Int], _ held: borrowing StateHolder, _ reservations: inout Reservations
    ) -> (ticket: WaitingTicket, actor: WaitingActor, overtook: Int)? {
        while true {
            let isScarce = reservations.pools[pool].order.inTurnCount > reservations.freeSlots(in: usable)
            let tickets: [WaitingTicket]
            if isScarce {
                tickets = reservations.pools[pool].firstInTurn(Placer.matchLimit).compactMap { held.state.pools[pool].queue.tickets[$0] }
            } else {
                guard let ticket = reservations.pools[pool].next().flatMap({ held.state.pools[pool].queue.tickets[$0] }) else { return nil }
                let (actor, isKnown) = waitingActor(ticket, pool, usable, held, &reservations)
                if isKnown { return (ticket, actor, 0) }
                setAsideUnread(ticket, actor, pool, &reservations)
                continue
            }
            guard !tickets.isEmpty else { return nil }
            var actors: [WaitingActor] = []
            actors.reserveCapacity(tickets.count)
            for ticket in tickets {
                let (actor, isKnown) = waitingActor(ticket, pool, usable, held, &reservations)
                if isKnown { actors.append(actor) } else { setAsideUnread(ticket, actor, pool, &reservations) }
            }
            guard actors.count == tickets.count else { continue }
            let next = actors.count > 1 ? held.state.placer.nextInTurn(actors, among: reservations.slots) : 0
            return (tickets[next], actors[next], next)
        }
    }

    /// It has its turn again at the next look, which is soon.
    private mutating func setAsideUnread(_ ticket: WaitingTicket, _ actor: WaitingActor, _ pool: Int, _ reservations: inout Reservations) {
        reservations.pools[pool].order.setAside(ticket, for: .worker(actor.eligibility))
        hasUnread = true
    }

    /// Its tenant uses the slots that are reserved as well.
    /// - Returns: `isKnown` is false where the log couldn't be read, so that it isn't known what to restore.
    private mutating func waitingActor(
        _ ticket: WaitingTicket, _ pool: Int, _ usable: [Int], _ held: borrowing StateHolder, _ reservations: inout Reservations
    ) -> (actor: WaitingActor, isKnown: Bool) {
        _ = snapshots.takeFailure()
        var actor = held.state.waitingActor(ticket, usable: usable) { snapshots($0) }
        // Read now, not when the slot is given.
        if actor.paused != nil, let active = held.state.active[ticket.actor] { _ = snapshots(active.pausedSeq) }
        if actor.quota != nil { actor.quota = reservations.pools[pool].quota(of: ticket.tenant) }
        return (actor, !snapshots.takeFailure())
    }

    private mutating func reserve(
        _ ticket: WaitingTicket, _ choice: PlacementChoice, overtook: Int, _ pool: Int, _ held: borrowing StateHolder,
        _ reservations: inout Reservations,
        _ out: inout Outputs
    ) {
        reservations.reserve(ticket, of: pool, on: choice.worker, held)
        var placed = placed(ticket, choice, pool, held)
        placed.overtook = overtook
        out.place(held.state.actors[ticket.actor], placed, on: held.state.workers[choice.worker])
    }

    private mutating func placed(_ ticket: WaitingTicket, _ choice: PlacementChoice, _ pool: Int, _ held: borrowing StateHolder)
        -> Outputs.Placed
    {
        let (actor, active) = (held.state.actors[ticket.actor], held.state.active[ticket.actor])
        var placed = Outputs.Placed(
            ticket: ticket, choice: choice, waitedMicroseconds: held.state.at.microseconds(since: ticket.requestedAt),
            asOf: held.state.position)
        switch choice.source {
        case .paused:
            placed.restoreFrom = active.flatMap { snapshots($0.pausedSeq)?.uri }
            placed.bytes = active?.paused?.bytes ?? 0
        case .external:
            let snapshot = snapshots(actor.snapshotSeq)
            placed.restoreFrom = snapshot?.uri
            placed.bytes = snapshot?.external.bytes ?? 0
        case .golden: placed.bytes = held.state.placer.snapshots.golden(of: held.state.actors.traits(of: actor).template)?.bytes ?? 0
        case .nothing: break
        }
        if choice.tier != .local, let active, !active.isVoid {
            placed.moved = choice.moved?.name ?? (active.isPausedLost ? "snapshot_evicted" : nil)
            placed.pausedOn = held.state.labels.text(of: active.paused?.node ?? actor.node)
        }
        if choice.pool != pool { placed.spilledTo = held.state.pools[choice.pool].text }
        return placed
    }

    /// A wait for a node is over, as the log is about to say.
    mutating func endWait(_ pool: Int) { waits[pool] = nil }

    // MARK: - Drains

    /// Chooses idle workers beyond the desired count and asks them to go: who is missed least (`Placer.victims`). Workers that
    /// aren't ready yet count against the desired count before them, so they go first. One with an actor, or with a slot reserved
    /// for one, is never chosen.
    func drainSurplus(_ pool: Int, _ held: borrowing StateHolder, _ reservations: inout Reservations, _ out: inout Outputs) {
        guard held.state.pools[pool].workers.ready > held.state.pools[pool].desired, held.isFollowed(pool) else { return }
        // The target's count takes away unclaimed workers alone, and those first that aren't ready: there is nobody to be spared.
        guard !held.state.pools[pool].isUnclaimed else { return }
        guard !held.state.pools[pool].drains.isPaused(at: held.state.at), !held.state.pools[pool].isTargetUnseen else { return }
        // What there is beyond the count is the update's own: new workers, before the old ones end.
        guard !held.state.pools[pool].isHeldThroughUpdate(at: held.state.at) else { return }
        let cordoned =
            !reservations.hasCordons
            ? 0 : held.state.pools[pool].members.count { reservations.isCordoned($0) && held.state.workers[$0].state == .ready }
        let surplus = held.state.pools[pool].workers.ready - cordoned - held.state.pools[pool].desired
        guard surplus > 0 else { return }
        let leaving =
            held.state.pools[pool].policy?.policy.target.endsHighestOrdinal == true
            ? highestIdle(pool, count: surplus, held, reservations, out)
            : held.state.placer.victims(
                of: pool, count: surplus, zoneMaxSkew: held.state.pools[pool].policy?.policy.zoneMaxSkew, at: held.state.at,
                among: reservations.slots
            ).map(\.worker)
        for worker in leaving {
            reservations.cordon(worker, held)
            out.drain(held.state.workers[worker], reason: "scale-down to \(held.state.pools[pool].desired)")
        }
    }

    /// A StatefulSet ends its highest ordinals, whoever is on them, so only those can go: from the top down to the first that isn't idle. A
    /// lower one would be drained for nothing, and its replica stay.
    private func highestIdle(
        _ pool: Int, count: Int, _ held: borrowing StateHolder, _ reservations: Reservations, _ out: Outputs
    ) -> [Int] {
        let ready = held.state.pools[pool].members.filter { held.state.workers[$0].state == .ready && !reservations.isCordoned($0) }
        let numbered = ready.map { (worker: $0, ordinal: ScaleTarget.ordinal(ofPod: out.text(of: held.state.workers[$0].name)) ?? -1) }
        let highest = numbered.sorted { ($0.ordinal, $0.worker) > ($1.ordinal, $1.worker) }.prefix(count)
        return highest.prefix { reservations.isIdle($0.worker, held) }.map(\.worker)
    }

    // MARK: - Decisions

    /// Logs what was decided for a pool or one of its shadows where it is news: another count, or other steps that had a say.
    func decide(
        _ key: PolicyKey, _ outcome: Outcome, isNews: Bool, _ held: borrowing StateHolder, _ reservations: inout Reservations,
        _ out: inout Outputs
    ) {
        // What a pool's own policy recommends is never followed, so that it differs from the count isn't news by itself. A
        // shadow's count is its own.
        let mustMove = outcome.to != outcome.from && (key.shadow != nil || held.isFollowed(key.pool))
        guard isNews || mustMove, reservations.beginDecision(key) else { return }
        guard let standing = held.state.standing(of: key) else { preconditionFailure("a policy that was just decided for is gone") }
        let decision = outcome.explained(
            policy: standing.applied.policy, observation: standing.observation, memory: standing.memory, evaluation: standing.evaluation)
        let record = DecisionRecord(decision, standing.observation, standing.applied, asOf: held.state.position)
        out.decide(decision, record, pool: held.state.pools[key.pool], shadow: key.shadow)
    }
}
