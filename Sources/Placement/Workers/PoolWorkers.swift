import Basics
import Domain

// Who works in this pool, by age, by node, and by every condition that actors ask for?
//
// A worker sits at a rank: ranks rise with age, so that "the oldest that will do" is the lowest number in a set of bits.
// When ranks run out, or a worker comes out of order, all are handed out anew in order of age: after as many arrivals as
// there are workers, so it costs each arrival little. What is picked never depends on when that happens.
// Always: a seat counts in its node's workers and in each view whose bit it carries, by its present phase and slots.
//
// An object, so that looking at a pool copies nothing: a copy of these dozen arrays costs more than a pick. It is a part of
// the value of the index that holds it, which alone changes it, and only while no copy of the index shares it.

/// Not checked as `Sendable`: `WorkerIndex.change` is what guards it. It changes an object only while it holds the one
/// reference to it; whatever is shared, by threads or not, is only read. So no access needs a check of exclusivity while the
/// program runs either: these would cost more than a change of slots does.
final class PoolWorkers: @unchecked Sendable {
    /// Conditions kept at once. Beyond it the one not asked for longest is dropped, and costs a pass over the pool to come back.
    static let viewLimit = 64
    /// Zones told apart. Workers of further ones count as of one zone.
    static let zoneLimit = 64

    /// What picks and changes of slots look at, close together; the rest of a worker is in `facts`.
    struct Seat: Sendable {
        /// Bit n: counts in view n.
        var views: UInt64 = 0
        var readySeq: Position
        /// Index of the worker; -1 where nobody sits.
        var worker: Int32
        var used: Int32
        var slots: Int32
        var group: Int32 = 0
        var zone: UInt8 = 0
        var level = UInt8(PackLevel.none)
        var phase: WorkerPhase

        init(_ worker: Int, _ facts: WorkerFacts, used: Int) {
            self.worker = Int32(worker)
            self.used = Int32(used)
            readySeq = facts.readySeq
            slots = Int32(clamping: facts.slots)
            phase = facts.phase
        }

        var tally: WorkerTally { .of(phase, slots: Int(slots), used: Int(used)) }
        var packLevel: Int { PackLevel.of(phase, slots: Int(slots), used: Int(used)) }
    }

    /// By rank, as are the next three.
    @exclusivity(unchecked) private(set) var seats: [Seat] = []
    @exclusivity(unchecked) private(set) var facts: [WorkerFacts] = []
    @exclusivity(unchecked) private var memberPlaces: [Int32] = []
    @exclusivity(unchecked) private var heapPlaces: [Int32] = []
    @exclusivity(unchecked) private(set) var tally = WorkerTally()
    @exclusivity(unchecked) private(set) var zones: [NameID] = []
    /// Ready workers of each zone, and those of them in use.
    @exclusivity(unchecked) private(set) var readyByZone: [Int] = []
    @exclusivity(unchecked) private(set) var inUseByZone: [Int] = []
    /// The first holds everyone.
    @exclusivity(unchecked) private(set) var views = [EligibleWorkers(.anyone)]
    /// `mixed` of each view's condition, to find it by.
    @exclusivity(unchecked) private var viewKeys = [Eligibility.anyone.mixed]
    @exclusivity(unchecked) private(set) var groups: [NodeWorkers] = []
    @exclusivity(unchecked) private(set) var groupByNode = SlotTable<NameID>()
    @exclusivity(unchecked) private var vacantGroups: [Int32] = []
    @exclusivity(unchecked) private var capacity = 64
    @exclusivity(unchecked) private var live = 0
    @exclusivity(unchecked) private var asks: UInt64 = 0

    init() {}

    init(copying other: PoolWorkers) {
        seats = other.seats
        facts = other.facts
        memberPlaces = other.memberPlaces
        heapPlaces = other.heapPlaces
        tally = other.tally
        zones = other.zones
        readyByZone = other.readyByZone
        inUseByZone = other.inUseByZone
        views = other.views
        viewKeys = other.viewKeys
        groups = other.groups
        groupByNode = other.groupByNode
        vacantGroups = other.vacantGroups
        capacity = other.capacity
        live = other.live
        asks = other.asks
    }

    // MARK: - Coming and going

    /// Answers whether ranks were handed out anew; else the worker has the last one.
    func join(_ worker: Int, _ new: WorkerFacts, used: Int, _ nodes: KnownNodes) -> Bool {
        let isInOrder = seats.last.map { $0.readySeq < new.readySeq } ?? true
        seats.append(Seat(worker, new, used: used))
        facts.append(new)
        memberPlaces.append(-1)
        heapPlaces.append(-1)
        live += 1
        guard isInOrder, seats.count <= capacity else {
            rebuild(nodes)
            return true
        }
        attach(seats.count - 1, nodes)
        return false
    }

    func leave(_ rank: Int) {
        detach(rank)
        seats[rank].worker = -1
        facts[rank].labels = []
        live -= 1
    }

    /// The worker says something else of itself, or is in another phase. Its pool and age must be the same.
    func change(_ rank: Int, _ new: WorkerFacts, _ nodes: KnownNodes) {
        detach(rank)
        facts[rank] = new
        seats[rank] = Seat(Int(seats[rank].worker), new, used: Int(seats[rank].used))
        attach(rank, nodes)
    }

    /// A node's cache took or lost a template's snapshot.
    func goldensChanged(on node: NameID, _ snapshot: SnapshotID, _ nodes: KnownNodes) {
        guard let group = groupByNode[node], views.contains(where: { $0.eligibility.golden == snapshot }) else { return }
        let goldens = nodes.goldens(on: node)
        for member in groups[group].members {
            let rank = Int(member)
            let views = viewMask(facts[rank], goldens)
            let changed = views ^ seats[rank].views
            let level = Int(seats[rank].level)
            enter(rank, seats[rank].views & changed, .change(from: seats[rank].tally, to: WorkerTally()), from: level, to: PackLevel.none)
            enter(rank, views & changed, seats[rank].tally, from: PackLevel.none, to: level)
            seats[rank].views = views
        }
    }

    /// Answers whether more slots are free than before.
    func setUsed(_ rank: Int, _ used: Int) -> Bool {
        let old = seats[rank]
        guard old.used != Int32(used) else { return false }
        seats[rank].used = Int32(used)
        // Nobody counts the slots of one that isn't ready.
        guard old.phase == .ready else { return false }
        count(rank, .change(from: old.tally, to: seats[rank].tally), from: Int(old.level), to: seats[rank].packLevel)
        if (old.used > 0) != (used > 0) { inUseByZone[Int(old.zone)] += used > 0 ? 1 : -1 }
        return used < old.used && used < old.slots
    }

    // MARK: - Conditions

    /// The view of those who meet a condition; nil where it is not kept.
    func view(_ eligibility: Eligibility) -> Int? {
        if eligibility.isAnyone { return 0 }
        let key = eligibility.mixed
        for index in viewKeys.indices where viewKeys[index] == key && views[index].eligibility == eligibility { return index }
        return nil
    }

    /// Takes note that a condition was asked for. Answers whether it is kept.
    func query(_ eligibility: Eligibility) -> Bool {
        asks += 1
        guard let known = view(eligibility) else { return false }
        views[known].lastQueried = asks
        return true
    }

    /// Keeps a condition that isn't kept yet. O(workers).
    func keep(_ eligibility: Eligibility, _ nodes: KnownNodes) {
        let index = vacantView()
        views[index] = EligibleWorkers(eligibility)
        viewKeys[index] = eligibility.mixed
        views[index].lastQueried = asks
        let bit: UInt64 = 1 << UInt64(index)
        for rank in seats.indices where seats[rank].worker >= 0 {
            guard nodes.accept(facts[rank], eligibility) else { continue }
            seats[rank].views |= bit
            enter(rank, bit, seats[rank].tally, from: PackLevel.none, to: Int(seats[rank].level))
        }
    }

    private func vacantView() -> Int {
        if views.count < Self.viewLimit {
            views.append(EligibleWorkers(.anyone))
            viewKeys.append(0)
            return views.count - 1
        }
        var oldest = 1
        for index in 2..<views.count where views[index].lastQueried < views[oldest].lastQueried { oldest = index }
        let bit: UInt64 = 1 << UInt64(oldest)
        for rank in seats.indices { seats[rank].views &= ~bit }
        return oldest
    }

    private func viewMask(_ facts: WorkerFacts, _ goldens: [SnapshotID]) -> UInt64 {
        var mask: UInt64 = 1
        for index in views.indices.dropFirst() where views[index].eligibility.accepts(facts, goldens: goldens) {
            mask |= 1 << UInt64(index)
        }
        return mask
    }

    // MARK: - Keeping everything in step

    private func attach(_ rank: Int, _ nodes: KnownNodes) {
        let node = facts[rank].node
        seats[rank].zone = UInt8(zone(facts[rank].zone))
        let group = self.group(node)
        seats[rank].group = Int32(group)
        memberPlaces[rank] = groups[group].join(rank)
        seats[rank].views = viewMask(facts[rank], nodes.goldens(on: node))
        count(rank, seats[rank].tally, from: PackLevel.none, to: seats[rank].packLevel)
        countInZone(rank, 1)
    }

    private func detach(_ rank: Int) {
        count(rank, .change(from: seats[rank].tally, to: WorkerTally()), from: Int(seats[rank].level), to: PackLevel.none)
        countInZone(rank, -1)
        let group = Int(seats[rank].group)
        let place = memberPlaces[rank]
        if let moved = groups[group].leave(place) { memberPlaces[moved] = place }
        guard groups[group].members.isEmpty else { return }
        groupByNode.remove(groups[group].node)
        vacantGroups.append(Int32(group))
    }

    /// A seat counts otherwise, and has another pack level, in all that count it.
    private func count(_ rank: Int, _ change: WorkerTally, from: Int, to: Int) {
        tally.add(change)
        seats[rank].level = UInt8(to)
        enter(rank, seats[rank].views, change, from: from, to: to)
        let group = Int(seats[rank].group)
        groups[group].count(change)
        if from != to { groups[group].move(rank, from: from, to: to, &heapPlaces) }
    }

    /// The same for some views.
    private func enter(_ rank: Int, _ mask: UInt64, _ change: WorkerTally, from: Int, to: Int) {
        var mask = mask
        while mask != 0 {
            let view = mask.trailingZeroBitCount
            views[view].count(change)
            if from != to { views[view].move(rank, zone: Int(seats[rank].zone), from: from, to: to, capacity: capacity) }
            mask &= mask - 1
        }
    }

    private func countInZone(_ rank: Int, _ step: Int) {
        guard seats[rank].phase == .ready else { return }
        readyByZone[Int(seats[rank].zone)] += step
        if seats[rank].used > 0 { inUseByZone[Int(seats[rank].zone)] += step }
    }

    /// Hands out ranks anew by age, and makes everything anew from the seats.
    private func rebuild(_ nodes: KnownNodes) {
        let order = seats.indices.filter { seats[$0].worker >= 0 }
            .sorted { (seats[$0].readySeq, seats[$0].worker) < (seats[$1].readySeq, seats[$1].worker) }
        capacity = max(64, (live * 2 + 63) & ~63)
        tally = WorkerTally()
        zones = []
        readyByZone = []
        inUseByZone = []
        views = views.map { view in
            var empty = EligibleWorkers(view.eligibility)
            empty.lastQueried = view.lastQueried
            return empty
        }
        groups = []
        groupByNode = SlotTable()
        vacantGroups = []
        seats = order.map { seats[$0] }
        facts = order.map { facts[$0] }
        memberPlaces = [Int32](repeating: -1, count: order.count)
        heapPlaces = memberPlaces
        for rank in seats.indices { attach(rank, nodes) }
    }

    private func zone(_ name: NameID) -> Int {
        if let known = zones.firstIndex(of: name) { return known }
        if zones.count == Self.zoneLimit { return Self.zoneLimit - 1 }
        zones.append(name)
        readyByZone.append(0)
        inUseByZone.append(0)
        return zones.count - 1
    }

    private func group(_ node: NameID) -> Int {
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
