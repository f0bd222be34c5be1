import Domain

// Which worker of this node takes the next actor?
//
// The workers of one pool on one node. Those with a free slot stand in a binary heap by pack level, then rank; a key holds
// both, so that comparing reads no worker. A key is looked for in the heap; in a large one, where each rank stands is kept in
// `places`, the pool's. The lowest key and the counts lie in the node itself, 64 bytes: a pick looks at nothing else.

struct NodeWorkers: Sendable {
    /// Higher than every key.
    private static let noKey = UInt64.max
    /// Keys gone through in the time of a miss of the cache.
    private static let searchLimit = 32

    private var top = Self.noKey
    private var counts = NodeCounts()
    let node: NameID
    /// Ranks of its workers, in no order.
    private(set) var members: [Int32] = []
    private(set) var heap: [UInt64] = []

    init(node: NameID) { self.node = node }

    var tally: WorkerTally { counts.tally }

    /// The fullest of those with a free slot, of equals the oldest.
    var first: Int? { top == Self.noKey ? nil : Self.rank(top) }

    static func rank(_ key: UInt64) -> Int { Int(key & 0xFFFF_FFFF) }

    private static func key(level: Int, rank: Int) -> UInt64 { UInt64(level) << 32 | UInt64(rank) }

    mutating func count(_ change: WorkerTally) { counts.add(change) }

    // MARK: - Members

    /// Answers its place among the members.
    mutating func join(_ rank: Int) -> Int32 {
        members.append(Int32(rank))
        return Int32(members.count - 1)
    }

    /// Answers which member now stands at `place` in its stead, if any does.
    mutating func leave(_ place: Int32) -> Int? {
        members.swapAt(Int(place), members.count - 1)
        members.removeLast()
        return Int(place) < members.count ? Int(members[Int(place)]) : nil
    }

    // MARK: - The heap

    /// A worker has another pack level; `PackLevel.none` on either side stands for not in the heap.
    mutating func move(_ rank: Int, from: Int, to: Int, _ places: inout [Int32]) {
        if from == PackLevel.none {
            append(Self.key(level: to, rank: rank), &places)
        } else {
            let old = place(of: Self.key(level: from, rank: rank), places)
            if to == PackLevel.none { remove(at: old, &places) } else { replace(at: old, Self.key(level: to, rank: rank), &places) }
        }
        top = heap.first ?? Self.noKey
    }

    private func place(of key: UInt64, _ places: [Int32]) -> Int {
        if heap.count > Self.searchLimit { return Int(places[Self.rank(key)]) }
        for place in heap.indices where heap[place] == key { return place }
        preconditionFailure("rank \(Self.rank(key)) is not in its node's heap")
    }

    private mutating func append(_ key: UInt64, _ places: inout [Int32]) {
        heap.append(key)
        if heap.count == Self.searchLimit + 1 { for place in heap.indices { places[Self.rank(heap[place])] = Int32(place) } }
        rise(heap.count - 1, &places)
    }

    /// Writes a key, and where it stands if that is kept.
    private mutating func put(_ key: UInt64, at place: Int, _ places: inout [Int32]) {
        heap[place] = key
        if heap.count > Self.searchLimit { places[Self.rank(key)] = Int32(place) }
    }

    private mutating func remove(at place: Int, _ places: inout [Int32]) {
        let last = heap.removeLast()
        if place < heap.count { replace(at: place, last, &places) }
    }

    private mutating func replace(at place: Int, _ key: UInt64, _ places: inout [Int32]) {
        heap[place] = key
        if place > 0, heap[(place - 1) / 2] > key { rise(place, &places) } else { sink(place, &places) }
    }

    private mutating func rise(_ start: Int, _ places: inout [Int32]) {
        var place = start
        let key = heap[place]
        while place > 0, heap[(place - 1) / 2] > key {
            put(heap[(place - 1) / 2], at: place, &places)
            place = (place - 1) / 2
        }
        put(key, at: place, &places)
    }

    private mutating func sink(_ start: Int, _ places: inout [Int32]) {
        var place = start
        let key = heap[place]
        while true {
            var child = place * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < key else { break }
            put(heap[child], at: place, &places)
            place = child
        }
        put(key, at: place, &places)
    }
}

/// A tally in less room: there are as many as nodes.
private struct NodeCounts: Sendable {
    private var freeSlots = 0
    private var usedSlots = 0
    private var starting: Int32 = 0
    private var free: Int32 = 0
    private var partial: Int32 = 0
    private var full: Int32 = 0
    private var draining: Int32 = 0

    mutating func add(_ change: WorkerTally) {
        freeSlots += change.freeSlots
        usedSlots += change.usedSlots
        starting += Int32(truncatingIfNeeded: change.starting)
        free += Int32(truncatingIfNeeded: change.free)
        partial += Int32(truncatingIfNeeded: change.partial)
        full += Int32(truncatingIfNeeded: change.full)
        draining += Int32(truncatingIfNeeded: change.draining)
    }

    var tally: WorkerTally {
        var tally = WorkerTally()
        tally.freeSlots = freeSlots
        tally.usedSlots = usedSlots
        tally.starting = Int(starting)
        tally.free = Int(free)
        tally.partial = Int(partial)
        tally.full = Int(full)
        tally.draining = Int(draining)
        return tally
    }
}
