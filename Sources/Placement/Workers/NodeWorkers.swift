import Domain

// Which worker of this node takes the next actor?
//
// The workers of one pool on one node. Those with a free slot stand in a binary heap by pack level, then rank; a key holds
// both, so that comparing reads no worker. Where each rank stands in its node's heap is kept in `places`, the pool's.

struct NodeWorkers: Sendable {
    let node: NameID
    private(set) var tally = WorkerTally()
    /// Ranks of its workers, in no order.
    private(set) var members: [Int32] = []
    private(set) var heap: [UInt64] = []

    init(node: NameID) { self.node = node }

    static func key(level: Int, rank: Int) -> UInt64 { UInt64(level) << 32 | UInt64(rank) }
    static func rank(_ key: UInt64) -> Int { Int(key & 0xFFFF_FFFF) }

    mutating func count(_ phase: WorkerPhase, slots: Int, used: Int, by step: Int) { tally.count(phase, slots: slots, used: used, by: step) }

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

    mutating func insert(_ key: UInt64, _ places: inout [Int32]) {
        heap.append(key)
        rise(heap.count - 1, &places)
    }

    mutating func remove(at place: Int, _ places: inout [Int32]) {
        let last = heap.removeLast()
        guard place < heap.count else { return }
        heap[place] = last
        if place > 0, heap[(place - 1) / 2] > last { rise(place, &places) } else { sink(place, &places) }
    }

    private mutating func rise(_ start: Int, _ places: inout [Int32]) {
        var place = start
        let key = heap[place]
        while place > 0, heap[(place - 1) / 2] > key {
            heap[place] = heap[(place - 1) / 2]
            places[Self.rank(heap[place])] = Int32(place)
            place = (place - 1) / 2
        }
        heap[place] = key
        places[Self.rank(key)] = Int32(place)
    }

    private mutating func sink(_ start: Int, _ places: inout [Int32]) {
        var place = start
        let key = heap[place]
        while true {
            var child = place * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < key else { break }
            heap[place] = heap[child]
            places[Self.rank(heap[place])] = Int32(place)
            place = child
        }
        heap[place] = key
        places[Self.rank(key)] = Int32(place)
    }
}
