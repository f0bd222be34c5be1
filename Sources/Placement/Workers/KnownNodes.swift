import Domain

// What is known of a node, whichever pools its workers belong to?
//
// How many workers are on it, and which templates' snapshots its cache has. A node of which neither is left is forgotten.

struct KnownNodes: Sendable {
    private struct Node: Sendable {
        var name: NameID
        var workers = 0
        /// Sorted.
        var goldens: [SnapshotID] = []
    }

    private var placeByName = SlotTable<NameID>()
    private var nodes: [Node] = []
    private var vacant: [Int32] = []

    init() {}

    func workers(on node: NameID) -> Int { placeByName[node].map { nodes[$0].workers } ?? 0 }

    func goldens(on node: NameID) -> [SnapshotID] { placeByName[node].map { nodes[$0].goldens } ?? [] }

    /// Sorted. What is vacant has none.
    var withGoldens: [NameID] { nodes.filter { !$0.goldens.isEmpty }.map(\.name).sorted() }

    mutating func addWorkers(_ step: Int, on node: NameID) {
        let place = place(of: node)
        nodes[place].workers += step
        forget(place)
    }

    /// Answers whether that is news. Beyond `limit` further ones count as not there.
    mutating func setGolden(_ snapshot: SnapshotID, on node: NameID, isCached: Bool, limit: Int) -> Bool {
        let goldens = goldens(on: node)
        let rank = goldens.firstIndex { $0 >= snapshot } ?? goldens.count
        let isKnown = rank < goldens.count && goldens[rank] == snapshot
        guard isKnown != isCached, !isCached || goldens.count < limit else { return false }
        let place = place(of: node)
        if isCached { nodes[place].goldens.insert(snapshot, at: rank) } else { nodes[place].goldens.remove(at: rank) }
        forget(place)
        return true
    }

    /// Whether a worker, as far as it and its node are concerned, meets a condition.
    func accept(_ facts: WorkerFacts, _ eligibility: Eligibility) -> Bool {
        eligibility.accepts(facts, goldens: eligibility.golden == nil ? [] : goldens(on: facts.node))
    }

    private mutating func place(of node: NameID) -> Int {
        if let known = placeByName[node] { return known }
        let place: Int
        if let free = vacant.popLast() {
            place = Int(free)
            nodes[place] = Node(name: node)
        } else {
            place = nodes.count
            nodes.append(Node(name: node))
        }
        placeByName.set(node, place)
        return place
    }

    private mutating func forget(_ place: Int) {
        guard nodes[place].workers == 0, nodes[place].goldens.isEmpty else { return }
        placeByName.remove(nodes[place].name)
        vacant.append(Int32(place))
    }
}
