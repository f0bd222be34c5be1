import Domain
import Placement
import State

// Which node should fetch which snapshot?
//
// Where the pool's policy has prefetch on: for an actor that has begun to wait and found no slot, once a request; and for one
// whose predicted wake is near. Suggestions are hints: one that is lost costs a slower restore.

extension Planner {
    /// Suggestions of one look at a pool, and actors looked at for them; the others come with the next look.
    static let suggestionsPerLook = 16
    static let actorsPerLook = 256
    /// Suggestions to nodes of one pool for actors that still wait.
    static let suggestionsPerPool = 1_024

    mutating func prefetch(_ pool: Int, _ held: borrowing StateHolder, _ reservations: inout Reservations, _ out: inout Outputs) {
        guard held.state.pools[pool].placing.prefetches else { return }
        let room = min(Self.suggestionsPerLook, Self.suggestionsPerPool - held.state.pools[pool].placing.suggested.count)
        let made = room > 0 ? prefetchWaiting(pool, room, held, &reservations, &out) : 0
        if !reservations.wakes.isEmpty { prefetchPredicted(pool, Self.suggestionsPerLook - made, held, &reservations, &out) }
    }

    private mutating func prefetchWaiting(
        _ pool: Int, _ room: Int, _ held: borrowing StateHolder, _ reservations: inout Reservations, _ out: inout Outputs
    ) -> Int {
        guard !reservations.pools[pool].unlooked.isEmpty else { return 0 }
        var (looked, made) = (0, 0)
        var sent: [NameID: Int] = [:]
        let rules = held.state.placementRules(pool)
        for seq in reservations.pools[pool].unlooked.prefix(Self.actorsPerLook) where made < room {
            looked += 1
            // It has a worker by now, or a slot is reserved for it.
            guard let ticket = held.state.pools[pool].queue.tickets[seq], !reservations.isClaimed(seq, in: pool) else { continue }
            let before = held.state.pools[pool].placing
            guard let found = suggest(ticket, rules, held, reservations.slots, sent: { before.sentTo($0) + (sent[$0] ?? 0) }) else {
                continue
            }
            sent[found.node, default: 0] += 1
            made += 1
            out.prefetch(
                found, for: held.state.actors[ticket.actor].name, .waits(seq), pool: held.state.pools[pool],
                node: held.state.labels.text(of: found.node))
        }
        reservations.pools[pool].unlooked.removeFirst(looked)
        return made
    }

    private mutating func prefetchPredicted(
        _ pool: Int, _ room: Int, _ held: borrowing StateHolder, _ reservations: inout Reservations, _ out: inout Outputs
    ) {
        let rules = held.state.placementRules(pool)
        let due = reservations.wakes.filter { Int(held.state.actors[$0.key].pool) == pool }.sorted {
            $0.value != $1.value ? $0.value < $1.value : $0.key < $1.key
        }
        var left = room
        for (index, wakeAt) in due.prefix(Self.actorsPerLook) where left > 0 {
            let entry = held.state.forecasts[index]
            reservations.endWake(of: index)
            let actor = held.state.actors[index]
            // What comes too late helps nobody.
            guard actor.state == .suspended, held.state.forecasts.due[index] == wakeAt, wakeAt > held.state.at, let entry else { continue }
            let ticket = WaitingTicket(
                actor: index, seq: actor.stateSeq, requestedAt: held.state.at, priority: 0, expectedMillis: 0, selector: [],
                tenant: held.state.actors.traits(of: actor).tenant)
            guard let found = suggest(ticket, rules, held, reservations.slots, sent: { _ in 0 }) else { continue }
            left -= 1
            out.prefetch(
                found, for: actor.name, .wakes(wakeAt, entry), pool: held.state.pools[pool], node: held.state.labels.text(of: found.node))
        }
    }

    private mutating func suggest(
        _ ticket: WaitingTicket, _ rules: PlacementRules, _ held: borrowing StateHolder, _ slots: WorkerIndex, sent: (NameID) -> Int
    ) -> Outputs.Prefetch? {
        guard held.state.actors[ticket.actor].snapshotSeq > 0, let recorded = snapshots(held.state.actors[ticket.actor].snapshotSeq) else {
            return nil
        }
        let actor = held.state.waitingActor(ticket) { _ in recorded }
        return held.state.placer.prefetch(actor, rules, at: held.state.at, among: slots, sent: sent).map {
            Outputs.Prefetch(node: $0.node, uri: recorded.uri, bytes: $0.bytes)
        }
    }
}

extension Outputs {
    struct Prefetch {
        var node: NameID
        var uri: String
        var bytes: Int64
    }

    enum PrefetchReason {
        /// The position of its request.
        case waits(Position)
        case wakes(LogTime, WakeForecasts.Entry)
    }

    mutating func prefetch(_ found: Prefetch, for actor: NameID, _ reason: PrefetchReason, pool: PoolState, node: String) {
        var body = JSONWriter()
        body.openObject()
        body.member("node", node)
        body.member("actor", text(of: actor))
        body.member("snapshot", found.uri)
        if found.bytes > 0 { body.member("bytes", found.bytes) }
        let mark: String
        switch reason {
        case .waits(let request):
            body.member("request", request)
            body.member("reason", "waits: a slot is expected here first")
            mark = "\(request)-\(found.node.rawValue)"
        case .wakes(let wakeAt, let entry):
            body.member("wakeAt", wakeAt)
            let gap = Self.seconds(microseconds: entry.gapMicroseconds)
            body.member("reason", entry.hasSchedule ? "its schedule: \(entry.cron)" : "wakes every \(gap) s")
            mark = "wake-\(actor.rawValue)-\(wakeAt.microseconds)"
        }
        body.closeObject()
        append(.prefetchSuggested, id: "prefetch-\(mark)", subject: node, pool: pool.text, body: body.bytes)
    }

    /// Actors of the pool are expected to wake soon.
    mutating func wake(_ deadline: LogTime, pool: PoolState, asOf: Position) {
        timer("wake-\(pool.name.rawValue)", deadline, pool: pool, shadow: nil, asOf: asOf)
    }
}
