import Basics
import Domain
import Placement

// What does placing a pool's actors need to know of the pool?
//
// Where its actors may go besides, whom its queue holds up for which node or condition, and, from these, why they wait.
// `split` is told from folded state alone, never from the loop's promises, as decisions look at it.

struct PoolPlacing: Sendable {
    /// Conditions told apart among those who wait; actors with further ones count as waiting for any worker.
    static let conditionLimit = 64

    /// Waiting actors whose state lies on one node.
    struct OnNode: Hashable, Sendable {
        var waiting = 0
        /// Of these, those that can be restored from nowhere else.
        var withoutExternal = 0
    }

    /// Pools its actors may go to when it has no room, by the policy, and pools whose actors may come here.
    var spill: [Int] = []
    var spilledFrom: [Int] = []
    private(set) var pausedWaiting = SlotMap<NameID, OnNode>()
    /// Waiting actors that ask something of a worker, by what they ask.
    var conditions: [Eligibility: Int] = [:]
    var split = BlockedSplit()
    /// Whether nodes are told what to fetch, by the policy.
    var prefetches = false
    /// Requests that wait and for which a node was told, with the node.
    private(set) var suggested: [Position: NameID] = [:]
    private var suggestedByNode: [NameID: Int] = [:]
    /// What its own ready workers have free on each node, as folded. In no checkpoint: counted anew from the workers.
    private(set) var rooms = SlotMap<NameID, NodeRoom>()

    // The loop's own, in no checkpoint.

    /// Everyone who is set aside is to be looked at again.
    var hasNews = true
    /// Workers of this pool, or of one it spills to, where a slot came free since the queue was last gone through.
    private(set) var freed: [Int] = []
    private static let freedLimit = 256
    /// Nodes whose waiting actors are to be looked at again.
    private(set) var nodesWithNews: [NameID] = []
    /// Requests for which no node was looked for yet, in order; those beyond the limit stand far back, and none is.
    var unlooked: [Position] = []
    static let unlookedLimit = 1_024

    mutating func noteFreed(_ worker: Int) {
        guard !hasNews, freed.last != worker else { return }
        if freed.count < Self.freedLimit { freed.append(worker) } else { hasNews = true }
    }

    mutating func noteNews(on node: NameID) {
        guard !hasNews, !nodesWithNews.contains(node) else { return }
        if nodesWithNews.count < Self.freedLimit { nodesWithNews.append(node) } else { hasNews = true }
    }

    mutating func takeNews() {
        hasNews = false
        freed.removeAll(keepingCapacity: true)
        nodesWithNews.removeAll(keepingCapacity: true)
    }

    mutating func countPaused(_ node: NameID, hasExternal: Bool, by step: Int) {
        var count = pausedWaiting[node] ?? OnNode()
        count.waiting += step
        if !hasExternal { count.withoutExternal += step }
        pausedWaiting[node] = count.waiting > 0 ? count : nil
    }

    /// Waiting actors whose snapshots a node was told to fetch.
    func sentTo(_ node: NameID) -> Int { suggestedByNode[node] ?? 0 }

    mutating func noteSuggested(_ request: Position, on node: NameID) {
        forgetSuggested(request)
        suggested[request] = node
        suggestedByNode[node, default: 0] += 1
    }

    mutating func forgetSuggested(_ request: Position) {
        guard !suggested.isEmpty, let node = suggested.removeValue(forKey: request) else { return }
        let count = sentTo(node) - 1
        suggestedByNode[node] = count > 0 ? count : nil
    }

    /// Counts a ready worker (`step` 1), or takes it out (-1).
    mutating func countRoom(slots: Int, used: Int, on node: NameID, by step: Int) {
        guard !node.isNone else { return }
        var room = rooms[node] ?? NodeRoom()
        room.ready += step
        if used < slots { room.withRoom += step }
        room.freeSlots += max(0, slots - used) * step
        rooms[node] = room.ready > 0 ? room : nil
    }

    mutating func count(_ eligibility: Eligibility, by step: Int) {
        let count = (conditions[eligibility] ?? 0) + step
        if count > 0, conditions[eligibility] != nil || conditions.count < Self.conditionLimit { conditions[eligibility] = count }
        if count <= 0 { conditions[eligibility] = nil }
    }
}

/// Ready workers of a node, those with a free slot, and their free slots.
struct NodeRoom: Hashable, Sendable {
    var ready = 0
    var withRoom = 0
    var freeSlots = 0

    static func += (a: inout NodeRoom, b: NodeRoom) {
        a.ready += b.ready
        a.withRoom += b.withRoom
        a.freeSlots += b.freeSlots
    }
}

/// Waiting actors that a free worker, or another one like those there are, doesn't help.
struct BlockedSplit: Hashable, Sendable {
    var nodeLocality = 0
    var noEligiblePool = 0
    var quota = 0
    /// The node that most of those who wait for a node need a worker on.
    var node: String?
}
