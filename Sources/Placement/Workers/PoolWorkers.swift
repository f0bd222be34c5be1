import Domain

// Who works in this pool, by age, by node, and by every condition that actors ask for?
//
// A worker sits at a rank: ranks rise with age, so that "the oldest that will do" is the lowest number in a set of bits.
// When ranks run out, or a worker comes out of order, all are handed out anew in order of age: after as many arrivals as
// there are workers, so it costs each arrival little. What is picked never depends on when that happens.
// Always: a seat counts in its node's workers and in each view whose bit it carries, by its present phase and slots.

struct PoolWorkers: Sendable {
    /// Conditions kept at once. Beyond it the one not asked for longest is dropped, and costs a pass over the pool to come back.
    static let viewLimit = 64
    /// Zones told apart. Workers of further ones count as of one zone.
    static let zoneLimit = 64

    struct Seat: Sendable {
        /// Index of the worker; -1 where nobody sits.
        var worker: Int32 = -1
        var zone: Int32 = 0
        var used: Int32 = 0
        var group: Int32 = 0
        var memberPlace: Int32 = 0
        var level = PackLevel.none
        /// Bit n: counts in view n.
        var views: UInt64 = 0
        var facts: WorkerFacts
    }

    /// By rank.
    private(set) var seats: [Seat] = []
    private(set) var tally = WorkerTally()
    private(set) var zones: [NameID] = []
    /// Ready workers of each zone, and those of them in use.
    private(set) var readyByZone: [Int] = []
    private(set) var inUseByZone: [Int] = []
    /// The first holds everyone.
    private(set) var views = [EligibleWorkers(.anyone)]
    private(set) var groups: [NodeWorkers] = []
    private(set) var groupByNode = SlotTable<NameID>()
    private var vacantGroups: [Int32] = []
    private var heapPlaces: [Int32] = []
    private var capacity = 64
    private var live = 0
    private var asks: UInt64 = 0

    init() {}

    // MARK: - Coming and going

    /// Answers whether ranks were handed out anew; else the worker has the last one.
    mutating func join(_ worker: Int, _ facts: WorkerFacts, used: Int, goldens: (NameID) -> [SnapshotID]) -> Bool {
        let isInOrder = seats.last.map { $0.facts.readySeq < facts.readySeq } ?? true
        seats.append(Seat(worker: Int32(worker), used: Int32(used), facts: facts))
        heapPlaces.append(-1)
        live += 1
        guard isInOrder, seats.count <= capacity else {
            rebuild(goldens)
            return true
        }
        attach(seats.count - 1, goldens(facts.node))
        return false
    }

    mutating func leave(_ rank: Int) {
        detach(rank)
        seats[rank].worker = -1
        seats[rank].facts.labels = []
        live -= 1
    }

    /// The worker says something else of itself, or is in another phase. Its pool and age must be the same.
    mutating func change(_ rank: Int, _ facts: WorkerFacts, goldens: [SnapshotID]) {
        detach(rank)
        seats[rank].facts = facts
        attach(rank, goldens)
    }

    /// A node's cache took or lost a template's snapshot.
    mutating func goldensChanged(on node: NameID, _ snapshot: SnapshotID, goldens: [SnapshotID]) {
        guard let group = groupByNode[node], views.contains(where: { $0.eligibility.golden == snapshot }) else { return }
        for rank in groups[group].members {
            enter(Int(rank), -1)
            seats[Int(rank)].views = viewMask(seats[Int(rank)].facts, goldens)
            enter(Int(rank), 1)
        }
    }

    mutating func setUsed(_ rank: Int, _ used: Int) {
        guard seats[rank].used != Int32(used) else { return }
        enter(rank, -1)
        seats[rank].used = Int32(used)
        enter(rank, 1)
    }

    // MARK: - Conditions

    /// The view of those who meet a condition; nil where it is not kept.
    func view(_ eligibility: Eligibility) -> Int? {
        if eligibility == .anyone { return 0 }
        return views.firstIndex { $0.eligibility == eligibility }
    }

    /// Keeps a condition from now on. O(workers) where it is new, else O(1).
    mutating func prepare(_ eligibility: Eligibility, goldens: (NameID) -> [SnapshotID]) {
        asks += 1
        if let known = view(eligibility) {
            views[known].lastAsked = asks
            return
        }
        let index = vacantView()
        views[index] = EligibleWorkers(eligibility)
        views[index].lastAsked = asks
        let bit: UInt64 = 1 << UInt64(index)
        for rank in seats.indices where seats[rank].worker >= 0 {
            guard eligibility.accepts(seats[rank].facts, goldens: goldens(seats[rank].facts.node)) else { continue }
            seats[rank].views |= bit
            enter(rank, 1, view: index)
        }
    }

    private mutating func vacantView() -> Int {
        if views.count < Self.viewLimit {
            views.append(EligibleWorkers(.anyone))
            return views.count - 1
        }
        var oldest = 1
        for index in 2..<views.count where views[index].lastAsked < views[oldest].lastAsked { oldest = index }
        let bit: UInt64 = 1 << UInt64(oldest)
        for rank in seats.indices { seats[rank].views &= ~bit }
        return oldest
    }

    private func viewMask(_ facts: WorkerFacts, _ goldens: [SnapshotID]) -> UInt64 {
        var mask: UInt64 = 1
        for index in views.indices.dropFirst() where views[index].eligibility.accepts(facts, goldens: goldens) { mask |= 1 << UInt64(index) }
        return mask
    }

    // MARK: - Keeping everything in step

    private mutating func attach(_ rank: Int, _ goldens: [SnapshotID]) {
        seats[rank].zone = Int32(zone(seats[rank].facts.zone))
        let group = self.group(seats[rank].facts.node)
        seats[rank].group = Int32(group)
        seats[rank].memberPlace = groups[group].join(rank)
        seats[rank].views = viewMask(seats[rank].facts, goldens)
        enter(rank, 1)
    }

    private mutating func detach(_ rank: Int) {
        enter(rank, -1)
        let group = seats[rank].group
        let place = seats[rank].memberPlace
        if let moved = groups[Int(group)].leave(place) { seats[moved].memberPlace = place }
        guard groups[Int(group)].members.isEmpty else { return }
        groupByNode.remove(groups[Int(group)].node)
        vacantGroups.append(group)
    }

    /// Adds a seat to all that counts it (`step` 1), or takes it out (-1).
    private mutating func enter(_ rank: Int, _ step: Int) {
        let (phase, slots, used) = (seats[rank].facts.phase, seats[rank].facts.slots, Int(seats[rank].used))
        let level = step > 0 ? PackLevel.of(phase, slots: slots, used: used) : seats[rank].level
        seats[rank].level = level
        tally.count(phase, slots: slots, used: used, by: step)
        if phase == .ready {
            let zone = Int(seats[rank].zone)
            readyByZone[zone] += step
            if used > 0 { inUseByZone[zone] += step }
        }
        var mask = seats[rank].views
        while mask != 0 {
            enter(rank, step, view: mask.trailingZeroBitCount)
            mask &= mask - 1
        }
        let group = Int(seats[rank].group)
        groups[group].count(phase, slots: slots, used: used, by: step)
        guard level != PackLevel.none else { return }
        if step > 0 {
            groups[group].insert(NodeWorkers.key(level: level, rank: rank), &heapPlaces)
        } else {
            groups[group].remove(at: Int(heapPlaces[rank]), &heapPlaces)
        }
    }

    private mutating func enter(_ rank: Int, _ step: Int, view: Int) {
        let zone = Int(seats[rank].zone)
        let level = seats[rank].level
        views[view].count(seats[rank].facts.phase, slots: seats[rank].facts.slots, used: Int(seats[rank].used), by: step)
        guard level != PackLevel.none else { return }
        if step > 0 {
            views[view].insert(rank, zone: zone, level: level, capacity: capacity)
        } else {
            views[view].remove(rank, zone: zone, level: level)
        }
    }

    /// Hands out ranks anew by age, and makes everything anew from the seats.
    private mutating func rebuild(_ goldens: (NameID) -> [SnapshotID]) {
        let old = seats.filter { $0.worker >= 0 }.sorted { ($0.facts.readySeq, $0.worker) < ($1.facts.readySeq, $1.worker) }
        capacity = max(64, (live * 2 + 63) & ~63)
        tally = WorkerTally()
        zones = []
        readyByZone = []
        inUseByZone = []
        views = views.map { view in
            var empty = EligibleWorkers(view.eligibility)
            empty.lastAsked = view.lastAsked
            return empty
        }
        groups = []
        groupByNode = SlotTable()
        vacantGroups = []
        heapPlaces = [Int32](repeating: -1, count: old.count)
        heapPlaces.reserveCapacity(capacity)
        seats = old
        seats.reserveCapacity(capacity)
        for rank in seats.indices { attach(rank, goldens(seats[rank].facts.node)) }
    }

    private mutating func zone(_ name: NameID) -> Int {
        if let known = zones.firstIndex(of: name) { return known }
        if zones.count == Self.zoneLimit { return Self.zoneLimit - 1 }
        zones.append(name)
        readyByZone.append(0)
        inUseByZone.append(0)
        return zones.count - 1
    }

    private mutating func group(_ node: NameID) -> Int {
        if let known = groupByNode[node] { return known }
        let index: Int
        if let vacant = vacantGroups.popLast() {
            index = Int(vacant)
            groups[index] = NodeWorkers(node: node)
        } else {
            index = groups.count
            groups.append(NodeWorkers(node: node))
        }
        groupByNode.set(node, index)
        return index
    }
}
