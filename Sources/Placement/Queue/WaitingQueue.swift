package import Domain
package import Basics

// Who waits for a worker in this pool?
//
// The requests of one pool that the log holds and that have no slot yet, by priority and age, with what each tenant may hold and
// holds. Whose turn it is, and who was offered a worker already, is `TurnOrder`. Every operation on one ticket is O(log n).

@usableFromInline package struct WaitingQueue: Sendable {
    /// By position of the request. Whoever asks from another target looks in here: through the queue's own subscript it would be
    /// handed a copy of the queue first.
    package private(set) var tickets = SlotMap<Position, WaitingTicket>()
    private var order = OrderedTree<Turn>()
    /// Tickets of each tenant.
    private var waitingByTenant: [NameID: Int] = [:]
    /// How many actors of a tenant may hold a slot at once, and how many do.
    private(set) var quotas: [NameID: Int] = [:]
    private var running: [NameID: Int] = [:]

    package init() {}

    /// Stored, as is the quotas' number: whoever asks from another target reads them without a copy of the queue.
    @usableFromInline package private(set) var count = 0
    @inlinable package var isEmpty: Bool { count == 0 }
    package private(set) var quotaCount = 0

    package mutating func add(_ ticket: WaitingTicket) {
        remove(ticket.seq)
        tickets.set(ticket.seq, ticket)
        count = tickets.count
        order.insert(ticket.turn)
        if !ticket.tenant.isNone { waitingByTenant[ticket.tenant, default: 0] += 1 }
    }

    /// nil where it isn't waiting.
    @discardableResult
    package mutating func remove(_ seq: Position) -> WaitingTicket? {
        guard let ticket = tickets.remove(seq) else { return nil }
        count = tickets.count
        order.remove(ticket.turn)
        if let count = waitingByTenant[ticket.tenant] { waitingByTenant[ticket.tenant] = count > 1 ? count - 1 : nil }
        return ticket
    }

    package subscript(_ seq: Position) -> WaitingTicket? { tickets[seq] }

    /// When the longest-waiting request was made. A step for each priority there is.
    package var oldestRequestedAt: LogTime? {
        var oldest: WaitingTicket?
        var next = order.first
        while let turn = next, let ticket = tickets[turn.seq] {
            if oldest.map({ turn.seq < $0.seq }) ?? true { oldest = ticket }
            next = order.first(after: Turn(priority: turn.priority, seq: .max))
        }
        return oldest?.requestedAt
    }

    /// How many stand before `seq` by priority and age, counting from 1 for the first; nil where it isn't waiting. Fair
    /// shares may let others pass.
    package func place(of seq: Position) -> Int? { self[seq].map { order.rank(of: $0.turn) + 1 } }

    /// All tickets by priority and age. O(n log n).
    package var all: [WaitingTicket] {
        var found: [WaitingTicket] = []
        found.reserveCapacity(count)
        tickets.forEach { _, ticket in found.append(ticket) }
        return found.sorted()
    }

    // MARK: - Tenants

    /// How many actors of a tenant may hold a slot at once; none: nobody is limited, and turns are by age alone.
    package mutating func setQuotas(_ new: [NameID: Int]) {
        quotas = new.mapValues { min(max(0, $0), TenantTurns.most) }
        quotaCount = quotas.count
    }

    /// More (`step` 1) or fewer (-1) actors of a tenant hold a slot.
    package mutating func addRunning(_ step: Int, of tenant: NameID) {
        guard !tenant.isNone else { return }
        let count = max(0, (running[tenant] ?? 0) + step)
        running[tenant] = count == 0 ? nil : count
    }

    /// Tickets that must wait though a worker be free, as their tenants use up their quotas with the actors that hold a slot.
    package var overQuota: Int {
        quotas.reduce(0) { sum, quota in
            let free = max(0, quota.value - (running[quota.key] ?? 0))
            return sum + max(0, (waitingByTenant[quota.key] ?? 0) - free)
        }
    }

    /// nil where the tenant has no quota.
    package func quota(of tenant: NameID) -> QuotaStanding? {
        quotas[tenant].map { QuotaStanding(running: running[tenant] ?? 0, maxRunning: $0) }
    }

    var quotaList: [(tenant: NameID, maxRunning: Int)] { quotas.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 } }
    var runningList: [(tenant: NameID, running: Int)] { running.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 } }
}
