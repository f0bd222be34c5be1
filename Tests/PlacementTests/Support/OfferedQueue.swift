import Domain

@testable import Placement

/// A pool's queue with its order of turns, which follows it.
struct OfferedQueue {
    var queue = WaitingQueue()
    var turns = TurnOrder()

    var first: WaitingTicket? { turns.first.flatMap { queue[$0] } }
    var inTurnCount: Int { turns.inTurnCount }
    var count: Int { queue.count }
    var oldestRequestedAt: LogTime? { queue.oldestRequestedAt }
    var hasUnmetConditions: Bool { turns.hasUnmetConditions }
    var earliestUntil: LogTime? { turns.earliestUntil }

    func firstInTurn(_ limit: Int) -> [WaitingTicket] { turns.firstInTurn(limit).compactMap { queue[$0] } }
    func place(of seq: Position) -> Int? { queue.place(of: seq) }
    func quota(of tenant: NameID) -> QuotaStanding? { turns.quota(of: tenant) }
    func isClaimed(_ seq: Position) -> Bool { turns.isClaimed(seq) }
    func asideCount(on node: NameID) -> Int { turns.asideCount(on: node) }

    mutating func add(_ ticket: WaitingTicket) {
        queue.add(ticket)
        turns.add(ticket.turn, of: ticket.tenant)
    }

    @discardableResult
    mutating func remove(_ seq: Position) -> WaitingTicket? {
        guard let ticket = queue.remove(seq) else { return nil }
        turns.remove(ticket.turn, of: ticket.tenant)
        return ticket
    }

    mutating func addRunning(_ step: Int, of tenant: NameID) {
        queue.addRunning(step, of: tenant)
        turns.addRunning(step, of: tenant)
    }

    mutating func setQuotas(_ quotas: [NameID: Int]) {
        queue.setQuotas(quotas)
        turns.setQuotas(of: queue)
    }

    mutating func claim(_ seq: Position) { if let ticket = queue[seq] { turns.claim(ticket) } }
    mutating func unclaim(_ seq: Position) { turns.unclaim(seq) }
    mutating func setAside(_ seq: Position, for obstacle: TurnOrder.Obstacle) {
        if let ticket = queue[seq] { turns.setAside(ticket, for: obstacle) }
    }
    mutating func takeUpAll() { turns.takeUpAll() }
    mutating func takeUp(on node: NameID) { turns.takeUp(on: node) }
    mutating func takeUp(where isMet: (Eligibility) -> Bool) { turns.takeUp(where: isMet) }
    mutating func takeUpDue(_ now: LogTime) { turns.takeUpDue(now) }
}
