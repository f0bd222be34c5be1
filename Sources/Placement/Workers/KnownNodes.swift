import Basics
import Domain

// What is known of a node, whichever pools its workers belong to?
//
// How many workers are on it, and which templates' snapshots its cache has. A node of which neither is left is forgotten.

struct KnownNodes: Sendable {
    private struct Node: Sendable {
        var workers = 0
        /// Sorted.
        var goldens: [SnapshotID] = []

        var isKnown: Bool { workers != 0 || !goldens.isEmpty }
    }

    private var nodes = SlotMap<NameID, Node>()

    init() {}

    func workers(on node: NameID) -> Int { nodes[node]?.workers ?? 0 }

    func goldens(on node: NameID) -> [SnapshotID] { nodes[node]?.goldens ?? [] }

    /// Sorted.
    var withGoldens: [NameID] { nodes.keys.filter { !goldens(on: $0).isEmpty }.sorted() }

    mutating func addWorkers(_ step: Int, on name: NameID) {
        var node = nodes[name] ?? Node()
        node.workers += step
        nodes[name] = node.isKnown ? node : nil
    }

    /// Answers whether that is news. Beyond `limit` further ones count as not there.
    mutating func setGolden(_ snapshot: SnapshotID, on name: NameID, isCached: Bool, limit: Int) -> Bool {
        var node = nodes[name] ?? Node()
        let rank = node.goldens.firstIndex { $0 >= snapshot } ?? node.goldens.count
        let isKnown = rank < node.goldens.count && node.goldens[rank] == snapshot
        guard isKnown != isCached, !isCached || node.goldens.count < limit else { return false }
        if isCached { node.goldens.insert(snapshot, at: rank) } else { node.goldens.remove(at: rank) }
        nodes[name] = node.isKnown ? node : nil
        return true
    }

    /// Whether a worker, as far as it and its node are concerned, meets a condition.
    func accept(_ facts: WorkerFacts, _ eligibility: Eligibility) -> Bool {
        eligibility.accepts(facts, goldens: eligibility.golden == nil ? [] : goldens(on: facts.node))
    }
}
