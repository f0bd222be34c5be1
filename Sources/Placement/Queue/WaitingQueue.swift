public import Domain

// Whose turn is it?
//
// The actors of one pool that wait for a worker: by priority, then by age, and fairly by tenant where quotas are set
// (`TenantTurns`). A ticket that has been offered a worker is `claimed` until the log says what became of it: it still
// waits, but is not offered another one. One that can't be placed now is set aside, so that those behind it get their turn,
// and taken up again when something has changed. Every operation on one ticket is O(log n).

public struct WaitingQueue: Sendable {
    private enum Standing: Sendable { case waiting, aside, claimed }

    private struct Place: Sendable {
        var ticket: WaitingTicket
        var standing = Standing.waiting
    }

    private var places: [Position: Place] = [:]
    private var order = OrderedTree<Turn>()
    /// Of those that aren't claimed.
    private var ages = OrderedTree<Position>()
    private var turns = TenantTurns()
    private var aside: Set<Position> = []
    /// Tickets of each tenant, however they stand.
    private var waitingByTenant: [NameID: Int] = [:]

    public init() {}

    /// Stored, as are the quotas' number: whoever asks from another target reads them without a copy of the queue.
    public private(set) var count = 0
    @inlinable public var isEmpty: Bool { count == 0 }

    public mutating func add(_ ticket: WaitingTicket) {
        remove(ticket.seq)
        places[ticket.seq] = Place(ticket: ticket)
        count = places.count
        order.insert(ticket.turn)
        ages.insert(ticket.seq)
        turns.add(ticket.turn, of: ticket.tenant)
        if !ticket.tenant.isNone { waitingByTenant[ticket.tenant, default: 0] += 1 }
    }

    /// Takes a ticket out, wherever it stands; nil where it isn't waiting.
    @discardableResult
    public mutating func remove(_ seq: Position) -> WaitingTicket? {
        guard let place = places.removeValue(forKey: seq) else { return nil }
        count = places.count
        order.remove(place.ticket.turn)
        if place.standing != .claimed { ages.remove(seq) }
        if place.standing == .waiting { turns.remove(place.ticket.turn, of: place.ticket.tenant) }
        aside.remove(seq)
        if let count = waitingByTenant[place.ticket.tenant] { waitingByTenant[place.ticket.tenant] = count > 1 ? count - 1 : nil }
        return place.ticket
    }

    public subscript(_ seq: Position) -> WaitingTicket? { places[seq]?.ticket }

    /// When the longest-waiting request that isn't claimed was made.
    public var oldestRequestedAt: LogTime? { ages.first.flatMap { places[$0]?.ticket.requestedAt } }

    /// The first in turn: not claimed, not set aside, its tenant's quota not used up; nil where there is none.
    public var first: WaitingTicket? { turns.first.flatMap { places[$0]?.ticket } }

    /// How many stand before `seq` by priority and age, counting from 1 for the first; nil where it isn't waiting. Fair
    /// shares may let others pass.
    public func place(of seq: Position) -> Int? { places[seq].map { order.rank(of: $0.ticket.turn) + 1 } }

    /// All tickets by priority and age, claimed or not. O(n log n).
    public var all: [WaitingTicket] { places.values.map(\.ticket).sorted() }

    /// The tickets that aren't claimed, by priority and age. O(n log n).
    public var unclaimed: [WaitingTicket] { places.values.filter { $0.standing != .claimed }.map(\.ticket).sorted() }

    // MARK: - Offers

    public var hasAside: Bool { !aside.isEmpty }

    public func isClaimed(_ seq: Position) -> Bool { places[seq]?.standing == .claimed }

    public mutating func claim(_ seq: Position) {
        guard let place = places[seq], place.standing != .claimed else { return }
        if place.standing == .waiting { turns.remove(place.ticket.turn, of: place.ticket.tenant) }
        ages.remove(seq)
        aside.remove(seq)
        places[seq]?.standing = .claimed
    }

    /// Puts a claimed ticket back in its turn.
    public mutating func unclaim(_ seq: Position) {
        guard let place = places[seq], place.standing == .claimed else { return }
        ages.insert(seq)
        turns.add(place.ticket.turn, of: place.ticket.tenant)
        places[seq]?.standing = .waiting
    }

    /// Lets those behind it have their turn.
    public mutating func setAside(_ seq: Position) {
        guard let place = places[seq], place.standing == .waiting else { return }
        turns.remove(place.ticket.turn, of: place.ticket.tenant)
        aside.insert(seq)
        places[seq]?.standing = .aside
    }

    /// Puts all that were set aside back in their turn.
    public mutating func takeUpAll() {
        for seq in aside.sorted() {
            guard let place = places[seq] else { continue }
            turns.add(place.ticket.turn, of: place.ticket.tenant)
            places[seq]?.standing = .waiting
        }
        aside = []
    }

    // MARK: - Tenants

    /// How many actors of a tenant may hold a slot at once; none: nobody is limited, and turns are by age alone.
    public mutating func setQuotas(_ quotas: [NameID: Int]) {
        let waiting = places.values.filter { $0.standing == .waiting }.map(\.ticket).sorted()
        turns.setQuotas(quotas, waiting: waiting.lazy.map { ($0.turn, $0.tenant) })
        quotaCount = turns.quotas.count
    }

    /// More (`step` 1) or fewer (-1) actors of a tenant hold a slot.
    public mutating func addRunning(_ step: Int, of tenant: NameID) { turns.addRunning(step, of: tenant) }

    /// The same for slots that are promised, until the log holds them: they count against the quota and are in no checkpoint.
    public mutating func addPromised(_ step: Int, of tenant: NameID) { turns.addPromised(step, of: tenant) }

    /// Tickets that must wait though a worker be free, as their tenants use up their quotas with the actors that hold a slot.
    public var overQuota: Int {
        turns.quotaList.reduce(0) { sum, quota in
            let free = max(0, quota.maxRunning - (turns.running[quota.tenant] ?? 0))
            return sum + max(0, (waitingByTenant[quota.tenant] ?? 0) - free)
        }
    }

    public private(set) var quotaCount = 0

    /// nil where the tenant has no quota.
    public func quota(of tenant: NameID) -> QuotaStanding? { turns.standing(of: tenant) }

    var quotas: [(tenant: NameID, maxRunning: Int)] { turns.quotaList }
    var running: [(tenant: NameID, running: Int)] { turns.runningList }
}
