import Domain

// Which key is the lowest, and how many are lower than this one?
//
// A balanced search tree with counts: a treap, whose balance comes from a mixed counter in place of chance, so that it is
// the same in every run. Nodes lie in arrays; vacated ones are used again. Every operation is O(log n), expected.

struct OrderedTree<Key: Comparable & Sendable>: Sendable {
    private struct Node: Sendable {
        var key: Key
        var left: Int32 = -1
        var right: Int32 = -1
        var size: Int32 = 1
        var weight: UInt64
    }

    private var nodes: [Node] = []
    private var vacant: [Int32] = []
    private var root: Int32 = -1
    private var inserted: UInt64 = 0

    init() {}

    var count: Int { size(root) }
    var isEmpty: Bool { root < 0 }

    var first: Key? {
        guard root >= 0 else { return nil }
        var place = root
        while nodes[Int(place)].left >= 0 { place = nodes[Int(place)].left }
        return nodes[Int(place)].key
    }

    /// Keys lower than `key`.
    func rank(of key: Key) -> Int {
        var place = root
        var lower = 0
        while place >= 0 {
            if nodes[Int(place)].key < key {
                lower += size(nodes[Int(place)].left) + 1
                place = nodes[Int(place)].right
            } else {
                place = nodes[Int(place)].left
            }
        }
        return lower
    }

    /// `key` must not be there already.
    mutating func insert(_ key: Key) {
        inserted &+= 1
        let node = Node(key: key, weight: ByteHash.mix(inserted &* 0x9E37_79B9_7F4A_7C15))
        let place: Int32
        if let old = vacant.popLast() {
            nodes[Int(old)] = node
            place = old
        } else {
            nodes.append(node)
            place = Int32(nodes.count - 1)
        }
        root = insert(place, under: root)
    }

    /// Answers whether it was there.
    @discardableResult
    mutating func remove(_ key: Key) -> Bool {
        let before = size(root)
        root = remove(key, under: root)
        return size(root) < before
    }

    // MARK: - The tree

    private func size(_ place: Int32) -> Int { place < 0 ? 0 : Int(nodes[Int(place)].size) }

    private mutating func measure(_ place: Int32) {
        nodes[Int(place)].size = Int32(size(nodes[Int(place)].left) + size(nodes[Int(place)].right) + 1)
    }

    private mutating func insert(_ new: Int32, under place: Int32) -> Int32 {
        guard place >= 0 else { return new }
        if nodes[Int(new)].weight > nodes[Int(place)].weight {
            (nodes[Int(new)].left, nodes[Int(new)].right) = split(place, at: nodes[Int(new)].key)
            measure(new)
            return new
        }
        if nodes[Int(new)].key < nodes[Int(place)].key {
            nodes[Int(place)].left = insert(new, under: nodes[Int(place)].left)
        } else {
            nodes[Int(place)].right = insert(new, under: nodes[Int(place)].right)
        }
        measure(place)
        return place
    }

    /// What is lower than `key`, and the rest.
    private mutating func split(_ place: Int32, at key: Key) -> (Int32, Int32) {
        guard place >= 0 else { return (-1, -1) }
        if nodes[Int(place)].key < key {
            let (low, high) = split(nodes[Int(place)].right, at: key)
            nodes[Int(place)].right = low
            measure(place)
            return (place, high)
        }
        let (low, high) = split(nodes[Int(place)].left, at: key)
        nodes[Int(place)].left = high
        measure(place)
        return (low, place)
    }

    private mutating func remove(_ key: Key, under place: Int32) -> Int32 {
        guard place >= 0 else { return -1 }
        if key < nodes[Int(place)].key {
            nodes[Int(place)].left = remove(key, under: nodes[Int(place)].left)
        } else if nodes[Int(place)].key < key {
            nodes[Int(place)].right = remove(key, under: nodes[Int(place)].right)
        } else {
            vacant.append(place)
            return join(nodes[Int(place)].left, nodes[Int(place)].right)
        }
        measure(place)
        return place
    }

    private mutating func join(_ low: Int32, _ high: Int32) -> Int32 {
        guard low >= 0 else { return high }
        guard high >= 0 else { return low }
        if nodes[Int(low)].weight > nodes[Int(high)].weight {
            nodes[Int(low)].right = join(nodes[Int(low)].right, high)
            measure(low)
            return low
        }
        nodes[Int(high)].left = join(low, nodes[Int(high)].left)
        measure(high)
        return high
    }
}
