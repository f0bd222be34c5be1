package import Domain

// Which workers are there, and which of them are free, where?
//
// All workers of all pools, by pool, zone, node, condition, free slots and phase. A worker is named by its index in the
// caller's table; a slot counts as used as soon as it is reserved. Facts come in one by one; every update is O(log n), but
// for the first use of a condition and the renumbering of a pool (`PoolWorkers`).
// It knows nothing of snapshots but which nodes hold which template's.

package struct WorkerIndex: Sendable {
    /// Templates' snapshots kept track of on one node; further ones count as not there.
    package static let goldensPerNodeLimit = 256

    private struct Address: Sendable {
        var pool: Int32 = -1
        var rank: Int32 = -1
    }

    /// By index of the worker.
    private var addresses: [Address] = []
    /// Changed by `change` alone.
    private(set) var pools: [PoolWorkers] = []
    private(set) var nodes = KnownNodes()
    package private(set) var count = 0

    package init() {}

    // MARK: - Facts

    /// Tells of a worker, or what is new about it. Best in order of `readySeq`: out of order costs O(workers of the pool).
    package mutating func set(_ worker: Int, _ facts: WorkerFacts, used: Int = 0) {
        if let known = self.facts(of: worker) {
            if known.pool == facts.pool, known.readySeq == facts.readySeq {
                let (pool, rank) = address(worker)
                if known != facts { change(worker, facts, from: known.node) }
                change(pool) { _ = $0.setUsed(rank, used) }
                return
            }
            remove(worker)
        }
        while pools.count <= facts.pool { pools.append(PoolWorkers()) }
        if addresses.count <= worker {
            addresses.append(contentsOf: repeatElement(Address(), count: max(worker + 1 - addresses.count, addresses.count / 2)))
        }
        count += 1
        nodes.addWorkers(1, on: facts.node)
        let nodes = nodes
        let isRenumbered = change(facts.pool) { $0.join(worker, facts, used: used, nodes) }
        let seats = pools[facts.pool].seats.indices
        for rank in isRenumbered ? seats : seats.suffix(1) {
            addresses[Int(pools[facts.pool].seats[rank].worker)] = Address(pool: Int32(facts.pool), rank: Int32(rank))
        }
    }

    package mutating func remove(_ worker: Int) {
        guard let facts = facts(of: worker) else { return }
        let (pool, rank) = address(worker)
        change(pool) { $0.leave(rank) }
        addresses[worker] = Address()
        count -= 1
        nodes.addWorkers(-1, on: facts.node)
    }

    /// Says how many slots are taken or reserved. Answers whether more are free than before.
    @inline(__always)
    @discardableResult
    package mutating func setUsed(_ worker: Int, _ used: Int) -> Bool {
        guard isKnown(worker) else { return false }
        let (pool, rank) = address(worker)
        return change(pool) { $0.setUsed(rank, used) }
    }

    package mutating func setPhase(_ worker: Int, _ phase: WorkerPhase) {
        guard var facts = facts(of: worker), facts.phase != phase else { return }
        facts.phase = phase
        change(worker, facts, from: facts.node)
    }

    /// Says whether a node's cache has a template's snapshot. O(workers on the node).
    package mutating func setGolden(_ snapshot: SnapshotID, on node: NameID, isCached: Bool) {
        guard nodes.setGolden(snapshot, on: node, isCached: isCached, limit: Self.goldensPerNodeLimit) else { return }
        let nodes = nodes
        for pool in pools.indices { change(pool) { $0.goldensChanged(on: node, snapshot, nodes) } }
    }

    /// Keeps a condition of a pool's workers, so that picks by it are O(log n). O(workers of the pool) where it is new.
    package mutating func prepare(_ eligibility: Eligibility, in pool: Int) {
        while pools.count <= pool { pools.append(PoolWorkers()) }
        guard !change(pool, { $0.query(eligibility) }) else { return }
        let nodes = nodes
        change(pool) { $0.keep(eligibility, nodes) }
    }

    /// Keeps the conditions of an actor, and that of its template's snapshot, in the pools that it may use.
    mutating func prepare(_ actor: WaitingActor, golden: Eligibility?) {
        guard actor.eligibility != .anyone || golden != nil else { return }
        for pool in actor.pools {
            if actor.eligibility != .anyone { prepare(actor.eligibility, in: pool) }
            if let golden { prepare(golden, in: pool) }
        }
    }

    package mutating func note(_ changes: [GoldenChange]) {
        for change in changes { setGolden(change.snapshot, on: change.node, isCached: change.isCached) }
    }

    // MARK: - Questions

    package func facts(of worker: Int) -> WorkerFacts? { isKnown(worker) ? pools[address(worker).pool].facts[address(worker).rank] : nil }

    package func used(of worker: Int) -> Int { isKnown(worker) ? Int(pools[address(worker).pool].seats[address(worker).rank].used) : 0 }

    /// Workers of any pool on a node, in whatever phase.
    package func workers(on node: NameID) -> Int { nodes.workers(on: node) }

    package func tally(of pool: Int) -> WorkerTally { read(pool) { $0.tally } ?? WorkerTally() }

    /// Of the workers of a pool those that meet a condition. O(workers of the pool) where the condition isn't kept.
    package func tally(of pool: Int, meeting eligibility: Eligibility) -> WorkerTally { tally(of: pool, eligibility) }

    func goldens(on node: NameID) -> [SnapshotID] { nodes.goldens(on: node) }

    var nodesWithGoldens: [NameID] { nodes.withGoldens }

    var indices: [Int] { addresses.indices.filter { addresses[$0].pool >= 0 } }

    private func isKnown(_ worker: Int) -> Bool { addresses.indices.contains(worker) && addresses[worker].pool >= 0 }

    private func address(_ worker: Int) -> (pool: Int, rank: Int) { (Int(addresses[worker].pool), Int(addresses[worker].rank)) }

    private mutating func change(_ worker: Int, _ facts: WorkerFacts, from node: NameID) {
        let (pool, rank) = address(worker)
        if node != facts.node { nodes.addWorkers(1, on: facts.node) }
        let nodes = nodes
        change(pool) { $0.change(rank, facts, nodes) }
        if node != facts.node { self.nodes.addWorkers(-1, on: node) }
    }

    /// The one way to change a pool: first it is made this index's own, where a copy of the index has it as well. Nothing
    /// counts references meanwhile, as the index holds it: an atomic that follows writes waits until memory has them.
    @inline(__always)
    private mutating func change<Answer>(_ pool: Int, _ body: (PoolWorkers) -> Answer) -> Answer {
        if !isKnownUniquelyReferenced(&pools[pool]) { pools[pool] = PoolWorkers(copying: pools[pool]) }
        return Unmanaged.passUnretained(pools[pool])._withUnsafeGuaranteedRef(body)
    }
}
