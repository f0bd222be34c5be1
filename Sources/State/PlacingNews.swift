package import Domain
package import Placement

// What did a commit change of what whoever places actors keeps lists of?
//
// Tickets, slots and workers that came, went or are others, in the order in which the events say so. Kept only where somebody
// asks for it: a replay folds without. It says where to look; how things stand is in the state.

package struct PlacingNews: Sendable {
    package struct Ticket: Sendable {
        package internal(set) var pool: Int
        /// It waits from here on, or no longer does.
        package internal(set) var joins: Bool
        package internal(set) var turn: Turn
        package internal(set) var tenant: NameID
    }

    /// More or fewer actors of a tenant hold a slot.
    package struct Running: Sendable {
        package internal(set) var pool: Int
        package internal(set) var tenant: NameID
        package internal(set) var step: Int
    }

    package struct Place: Sendable {
        package internal(set) var pool: Int
        package internal(set) var node: NameID
    }

    package struct Wake: Sendable {
        package internal(set) var actor: Int
        package internal(set) var at: LogTime
    }

    package private(set) var isWanted = false
    package private(set) var tickets: [Ticket] = []
    package private(set) var running: [Running] = []
    /// Pools whose policy may have other rules for placement.
    package private(set) var rules: [Int] = []
    /// Workers that are new or gone, are in another phase, or say something else of themselves.
    package private(set) var workers: [Int] = []
    /// Workers that hold more or fewer actors.
    package private(set) var slots: [Int] = []
    /// Pools where something came that anyone who waits may wait for.
    package private(set) var pools: [Int] = []
    /// Nodes for which one more waits.
    package private(set) var nodes: [Place] = []
    package private(set) var goldens: [GoldenChange] = []
    /// Actors that are expected soon.
    package private(set) var wakes: [Wake] = []

    package init() {}

    /// A commit begins. The memory of the lists stays.
    mutating func begin(isWanted: Bool) {
        self.isWanted = isWanted
        tickets.removeAll(keepingCapacity: true)
        running.removeAll(keepingCapacity: true)
        rules.removeAll(keepingCapacity: true)
        workers.removeAll(keepingCapacity: true)
        slots.removeAll(keepingCapacity: true)
        pools.removeAll(keepingCapacity: true)
        nodes.removeAll(keepingCapacity: true)
        goldens.removeAll(keepingCapacity: true)
        wakes.removeAll(keepingCapacity: true)
    }

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
