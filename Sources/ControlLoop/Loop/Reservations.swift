import Basics
import Domain
import Placement
import State

// What was concluded that the log doesn't hold yet?
//
// Until a conclusion comes back out of the log it is a reservation: the slot is taken, the ticket claimed, the worker cordoned,
// the policy's decision in flight. Nothing is concluded twice meanwhile. A reservation ends when its event came back or its
// append failed; a crash forgets them all, and never a fact. Beside them stands what targets were told of single workers, and
// where in the queues something is to be looked at again.
//
// `slots` is the placer's index of workers as it will be: what the log says is used, and what is reserved. It, and each pool's
// order of turns, follow the state commit by commit (`note`), and are made from it at the start.
//
// Always: a slot is reserved for each placement in flight and for no other; where none is, the index says what the state says.

struct Reservations: Sendable {
    /// Lists are no longer than this; what is beyond makes everyone be looked at again.
    private static let freedLimit = 256
    /// Requests beyond it stand far back: no node is looked for.
    static let unlookedLimit = 1_024

    /// What is to be looked at again in one pool's queue.
    struct PoolTurns: Sendable {
        var order = TurnOrder()
        /// Everyone who is set aside is to be looked at again.
        var hasNews = true
        /// Workers of this pool, or of one it spills to, where a slot came free since the queue was last gone through.
        private(set) var freed: [Int] = []
        /// Nodes whose waiting actors are to be looked at again.
        private(set) var nodesWithNews: [NameID] = []
        /// Requests for which no node was looked for yet, in order.
        var unlooked: [Position] = []

        mutating func noteFreed(_ worker: Int) {
            guard !hasNews, freed.last != worker else { return }
            if freed.count < Reservations.freedLimit { freed.append(worker) } else { hasNews = true }
        }

        mutating func noteNews(on node: NameID) {
            guard !hasNews, !nodesWithNews.contains(node) else { return }
            if nodesWithNews.count < Reservations.freedLimit { nodesWithNews.append(node) } else { hasNews = true }
        }

        mutating func takeNews() {
            hasNews = false
            freed.removeAll(keepingCapacity: true)
            nodesWithNews.removeAll(keepingCapacity: true)
        }

        // Mutating, so that the order is looked at where it lies.

        mutating func next() -> Position? { order.first }
        mutating func firstInTurn(_ limit: Int) -> [Position] { order.firstInTurn(limit) }
        mutating func asideCount(on node: NameID) -> Int { order.asideCount(on: node) }
        mutating func earliestUntil() -> LogTime? { order.earliestUntil }
        mutating func quota(of tenant: NameID) -> QuotaStanding? { order.quota(of: tenant) }
    }

    private struct Placement: Sendable {
        var worker: Int
        var workerReadySeq: Position
        var pool: Int
        var ticket: Position
        var tenant: NameID
    }

    /// What is in mind for one worker, in the life that began at `readySeq`.
    private struct Mark: Sendable {
        var readySeq: Position
        /// Slots taken for actors whose `actor.placed` isn't in the log yet.
        var reserved = 0
        /// Chosen to go; its `worker.draining` isn't in the log yet.
        var isCordoned = false
        /// Its target was told to remove it since it became empty.
        var isRemovalSent = false
        var uncordon = Uncordon.none

        var isBlank: Bool { reserved == 0 && !isCordoned && !isRemovalSent && uncordon == .none }
    }

    /// Whether a worker's target was asked to take its drain back.
    enum Uncordon: UInt8, Sendable {
        case none
        /// Not answered yet, or the answer is on its way to the log: it must not be removed meanwhile.
        case asked
        /// Too late, or the target couldn't: it goes once it is empty.
        case refused
    }

    private(set) var slots = WorkerIndex()
    /// By index of the pool.
    var pools: [PoolTurns] = []
    private var marks = SlotMap<Int, Mark>()
    private var placements = SlotMap<NameID, Placement>()
    /// Of actors that withdrew and asked again while a placement was in flight: those before the last one, in order.
    private var earlier: [NameID: [Placement]] = [:]
    private var cordons: [NameID: Position] = [:]
    private var decisions: Set<PolicyKey> = []
    /// By pool: how often its drains had been given up when that was said once more.
    var giveUps: [Int: Int] = [:]
    /// Timers of predicted wakes up to here are on their way into the log.
    var wakesRung = LogTime.zero
    /// Actors that are expected soon and for which no node was looked for yet, with when they are.
    private(set) var wakes: [Int: LogTime] = [:]
    /// Worked on in `note`; kept only for its memory.
    private var settled: [Int] = []

    init() {}

    /// Where nothing is reserved.
    init(_ held: borrowing StateHolder) {
        slots = held.state.placer.workers
        wakes = held.state.forecasts.due
        for pool in held.state.pools.indices {
            pools.append(PoolTurns())
            pools[pool].order = TurnOrder(held.state.pools[pool].queue)
            refillPrefetch(pool, held)
        }
    }

    /// Nothing is on its way into the log.
    var isEmpty: Bool {
        let isEmpty = placements.isEmpty && cordons.isEmpty && decisions.isEmpty
        assert(!isEmpty || pools.allSatisfy { $0.order.claimedCount == 0 }, "a ticket is claimed for nobody's placement")
        return isEmpty
    }

    // MARK: - Commits

    /// Follows the state by one commit.
    mutating func note(_ change: State.Change, _ held: borrowing StateHolder) {
        while pools.count < held.state.pools.count { pools.append(PoolTurns()) }
        for ticket in held.state.news.tickets {
            guard ticket.joins else {
                pools[ticket.pool].order.remove(ticket.turn, of: ticket.tenant)
                continue
            }
            pools[ticket.pool].order.add(ticket.turn, of: ticket.tenant)
            if held.state.pools[ticket.pool].placing.prefetches, pools[ticket.pool].unlooked.count < Self.unlookedLimit {
                pools[ticket.pool].unlooked.append(ticket.turn.seq)
            }
        }
        for running in held.state.news.running { pools[running.pool].order.addRunning(running.step, of: running.tenant) }
        for pool in held.state.news.rules {
            pools[pool].order.setQuotas(of: held.state.pools[pool].queue)
            refillPrefetch(pool, held)
            wakes = wakes.filter { held.state.forecasts.due[$0.key] == $0.value }
        }
        slots.note(held.state.news.goldens)
        for worker in held.state.news.workers { renew(worker, held) }
        // A placement that came true frees nothing: its slot is reserved no more, and used from here on.
        for event in change.own where event.kind == .actorPlaced {
            if let worker = endPlacement(of: event.subject) { settled.append(worker) }
        }
        for worker in held.state.news.slots { renewSlots(worker, held) }
        for worker in settled { renewSlots(worker, held) }
        settled.removeAll(keepingCapacity: true)
        for pool in held.state.news.pools { pools[pool].hasNews = true }
        for place in held.state.news.nodes { pools[place.pool].noteNews(on: place.node) }
        for wake in held.state.news.wakes { wakes[wake.actor] = wake.at }
    }

    /// A worker is new or gone, or says something else of itself.
    private mutating func renew(_ worker: Int, _ held: borrowing StateHolder) {
        guard !held.state.workers[worker].name.isNone else {
            marks.remove(worker)
            return slots.remove(worker)
        }
        if let mark = marks[worker], mark.readySeq != held.state.workers[worker].readySeq { marks.remove(worker) }
        slots.set(worker, held.state.workers[worker].facts, used: taken(worker, held))
    }

    /// More or fewer slots of a worker are used or reserved.
    private mutating func renewSlots(_ worker: Int, _ held: borrowing StateHolder) {
        guard slots.setUsed(worker, taken(worker, held)) else { return }
        let home = Int(held.state.workers[worker].pool)
        pools[home].noteFreed(worker)
        for pool in held.state.pools[home].placing.spilledFrom { pools[pool].noteFreed(worker) }
    }

    /// Slots used or reserved; one that is chosen to go has none to give.
    private func taken(_ worker: Int, _ held: borrowing StateHolder) -> Int {
        let used = held.state.workers[worker].used
        guard !marks.isEmpty, let mark = marks[worker] else { return used }
        return mark.isCordoned ? max(held.state.workers[worker].slots, used + mark.reserved) : used + mark.reserved
    }

    private mutating func mark(_ worker: Int, _ held: borrowing StateHolder, _ change: (inout Mark) -> Void) {
        var mark = marks[worker] ?? Mark(readySeq: held.state.workers[worker].readySeq)
        change(&mark)
        marks[worker] = mark.isBlank ? nil : mark
    }

    // MARK: - Placements

    /// Takes a slot for an actor whose `actor.placed` is about to be appended.
    mutating func reserve(_ ticket: WaitingTicket, of pool: Int, on worker: Int, _ held: borrowing StateHolder) {
        pools[pool].order.claim(ticket)
        pools[pool].order.addReserved(1, of: ticket.tenant)
        mark(worker, held) { $0.reserved += 1 }
        slots.setUsed(worker, taken(worker, held))
        let name = held.state.actors[ticket.actor].name
        let placement = Placement(
            worker: worker, workerReadySeq: held.state.workers[worker].readySeq, pool: pool, ticket: ticket.seq, tenant: ticket.tenant)
        if let old = placements.set(name, placement) { earlier[name, default: []].append(old) }
    }

    /// The `actor.placed` of an actor came back, or could not be appended. Answers the worker where a slot was reserved, whose
    /// slots are to be counted anew.
    private mutating func endPlacement(of actor: NameID) -> Int? {
        guard let placed = takeOldest(of: actor) else { return nil }
        pools[placed.pool].order.addReserved(-1, of: placed.tenant)
        pools[placed.pool].order.unclaim(placed.ticket)
        guard var mark = marks[placed.worker], mark.readySeq == placed.workerReadySeq else { return nil }
        assert(mark.reserved > 0, "a slot was reserved for the placement")
        mark.reserved -= 1
        marks[placed.worker] = mark.isBlank ? nil : mark
        return placed.worker
    }

    /// Events come back in the order in which they were appended.
    private mutating func takeOldest(of actor: NameID) -> Placement? {
        guard !earlier.isEmpty, var those = earlier[actor] else { return placements.remove(actor) }
        let first = those.removeFirst()
        earlier[actor] = those.isEmpty ? nil : those
        return first
    }

    func isClaimed(_ ticket: Position, in pool: Int) -> Bool { pools.indices.contains(pool) && pools[pool].order.isClaimed(ticket) }

    func reserved(on worker: Int) -> Int { marks[worker]?.reserved ?? 0 }

    /// Puts those in a pool's queue back in turn if something they wait for has changed.
    mutating func takeUp(_ pool: Int, _ held: borrowing StateHolder) {
        if pools[pool].hasNews {
            pools[pool].order.takeUpAll()
        } else {
            for worker in pools[pool].freed {
                pools[pool].order.takeUp(on: held.state.workers[worker].node)
                if pools[pool].order.hasUnmetConditions {
                    pools[pool].order.takeUp { [facts = held.state.workers[worker].facts] in $0.accepts(facts) }
                }
            }
            for node in pools[pool].nodesWithNews { pools[pool].order.takeUp(on: node) }
            pools[pool].order.takeUpDue(held.state.at)
        }
        pools[pool].takeNews()
    }

    /// Everyone in the pool is looked at again, whatever they wait for.
    mutating func lookAgain(_ pool: Int) { pools[pool].hasNews = true }

    /// Whether any of these pools has a slot to give.
    mutating func hasRoom(in usable: [Int]) -> Bool { usable.contains { slots.tally(of: $0).available > 0 } }

    /// Slots that actors who may use these pools could have now.
    mutating func freeSlots(in usable: [Int]) -> Int { usable.reduce(0) { $0 + slots.tally(of: $1).freeSlots } }

    /// Keeps the conditions of an actor, so that deciding for it is O(log n).
    mutating func prepare(_ actor: WaitingActor, _ held: borrowing StateHolder) { held.state.placer.prepare(actor, among: &slots) }

    // MARK: - Prefetch

    /// Looks at every waiting actor without a suggested node, again if it was looked at before.
    private mutating func refillPrefetch(_ pool: Int, _ held: borrowing StateHolder) {
        pools[pool].unlooked = []
        guard held.state.pools[pool].placing.prefetches else { return }
        let suggested = held.state.pools[pool].placing.suggested
        pools[pool].unlooked = Array(
            held.state.pools[pool].queue.all.lazy.map(\.seq).filter { suggested[$0] == nil }.prefix(Self.unlookedLimit))
    }

    /// A node was looked for.
    mutating func endWake(of actor: Int) { wakes[actor] = nil }

    // MARK: - Drains

    /// Chosen to go: a worker has no slot to give while its `worker.draining` is on its way.
    mutating func cordon(_ worker: Int, _ held: borrowing StateHolder) {
        mark(worker, held) { $0.isCordoned = true }
        slots.setUsed(worker, taken(worker, held))
        cordons[held.state.workers[worker].name] = held.state.workers[worker].readySeq
    }

    func isCordoned(_ worker: Int) -> Bool { marks[worker]?.isCordoned ?? false }
    var hasCordons: Bool { !cordons.isEmpty }

    /// The `worker.draining` of a worker came back, or could not be appended. Answers whether it was ours.
    @discardableResult
    mutating func endCordon(of worker: NameID, _ held: borrowing StateHolder) -> Bool {
        guard let readySeq = cordons.removeValue(forKey: worker) else { return false }
        guard let index = held.state.workers.find(worker), held.state.workers[index].readySeq == readySeq, isCordoned(index) else {
            return true
        }
        mark(index, held) { $0.isCordoned = false }
        renewSlots(index, held)
        return true
    }

    /// Whether no actor holds a slot of a worker or is about to.
    func isIdle(_ worker: Int, _ held: borrowing StateHolder) -> Bool { held.state.workers[worker].used == 0 && reserved(on: worker) == 0 }

    func isRemovalSent(_ worker: Int) -> Bool { marks[worker]?.isRemovalSent ?? false }
    mutating func setRemovalSent(_ isSent: Bool, _ worker: Int, _ held: borrowing StateHolder) {
        mark(worker, held) { $0.isRemovalSent = isSent }
    }

    func uncordon(_ worker: Int) -> Uncordon { marks[worker]?.uncordon ?? .none }
    mutating func setUncordon(_ uncordon: Uncordon, _ worker: Int, _ held: borrowing StateHolder) {
        mark(worker, held) { $0.uncordon = uncordon }
    }

    // MARK: - Decisions

    /// False where one is on its way already.
    mutating func beginDecision(_ key: PolicyKey) -> Bool { decisions.insert(key).inserted }
    func isDeciding(_ key: PolicyKey) -> Bool { decisions.contains(key) }

    /// The `scale.decided` of this policy came back, or could not be appended.
    mutating func endDecision(_ key: PolicyKey) { decisions.remove(key) }

    // MARK: - Rolling back

    /// What was to be appended was not: nothing is reserved any more, and everyone is looked at again.
    mutating func rollBack(_ held: borrowing StateHolder) {
        for actor in placements.keys.sorted() {
            while placements[actor] != nil { if let worker = endPlacement(of: actor) { renewSlots(worker, held) } }
        }
        for worker in cordons.keys.sorted() { endCordon(of: worker, held) }
        decisions = []
        giveUps = [:]
        wakesRung = .zero
        wakes = held.state.forecasts.due
        for pool in pools.indices {
            pools[pool].hasNews = true
            refillPrefetch(pool, held)
        }
        assert(isEmpty, "nothing is reserved after all was rolled back")
    }
}
