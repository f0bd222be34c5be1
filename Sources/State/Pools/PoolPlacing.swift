package import Basics
package import Domain
package import Placement

// What does placing a pool's actors need to know of the pool?
//
// Which other pools its actors may use, which actors wait for which node or condition, and so why they wait.

package struct PoolPlacing: Sendable {
    /// Conditions told apart among those who wait; actors with further ones count as waiting for any worker.
    package static let conditionLimit = 64

    /// Waiting actors whose state lies on one node.
    package struct OnNode: Hashable, Sendable {
        package internal(set) var waiting = 0
        /// Of these, those that can be restored from nowhere else.
        package internal(set) var withoutExternal = 0
    }

    /// Pools its actors may go to when it has no room, by the policy, and pools whose actors may come here.
    package internal(set) var spill: [Int] = []
    package internal(set) var spilledFrom: [Int] = []
    package private(set) var pausedWaiting = SlotMap<NameID, OnNode>()
    /// Waiting actors that ask something of a worker, by what they ask.
    package internal(set) var conditions: [Eligibility: Int] = [:]
    /// The same ones always in the same order.
    var conditionsInOrder: [(key: Eligibility, value: Int)] {
        conditions.sorted { a, b in
            a.key.sandboxClass != b.key.sandboxClass
                ? a.key.sandboxClass < b.key.sandboxClass : a.key.selector.lexicographicallyPrecedes(b.key.selector)
        }
    }
    package internal(set) var split = BlockedSplit()
    /// Whether the policy wants prefetch suggestions.
    package internal(set) var prefetches = false
    /// Requests that wait and for which a node was told, with the node.
    package private(set) var suggested: [Position: NameID] = [:]
    private var suggestedByNode: [NameID: Int] = [:]
    /// What its own ready workers have free on each node, as folded. In no checkpoint: counted anew from the workers.
    package private(set) var rooms = SlotMap<NameID, NodeRoom>()

    package mutating func countPaused(_ node: NameID, hasExternal: Bool, by step: Int) {
        var count = pausedWaiting[node] ?? OnNode()
        count.waiting += step
        if !hasExternal { count.withoutExternal += step }
        pausedWaiting[node] = count.waiting > 0 ? count : nil
    }

    /// Waiting actors whose snapshots a node was told to fetch.
    package func sentTo(_ node: NameID) -> Int { suggestedByNode[node] ?? 0 }

    package mutating func noteSuggested(_ request: Position, on node: NameID) {
        forgetSuggested(request)
        suggested[request] = node
        suggestedByNode[node, default: 0] += 1
    }

    package mutating func forgetSuggested(_ request: Position) {
        guard !suggested.isEmpty, let node = suggested.removeValue(forKey: request) else { return }
        let count = sentTo(node) - 1
        suggestedByNode[node] = count > 0 ? count : nil
    }

    /// Counts a ready worker (`step` 1), or takes it out (-1).
    package mutating func countRoom(slots: Int, used: Int, on node: NameID, by step: Int) {
        guard !node.isNone else { return }
        var room = rooms[node] ?? NodeRoom()
        room.ready += step
        if used < slots { room.withRoom += step }
        room.freeSlots += max(0, slots - used) * step
        rooms[node] = room.ready > 0 ? room : nil
    }

    package mutating func count(_ eligibility: Eligibility, by step: Int) {
        let count = (conditions[eligibility] ?? 0) + step
        if count > 0, conditions[eligibility] != nil || conditions.count < Self.conditionLimit { conditions[eligibility] = count }
        if count <= 0 { conditions[eligibility] = nil }
    }
}

/// Ready workers of a node, those with a free slot, and their free slots.
package struct NodeRoom: Hashable, Sendable {
    package internal(set) var ready = 0
    package internal(set) var withRoom = 0
    package internal(set) var freeSlots = 0

    package static func += (a: inout NodeRoom, b: NodeRoom) {
        a.ready += b.ready
        a.withRoom += b.withRoom
        a.freeSlots += b.freeSlots
    }
}

/// Waiting actors that a free worker, or another one like those there are, doesn't help.
package struct BlockedSplit: Hashable, Sendable {
    package internal(set) var nodeLocality = 0
    package internal(set) var noEligiblePool = 0
    package internal(set) var quota = 0
    /// The node that most of those who wait for a node need a worker on.
    package internal(set) var node: String?
}
