import Domain
import Placement

// What did a commit change of what whoever places actors keeps lists of?
//
// Tickets, slots and workers that came, went or are others, in the order in which the events say so. Kept only where somebody
// asks for it: a replay folds without. It says where to look; how things stand is in the state.

struct PlacingNews: Sendable {
    struct Ticket: Sendable {
        var pool: Int
        /// It waits from here on, or no longer does.
        var joins: Bool
        var turn: Turn
        var tenant: NameID
    }

    /// More or fewer actors of a tenant hold a slot.
    struct Running: Sendable {
        var pool: Int
        var tenant: NameID
        var step: Int
    }

    struct Place: Sendable {
        var pool: Int
        var node: NameID
    }

    struct Wake: Sendable {
        var actor: Int
        var at: LogTime
    }

    private(set) var isWanted = false
    private(set) var tickets: [Ticket] = []
    private(set) var running: [Running] = []
    /// Pools whose policy may have other rules for placement.
    private(set) var rules: [Int] = []
    /// Workers that are new or gone, are in another phase, or say something else of themselves.
    private(set) var workers: [Int] = []
    /// Workers that hold more or fewer actors.
    private(set) var slots: [Int] = []
    /// Pools where something came that anyone who waits may wait for.
    private(set) var pools: [Int] = []
    /// Nodes for which one more waits.
    private(set) var nodes: [Place] = []
    private(set) var goldens: [GoldenChange] = []
    /// Actors that are expected soon.
    private(set) var wakes: [Wake] = []

    init(isWanted: Bool = false) { self.isWanted = isWanted }

    @inline(__always)
    mutating func note(_ ticket: WaitingTicket, in pool: Int, joins: Bool) {
        if isWanted { tickets.append(Ticket(pool: pool, joins: joins, turn: ticket.turn, tenant: ticket.tenant)) }
    }

    @inline(__always)
    mutating func note(running step: Int, of tenant: NameID, in pool: Int) {
        if isWanted, !tenant.isNone { running.append(Running(pool: pool, tenant: tenant, step: step)) }
    }

    mutating func note(rulesOf pool: Int) { if isWanted { rules.append(pool) } }

    mutating func note(worker: Int) { if isWanted { workers.append(worker) } }

    @inline(__always)
    mutating func note(slotsOf worker: Int) { if isWanted, slots.last != worker { slots.append(worker) } }

    mutating func note(pool: Int) { if isWanted, pools.last != pool { pools.append(pool) } }

    mutating func note(oneMoreOn node: NameID, in pool: Int) { if isWanted { nodes.append(Place(pool: pool, node: node)) } }

    mutating func note(_ changes: [GoldenChange]) { if isWanted { goldens += changes } }

    mutating func note(wakeOf actor: Int, at time: LogTime) { if isWanted { wakes.append(Wake(actor: actor, at: time)) } }
}
