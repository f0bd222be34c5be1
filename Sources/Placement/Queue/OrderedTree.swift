// Which key is the lowest, and how many are lower than this one?
//
// A tree of two levels: leaves of up to `most` keys in rising order, and the list of leaves. Keys come mostly at the end, as the
// last to ask waits behind the others, and go mostly at the front. So a leaf is found at once, and only a few neighbours in memory
// move. Coming and going are O(log n) and the move of part of a leaf; a rank counts leaves, 1/64 of the keys and fewer.
//
// Always: no leaf but an only one is empty, keys rise within leaves and from leaf to leaf, and none is there twice.

package struct OrderedTree<Key: Comparable & Sendable>: Sendable {
    /// Keys of one leaf: 2 KB of the larger keys, which is moved in the time of one or two misses of the cache.
    private static var most: Int { 128 }

    private var leaves: [ContiguousArray<Key>] = []
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    package var first: Key? { leaves.first?.first }

    /// The lowest key above `key`, which need not be there.
    package func first(after key: Key) -> Key? {
        guard !leaves.isEmpty else { return nil }
        let leaf = leaf(for: key)
        var place = Self.place(of: key, in: leaves[leaf])
        if place < leaves[leaf].count, !(key < leaves[leaf][place]) { place += 1 }
        if place < leaves[leaf].count { return leaves[leaf][place] }
        return leaf + 1 < leaves.count ? leaves[leaf + 1].first : nil
    }

    /// The lowest key of which `isBefore` isn't true. It must be true of the lower keys and false of the others.
    package func first(notBefore isBefore: (Key) -> Bool) -> Key? {
        var low = 0
        var high = leaves.count
        // The first leaf whose last key isn't before.
        while low < high {
            let middle = (low + high) / 2
            if leaves[middle].last.map(isBefore) ?? true { low = middle + 1 } else { high = middle }
        }
        guard low < leaves.count else { return nil }
        let leaf = leaves[low]
        var (start, end) = (0, leaf.count)
        while start < end {
            let middle = (start + end) / 2
            if isBefore(leaf[middle]) { start = middle + 1 } else { end = middle }
        }
        return start < leaf.count ? leaf[start] : nil
    }

    package func contains(_ key: Key) -> Bool {
        guard !leaves.isEmpty else { return false }
        let leaf = leaves[leaf(for: key)]
        let place = Self.place(of: key, in: leaf)
        return place < leaf.count && !(key < leaf[place])
    }

    /// The lowest keys, rising, until `body` answers false.
    package func visitLowest(while body: (Key) -> Bool) {
        for leaf in leaves {
            for key in leaf { guard body(key) else { return } }
        }
    }

    /// Rising.
    package func forEach(_ body: (Key) -> Void) {
        for leaf in leaves {
            for key in leaf { body(key) }
        }
    }

    /// Keys lower than `key`.
    package func rank(of key: Key) -> Int {
        guard !leaves.isEmpty else { return 0 }
        let leaf = leaf(for: key)
        return leaves[..<leaf].reduce(0) { $0 + $1.count } + Self.place(of: key, in: leaves[leaf])
    }

    /// `key` must not be there already.
    package mutating func insert(_ key: Key) {
        count += 1
        guard !leaves.isEmpty else {
            leaves.append([key])
            return
        }
        let leaf = leaf(for: key)
        let place = Self.place(of: key, in: leaves[leaf])
        assert(place == leaves[leaf].count || key < leaves[leaf][place], "a key is there already")
        let isFull = leaves[leaf].count == Self.most
        // Beyond all the others: a leaf of its own leaves the full one as full as it is.
        if isFull, place == Self.most, leaf == leaves.count - 1 { return leaves.append([key]) }
        leaves[leaf].insert(key, at: place)
        if isFull { halve(leaf) }
    }

    /// Answers whether it was there.
    @discardableResult
    package mutating func remove(_ key: Key) -> Bool {
        guard !leaves.isEmpty else { return false }
        let leaf = leaf(for: key)
        let place = Self.place(of: key, in: leaves[leaf])
        guard place < leaves[leaf].count, !(key < leaves[leaf][place]) else { return false }
        leaves[leaf].remove(at: place)
        count -= 1
        // The only leaf stays for the next key: a queue is empty ever so often.
        if leaves[leaf].isEmpty, leaves.count > 1 { leaves.remove(at: leaf) } else { joinNext(leaf) }
        return true
    }

    /// So many keys, or leaves, one change moves at most: tests count steps, and measure no time.
    package var longestMove: Int { max(leaves.map(\.count).max() ?? 0, leaves.count) }

    // MARK: - Leaves

    /// The last leaf that begins at `key` or lower; the first where none does.
    private func leaf(for key: Key) -> Int {
        var low = 0
        var high = leaves.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if key < leaves[middle][0] { high = middle - 1 } else { low = middle }
        }
        return low
    }

    /// How many of a leaf's keys are lower.
    private static func place(of key: Key, in leaf: ContiguousArray<Key>) -> Int {
        var low = 0
        var high = leaf.count
        // Most keys are the last or the first.
        if let last = leaf.last, last < key { return high }
        while low < high {
            let middle = (low + high) / 2
            if leaf[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func halve(_ leaf: Int) {
        let half = leaves[leaf].count / 2
        let upper = ContiguousArray(leaves[leaf][half...])
        leaves[leaf].removeSubrange(half...)
        leaves.insert(upper, at: leaf + 1)
    }

    /// Leaves that have become small are joined, or rare old keys would keep a leaf each.
    private mutating func joinNext(_ leaf: Int) {
        guard leaf + 1 < leaves.count, leaves[leaf].count + leaves[leaf + 1].count <= Self.most / 2 else { return }
        leaves[leaf].append(contentsOf: leaves[leaf + 1])
        leaves.remove(at: leaf + 1)
    }
}
