import Collections
import Domain

// Which worker takes the next actor?
//
// The workers of one pool that have a free slot: partly used ones first (so that others stay empty and can go), then by
// the order in which they came. Plain and strict: no locality yet; that belongs here, in place of this order.
// Entries are replaced, not moved: an old entry is recognised by its generation and dropped when it surfaces.

public struct FreeWorkers: Sendable {
    private struct Entry: Comparable, Sendable {
        var isPartial: Bool
        var worker: Int
        var generation: UInt32

        static func < (a: Entry, b: Entry) -> Bool {
            a.isPartial != b.isPartial ? a.isPartial : a.worker < b.worker
        }
    }

    private struct Slot: Sendable {
        var generation: UInt32 = 0
        var free: Int = 0
        var isPartial = false
    }

    private var slots: [Int: Slot] = [:]
    private var heap = Heap<Entry>()
    private var generations: UInt32 = 0
    /// Free slots of all workers together.
    public private(set) var freeSlots = 0

    public init() {}

    /// Workers with at least one free slot.
    public var count: Int { slots.count }

    /// Says what is free on a worker now; 0 takes it out.
    public mutating func set(_ worker: Int, free: Int, of total: Int) {
        let old = slots[worker]
        freeSlots += max(free, 0) - (old?.free ?? 0)
        guard free > 0 else {
            slots[worker] = nil
            dropDead()
            return
        }
        let isPartial = free < total
        if let old, old.isPartial == isPartial {
            // Its place in the order stays, and so does its entry.
            slots[worker]?.free = free
            return
        }
        generations &+= 1
        slots[worker] = Slot(generation: generations, free: free, isPartial: isPartial)
        heap.insert(Entry(isPartial: isPartial, worker: worker, generation: generations))
        dropDead()
    }

    /// The worker to use next; nil where every slot is taken.
    public var first: Int? { heap.min?.worker }

    /// The workers with free slots in order, for picks with conditions. O(n log n).
    public var inOrder: [Int] {
        slots.map { (worker: $0.key, slot: $0.value) }
            .sorted { $0.slot.isPartial != $1.slot.isPartial ? $0.slot.isPartial : $0.worker < $1.worker }
            .map(\.worker)
    }

    private func isLive(_ entry: Entry) -> Bool { slots[entry.worker]?.generation == entry.generation }

    private mutating func dropDead() {
        while let top = heap.min, !isLive(top) { heap.removeMin() }
        if heap.count > 64, heap.count > slots.count * 2 {
            heap = Heap(slots.map { Entry(isPartial: $0.value.isPartial, worker: $0.key, generation: $0.value.generation) })
        }
    }
}
