public import Domain

// Which workers are there, and which of them are free, where?
//
// All workers of all pools, by pool, zone, node, condition, free slots and phase. A worker is named by its index in the
// caller's table; a slot counts as used as soon as it is promised. Facts come in one by one; every update is O(log n), but
// for the first use of a condition and the renumbering of a pool (`PoolWorkers`).
// It knows nothing of snapshots but which nodes hold which template's.

public struct WorkerIndex: Sendable {
    /// Templates' snapshots kept track of on one node; further ones count as not there.
    public static let goldensPerNodeLimit = 256

    private struct Address: Sendable {
        var pool: Int32 = -1
        var rank: Int32 = -1
    }

    private struct Node: Sendable {
        var workers = 0
        /// Templates' snapshots in its cache, sorted.
        var goldens: [SnapshotID] = []
    }

    /// By index of the worker.
    private var addresses: [Address] = []
    private(set) var pools: [PoolWorkers] = []
    private var nodes: [NameID: Node] = [:]
    public private(set) var count = 0

    public init() {}

    // MARK: - Facts

    /// Tells of a worker, or what is new about it. Best in order of `readySeq`: out of order costs O(workers of the pool).
    public mutating func set(_ worker: Int, _ facts: WorkerFacts, used: Int = 0) {
        if let known = self.facts(of: worker) {
            if known.pool == facts.pool, known.readySeq == facts.readySeq {
                let (pool, rank) = address(worker)
                if known != facts { change(worker, facts, from: known.node) }
                pools[pool].setUsed(rank, used)
                return
            }
            remove(worker)
        }
        while pools.count <= facts.pool { pools.append(PoolWorkers()) }
        if addresses.count <= worker {
            addresses.append(contentsOf: repeatElement(Address(), count: max(worker + 1 - addresses.count, addresses.count / 2)))
        }
        count += 1
        nodes[facts.node, default: Node()].workers += 1
        let nodes = nodes
        let isRenumbered = pools[facts.pool].join(worker, facts, used: used) { nodes[$0]?.goldens ?? [] }
        let seats = pools[facts.pool].seats.indices
        for rank in isRenumbered ? seats : seats.suffix(1) {
            addresses[Int(pools[facts.pool].seats[rank].worker)] = Address(pool: Int32(facts.pool), rank: Int32(rank))
        }
    }

    public mutating func remove(_ worker: Int) {
        guard let facts = facts(of: worker) else { return }
        let (pool, rank) = address(worker)
        pools[pool].leave(rank)
        addresses[worker] = Address()
        count -= 1
        leave(facts.node)
    }

    /// Says how many slots are taken or promised.
    @inline(__always)
    public mutating func setUsed(_ worker: Int, _ used: Int) {
        guard worker < addresses.count, addresses[worker].pool >= 0 else { return }
        pools[Int(addresses[worker].pool)].setUsed(Int(addresses[worker].rank), used)
    }

    public mutating func setPhase(_ worker: Int, _ phase: WorkerPhase) {
        guard var facts = facts(of: worker), facts.phase != phase else { return }
        facts.phase = phase
        change(worker, facts, from: facts.node)
    }

    /// Says whether a node's cache has a template's snapshot. O(workers on the node).
    public mutating func setGolden(_ snapshot: SnapshotID, on node: NameID, isCached: Bool) {
        var goldens = nodes[node]?.goldens ?? []
        let place = goldens.firstIndex { $0 >= snapshot } ?? goldens.count
        let isKnown = place < goldens.count && goldens[place] == snapshot
        guard isKnown != isCached, !isCached || goldens.count < Self.goldensPerNodeLimit else { return }
        if isCached { goldens.insert(snapshot, at: place) } else { goldens.remove(at: place) }
        nodes[node, default: Node()].goldens = goldens
        for pool in pools.indices { pools[pool].goldensChanged(on: node, snapshot, goldens: goldens) }
        leave(node, 0)
    }

    /// Keeps a condition of a pool's workers, so that picks by it are O(log n). O(workers of the pool) where it is new.
    public mutating func prepare(_ eligibility: Eligibility, in pool: Int) {
        while pools.count <= pool { pools.append(PoolWorkers()) }
        let nodes = nodes
        pools[pool].prepare(eligibility) { nodes[$0]?.goldens ?? [] }
    }

    // MARK: - Questions

    public func facts(of worker: Int) -> WorkerFacts? { seat(of: worker)?.facts }

    public func used(of worker: Int) -> Int { seat(of: worker).map { Int($0.used) } ?? 0 }

    /// Workers of any pool on a node, in whatever phase.
    public func workers(on node: NameID) -> Int { nodes[node]?.workers ?? 0 }

    public func tally(of pool: Int) -> WorkerTally { pools.indices.contains(pool) ? pools[pool].tally : WorkerTally() }

    /// Of the workers of a pool those that meet a condition. O(workers of the pool) where the condition isn't kept.
    public func tally(of pool: Int, meeting eligibility: Eligibility) -> WorkerTally { tally(of: pool, eligibility) }

    func goldens(on node: NameID) -> [SnapshotID] { nodes[node]?.goldens ?? [] }

    var nodesWithGoldens: [NameID] { nodes.filter { !$0.value.goldens.isEmpty }.keys.sorted() }

    var indices: [Int] { addresses.indices.filter { addresses[$0].pool >= 0 } }

    private func seat(of worker: Int) -> PoolWorkers.Seat? {
        guard worker >= 0, worker < addresses.count, addresses[worker].pool >= 0 else { return nil }
        return pools[Int(addresses[worker].pool)].seats[Int(addresses[worker].rank)]
    }

    private func address(_ worker: Int) -> (pool: Int, rank: Int) { (Int(addresses[worker].pool), Int(addresses[worker].rank)) }

    private mutating func change(_ worker: Int, _ facts: WorkerFacts, from node: NameID) {
        let (pool, rank) = address(worker)
        if node != facts.node { nodes[facts.node, default: Node()].workers += 1 }
        pools[pool].change(rank, facts, goldens: goldens(on: facts.node))
        if node != facts.node { leave(node) }
    }

    /// A node of which nothing is left to know is forgotten.
    private mutating func leave(_ node: NameID, _ step: Int = 1) {
        guard var known = nodes[node] else { return }
        known.workers -= step
        nodes[node] = known.workers == 0 && known.goldens.isEmpty ? nil : known
    }
}
