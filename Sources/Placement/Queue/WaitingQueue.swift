package import Domain
import Basics

// Whose turn is it?
//
// The actors of one pool that wait for a worker: by priority, then by age, and fairly by tenant where quotas are set
// (`TenantTurns`). A ticket that has been offered a worker is `claimed` until the log says what became of it: it still
// waits, but is not offered another one. One that can't be placed now is set aside, so that those behind it get their turn,
// and taken up again when what it waits for has come. Every operation on one ticket is O(log n).

@usableFromInline package struct WaitingQueue: Sendable {
    /// What a ticket that can't be placed now waits for.
    package enum Obstacle: Hashable, Sendable {
        /// A slot on the node of its paused state; from the given time on it would go elsewhere.
        case node(NameID, until: LogTime?)
        /// A worker that meets its conditions.
        case worker(Eligibility)
    }

    private enum Standing: Hashable, Sendable {
        case waiting
        case aside(Obstacle)
        case claimed
    }

    private struct Place: Sendable {
        var ticket: WaitingTicket
        var standing = Standing.waiting
    }

    private struct Until: Comparable, Sendable {
        var time: LogTime
        var seq: Position

        static func < (a: Until, b: Until) -> Bool { a.time != b.time ? a.time < b.time : a.seq < b.seq }
    }

    private var places = SlotMap<Position, Place>()
    /// All tickets.
    private var order = OrderedTree<Turn>()
    /// Those that are neither claimed nor set aside.
    private var turns = TenantTurns()
    private var asideOnNode: [NameID: OrderedTree<Turn>] = [:]
    private var asideByCondition: [Eligibility: OrderedTree<Turn>] = [:]
    private var untils = OrderedTree<Until>()
    /// Tickets of each tenant, however they stand.
    private var waitingByTenant: [NameID: Int] = [:]

    package init() {}

    /// Stored, as are the quotas' number: whoever asks from another target reads them without a copy of the queue.
    @usableFromInline package private(set) var count = 0
    @inlinable package var isEmpty: Bool { count == 0 }

    package mutating func add(_ ticket: WaitingTicket) {
        remove(ticket.seq)
        places.set(ticket.seq, Place(ticket: ticket))
        count = places.count
        order.insert(ticket.turn)
        turns.add(ticket.turn, of: ticket.tenant)
        inTurnCount += 1
        if !ticket.tenant.isNone { waitingByTenant[ticket.tenant, default: 0] += 1 }
    }

    /// Takes a ticket out, wherever it stands; nil where it isn't waiting.
    @discardableResult
    package mutating func remove(_ seq: Position) -> WaitingTicket? {
        guard let place = places.remove(seq) else { return nil }
        leaveStanding(place)
        let ticket = place.ticket
        count = places.count
        order.remove(ticket.turn)
        if let count = waitingByTenant[ticket.tenant] { waitingByTenant[ticket.tenant] = count > 1 ? count - 1 : nil }
        return ticket
    }

    package subscript(_ seq: Position) -> WaitingTicket? { places[seq]?.ticket }

    /// When the longest-waiting request that isn't claimed was made. A step for each priority there is, and for each claim in
    /// front.
    package var oldestRequestedAt: LogTime? {
        var oldest: WaitingTicket?
        var next = order.first
        while let turn = next, let place = places[turn.seq] {
            if place.standing == .claimed {
                next = order.first(after: turn)
                continue
            }
            if oldest.map({ turn.seq < $0.seq }) ?? true { oldest = place.ticket }
            next = order.first(after: Turn(priority: turn.priority, seq: .max))
        }
        return oldest?.requestedAt
    }

    /// The first in turn: not claimed, not set aside, its tenant's quota not used up; nil where there is none.
    package var first: WaitingTicket? { turns.first.flatMap { self[$0] } }

    /// How many wait for their turn: neither claimed nor set aside. Stored, as `count` is.
    package private(set) var inTurnCount = 0

    /// The first in turn and those right behind it that have its priority, `limit` at most. Where quotas are set the first alone:
    /// whose turn is next hangs on whose was before.
    package func firstInTurn(_ limit: Int) -> [WaitingTicket] { turns.first(limit).compactMap { self[$0] } }

    /// How many stand before `seq` by priority and age, counting from 1 for the first; nil where it isn't waiting. Fair
    /// shares may let others pass.
    package func place(of seq: Position) -> Int? { self[seq].map { order.rank(of: $0.turn) + 1 } }

    /// All tickets by priority and age, claimed or not. O(n log n).
    package var all: [WaitingTicket] { tickets { _ in true } }

    /// The tickets that aren't claimed, by priority and age. O(n log n).
    package var unclaimed: [WaitingTicket] { tickets { $0 != .claimed } }

    private func tickets(_ isWanted: (Standing) -> Bool) -> [WaitingTicket] {
        var found: [WaitingTicket] = []
        places.forEach { _, place in if isWanted(place.standing) { found.append(place.ticket) } }
        return found.sorted()
    }

    // MARK: - Offers

    package func isClaimed(_ seq: Position) -> Bool { places[seq]?.standing == .claimed }

    package mutating func claim(_ seq: Position) {
        guard let place = places[seq], place.standing != .claimed else { return }
        leaveStanding(place)
        stand(seq, .claimed)
    }

    /// Puts a claimed ticket back in its turn.
    package mutating func unclaim(_ seq: Position) {
        guard let place = places[seq], place.standing == .claimed else { return }
        enterTurn(place.ticket)
    }

    /// Lets those behind it have their turn.
    package mutating func setAside(_ seq: Position, for obstacle: Obstacle) {
        guard let place = places[seq], place.standing == .waiting else { return }
        leaveStanding(place)
        stand(seq, .aside(obstacle))
        let turn = place.ticket.turn
        switch obstacle {
        case .node(let node, let until):
            asideOnNode[node, default: OrderedTree()].insert(turn)
            if let until { untils.insert(Until(time: until, seq: seq)) }
        case .worker(let eligibility):
            asideByCondition[eligibility, default: OrderedTree()].insert(turn)
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
        guard let place = places[seq], case .aside = place.standing else { return }
        leaveStanding(place)
        enterTurn(place.ticket)
    }

    private mutating func enterTurn(_ ticket: WaitingTicket) {
        turns.add(ticket.turn, of: ticket.tenant)
        inTurnCount += 1
        stand(ticket.seq, .waiting)
    }

    private mutating func stand(_ seq: Position, _ standing: Standing) { places.change(seq) { $0.standing = standing } }

    /// Takes a ticket out of whatever lists it by how it stands.
    private mutating func leaveStanding(_ place: Place) {
        let turn = place.ticket.turn
        switch place.standing {
        case .claimed: break
        case .waiting:
            turns.remove(turn, of: place.ticket.tenant)
            inTurnCount -= 1
        case .aside(.node(let node, let until)):
            asideOnNode[node]?.remove(turn)
            if asideOnNode[node]?.isEmpty ?? false { asideOnNode[node] = nil }
            if let until { untils.remove(Until(time: until, seq: turn.seq)) }
        case .aside(.worker(let eligibility)):
            asideByCondition[eligibility]?.remove(turn)
            if asideByCondition[eligibility]?.isEmpty ?? false { asideByCondition[eligibility] = nil }
        }
    }

    // MARK: - Tenants

    /// How many actors of a tenant may hold a slot at once; none: nobody is limited, and turns are by age alone.
    package mutating func setQuotas(_ quotas: [NameID: Int]) {
        let waiting = tickets { $0 == .waiting }
        turns.setQuotas(quotas, waiting: waiting.lazy.map { ($0.turn, $0.tenant) })
        quotaCount = turns.quotas.count
    }

    /// More (`step` 1) or fewer (-1) actors of a tenant hold a slot.
    package mutating func addRunning(_ step: Int, of tenant: NameID) { turns.addRunning(step, of: tenant) }

    /// The same for slots that are promised, until the log holds them: they count against the quota and are in no checkpoint.
    package mutating func addPromised(_ step: Int, of tenant: NameID) { turns.addPromised(step, of: tenant) }

    /// Tickets that must wait though a worker be free, as their tenants use up their quotas with the actors that hold a slot.
    package var overQuota: Int {
        turns.quotaList.reduce(0) { sum, quota in
            let free = max(0, quota.maxRunning - (turns.running[quota.tenant] ?? 0))
            return sum + max(0, (waitingByTenant[quota.tenant] ?? 0) - free)
        }
    }

    package private(set) var quotaCount = 0

    /// nil where the tenant has no quota.
    package func quota(of tenant: NameID) -> QuotaStanding? { turns.standing(of: tenant) }

    var quotas: [(tenant: NameID, maxRunning: Int)] { turns.quotaList }
    var running: [(tenant: NameID, running: Int)] { turns.runningList }
}
