import Basics
package import Domain

// Who of those who wait in a pool is offered a worker next?
//
// The order in which one pool's tickets (`WaitingQueue`) get their turn: by priority, then by age, and fairly by tenant where
// quotas are set (`TenantTurns`). A ticket that was offered a worker is claimed until the log says what became of it: it still
// waits, and is not offered another one. One that can't be placed now is set aside, so that those behind it get their turn, and
// taken up again when what it waits for has come. Every operation on one ticket is O(log n).
//
// Nothing of it is in the log: it is made from the queue, follows the queue, and is forgotten with the process.
//
// Always: a ticket of the queue is in turn, or held: claimed or set aside. No other ticket is either.

package struct TurnOrder: Sendable {
    /// What a ticket that can't be placed now waits for.
    package enum Obstacle: Hashable, Sendable {
        /// A slot on the node of its paused state; from the given time on it would go elsewhere.
        case node(NameID, until: LogTime?)
        /// A worker that meets its conditions.
        case worker(Eligibility)
    }

    private enum Standing: Hashable, Sendable {
        case aside(Obstacle)
        case claimed
    }

    /// A ticket that is not in turn.
    private struct Held: Sendable {
        var turn: Turn
        var tenant: NameID
        var standing: Standing
    }

    private struct Until: Comparable, Sendable {
        var time: LogTime
        var seq: Position

        static func < (a: Until, b: Until) -> Bool { a.time != b.time ? a.time < b.time : a.seq < b.seq }
    }

    private var held = SlotMap<Position, Held>()
    private var turns = TenantTurns()
    private var asideOnNode: [NameID: OrderedTree<Turn>] = [:]
    private var asideByCondition: [Eligibility: OrderedTree<Turn>] = [:]
    private var untils = OrderedTree<Until>()
    /// How many are in turn: neither claimed nor set aside.
    package private(set) var inTurnCount = 0
    /// How many were offered a worker.
    package private(set) var claimedCount = 0

    package init() {}

    /// As it is where nobody was offered a worker yet.
    package init(_ queue: WaitingQueue) {
        turns.setRunning(queue.runningList)
        for ticket in queue.all { add(ticket.turn, of: ticket.tenant) }
        setQuotas(of: queue)
    }

    // MARK: - What the queue does

    package mutating func add(_ turn: Turn, of tenant: NameID) {
        turns.add(turn, of: tenant)
        inTurnCount += 1
    }

    /// Takes a ticket out, wherever it stands.
    package mutating func remove(_ turn: Turn, of tenant: NameID) {
        if let place = held.remove(turn.seq) { return leave(place) }
        turns.remove(turn, of: tenant)
        inTurnCount -= 1
        assert(inTurnCount >= 0, "more tickets left their turn than had one")
    }

    /// The queue's quotas are others. O(waiting · log n).
    package mutating func setQuotas(of queue: WaitingQueue) {
        let waiting = queue.all.filter { held[$0.seq] == nil }
        turns.setQuotas(queue.quotas, waiting: waiting.lazy.map { ($0.turn, $0.tenant) })
    }

    /// More (`step` 1) or fewer (-1) actors of a tenant hold a slot.
    package mutating func addRunning(_ step: Int, of tenant: NameID) { turns.addRunning(step, of: tenant) }

    /// The same for slots that are reserved: they count against the quota as well.
    package mutating func addReserved(_ step: Int, of tenant: NameID) { turns.addReserved(step, of: tenant) }

    /// With the slots that are reserved; nil where the tenant has no quota.
    package func quota(of tenant: NameID) -> QuotaStanding? { turns.standing(of: tenant) }

    // MARK: - Turns

    /// The first in turn: not claimed, not set aside, its tenant's quota not used up; nil where there is none.
    package var first: Position? { turns.first }

    /// The first in turn and those right behind it that have its priority, `limit` at most. Where quotas are set the first alone:
    /// whose turn is next hangs on whose was before.
    package func firstInTurn(_ limit: Int) -> [Position] { turns.first(limit) }

    package func isClaimed(_ seq: Position) -> Bool { held[seq]?.standing == .claimed }

    package mutating func claim(_ ticket: WaitingTicket) {
        if let place = held.remove(ticket.seq) {
            leave(place)
        } else {
            turns.remove(ticket.turn, of: ticket.tenant)
            inTurnCount -= 1
        }
        hold(ticket, .claimed)
        claimedCount += 1
    }

    /// Puts a claimed ticket back in its turn; nothing to do where it has left the queue.
    package mutating func unclaim(_ seq: Position) {
        guard let place = held[seq], place.standing == .claimed else { return }
        held.remove(seq)
        leave(place)
        add(place.turn, of: place.tenant)
    }

    /// Lets those behind it have their turn. One that is claimed stays so.
    package mutating func setAside(_ ticket: WaitingTicket, for obstacle: Obstacle) {
        guard held[ticket.seq] == nil else { return }
        turns.remove(ticket.turn, of: ticket.tenant)
        inTurnCount -= 1
        hold(ticket, .aside(obstacle))
        switch obstacle {
        case .node(let node, let until):
            asideOnNode[node, default: OrderedTree()].insert(ticket.turn)
            if let until { untils.insert(Until(time: until, seq: ticket.seq)) }
        case .worker(let eligibility):
            asideByCondition[eligibility, default: OrderedTree()].insert(ticket.turn)
        }
    }

    /// Tickets set aside that wait for a slot on the node.
    package func asideCount(on node: NameID) -> Int { asideOnNode[node]?.count ?? 0 }

    /// Whether somebody was set aside for a worker that meets conditions.
    package var hasUnmetConditions: Bool { !asideByCondition.isEmpty }

    /// When the first of those who wait for a node would go elsewhere; nil where nobody would.
    package var earliestUntil: LogTime? { untils.first?.time }

    /// Puts all that were set aside back in their turn.
    package mutating func takeUpAll() {
        for node in asideOnNode.keys.sorted() { takeUp(on: node) }
        takeUp { _ in true }
    }

    /// The same for those who wait for the node.
    package mutating func takeUp(on node: NameID) {
        guard !asideOnNode.isEmpty, let tree = asideOnNode[node] else { return }
        tree.forEach { takeUp($0.seq) }
    }

    /// The same for those who wait for a worker that meets conditions like these.
    package mutating func takeUp(where isMet: (Eligibility) -> Bool) {
        guard !asideByCondition.isEmpty else { return }
        for (eligibility, tree) in asideByCondition where isMet(eligibility) { tree.forEach { takeUp($0.seq) } }
    }

    /// The same for those who have waited for a node as long as they would.
    package mutating func takeUpDue(_ now: LogTime) {
        while let first = untils.first, first.time <= now { takeUp(first.seq) }
    }

    private mutating func takeUp(_ seq: Position) {
        guard let place = held[seq], case .aside = place.standing else { return }
        held.remove(seq)
        leave(place)
        add(place.turn, of: place.tenant)
    }

    private mutating func hold(_ ticket: WaitingTicket, _ standing: Standing) {
        held.set(ticket.seq, Held(turn: ticket.turn, tenant: ticket.tenant, standing: standing))
    }

    /// Takes a ticket that is held no more out of what lists it by why.
    private mutating func leave(_ place: Held) {
        let turn = place.turn
        switch place.standing {
        case .claimed: claimedCount -= 1
        case .aside(.node(let node, let until)):
            asideOnNode[node]?.remove(turn)
            if asideOnNode[node]?.isEmpty ?? false { asideOnNode[node] = nil }
            if let until { untils.remove(Until(time: until, seq: turn.seq)) }
        case .aside(.worker(let eligibility)):
            asideByCondition[eligibility]?.remove(turn)
            if asideByCondition[eligibility]?.isEmpty ?? false { asideByCondition[eligibility] = nil }
        }
    }
}
