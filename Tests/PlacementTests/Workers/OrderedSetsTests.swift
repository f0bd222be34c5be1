import Basics
import Domain
import Testing

@testable import Placement

// The parts that hold order, beside the plainest thing that does the same.

@Suite struct OrderedSetsTests {
    @Test("a set of ranks has the members and the lowest that a plain set has", arguments: [64, 70, 4_096, 5_000, 300_000])
    func rankBitmap(capacity: Int) {
        var generator = SplitMix64(seed: UInt64(capacity))
        var bitmap = RankBitmap()
        var plain: Set<Int> = []
        for _ in 0..<1_000 {
            let rank = generator.chance(50) ? generator.below(capacity) : capacity - 1 - generator.below(min(capacity, 70))
            if plain.contains(rank) {
                plain.remove(rank)
                bitmap.remove(rank)
            } else {
                plain.insert(rank)
                bitmap.insert(rank, capacity: capacity)
            }
            #expect(bitmap.contains(rank) == plain.contains(rank))
            if generator.chance(10) { #expect(bitmap.first == plain.min() && bitmap.count == plain.count) }
        }
        for rank in plain { bitmap.remove(rank) }
        #expect(bitmap.first == nil && bitmap.isEmpty)
    }

    /// Of 12 ranks a heap is always searched; of 200 where each stands is kept most of the time, and has to be learned again.
    @Test("a node's first worker is the lowest by level and age, however many it has", arguments: [12, 200])
    func nodeWorkers(ranks: Int) {
        var generator = SplitMix64(seed: UInt64(ranks))
        var node = NodeWorkers(node: NameID(1))
        var places = [Int32](repeating: -1, count: ranks)
        var levels = [Int](repeating: PackLevel.none, count: ranks)
        for step in 0..<6_000 {
            let rank = generator.below(ranks)
            // Times of many free workers and of few take turns.
            let isFree = generator.chance(step / 1_000 % 2 == 0 ? 60 : 10)
            let level = isFree ? 1 + generator.below(PackLevel.idle) : PackLevel.none
            guard level != levels[rank] else { continue }
            node.move(rank, from: levels[rank], to: level, &places)
            levels[rank] = level
            let free = levels.indices.filter { levels[$0] != PackLevel.none }
            #expect(node.first == free.min { (levels[$0], $0) < (levels[$1], $1) } && node.heap.count == free.count)
        }
    }

    /// Of 400 keys half are there at a time, in a few leaves; of 20,000 all stay, and more and more leaves are split.
    @Test("a tree has the first, the ranks and the count that a sorted list has", arguments: [400, 20_000])
    func orderedTree(keys: Int) {
        var generator = SplitMix64(seed: 3)
        var tree = OrderedTree<Int>()
        var plain: [Int] = []
        for _ in 0..<1_500 {
            let key = generator.below(keys)
            if let place = plain.firstIndex(of: key) {
                plain.remove(at: place)
                let wasThere = tree.remove(key)
                #expect(wasThere)
            } else {
                plain.insert(key, at: plain.firstIndex { $0 > key } ?? plain.count)
                let wasThere = tree.remove(key)
                #expect(!wasThere)
                tree.insert(key)
            }
            let asked = generator.below(keys)
            #expect(tree.first == plain.first && tree.count == plain.count)
            #expect(tree.rank(of: asked) == plain.count { $0 < asked })
            #expect(tree.contains(asked) == plain.contains(asked))
            #expect(tree.first(notBefore: { $0 < asked }) == plain.first { $0 >= asked })
            #expect(tree.first(notBefore: { $0 <= asked }) == tree.first(after: asked))
            var lower: [Int] = []
            tree.visitLowest { key in
                if key < asked { lower.append(key) }
                return key < asked
            }
            #expect(lower == plain.filter { $0 < asked })
        }
    }

    @Test("a queue that grows at its end and goes at its front keeps its order, down to the last and again")
    func orderedTreeAsQueue() {
        var tree = OrderedTree<Int>()
        for round in 0..<2 {
            for key in 0..<2_000 { tree.insert(round * 2_000 + key) }
            // Every other one is withdrawn, so that leaves are joined.
            for key in stride(from: 1, to: 2_000, by: 2) { tree.remove(round * 2_000 + key) }
            for key in stride(from: 0, to: 2_000, by: 2) {
                #expect(tree.first == round * 2_000 + key && tree.rank(of: .max) == tree.count)
                tree.remove(round * 2_000 + key)
            }
            #expect(tree.isEmpty && tree.first == nil && tree.rank(of: 7) == 0)
        }
    }

    @Test("a table of slots holds what a dictionary holds, also after many deletions")
    func slotTable() {
        var generator = SplitMix64(seed: 4)
        var table = SlotTable<NameID>()
        var plain: [NameID: Int] = [:]
        for step in 0..<5_000 {
            let key = NameID(UInt32(generator.below(300)))
            if generator.chance(50) {
                table.set(key, step)
                plain[key] = step
            } else {
                table.remove(key)
                plain[key] = nil
            }
            let asked = NameID(UInt32(generator.below(300)))
            #expect(table[asked] == plain[asked])
        }
        var listed: [NameID: Int] = [:]
        table.forEach { listed[$0] = $1 }
        #expect(listed == plain && table.count == plain.count)
    }
}
