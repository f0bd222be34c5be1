// Which of these small numbers is the lowest that is in the set?
//
// A set of ranks as bits, with two levels of summary above them: a bit of a summary says that the 64 bits below are not
// all zero. Inserting, removing and finding the lowest touch three words each, whatever the size (up to 262,144 ranks;
// beyond that the topmost words are gone through in order). One allocation, made with the first rank.

struct RankBitmap: Sendable {
    /// The bits themselves, then their summary, then the summary of that.
    private var words: [UInt64] = []
    private var middle = 0
    private var top = 0
    private(set) var count = 0

    init() {}

    var isEmpty: Bool { count == 0 }

    func contains(_ rank: Int) -> Bool { !words.isEmpty && words[rank >> 6] & (1 << UInt64(rank & 63)) != 0 }

    /// - Parameter capacity: above every rank that will ever be inserted; the first call settles it.
    mutating func insert(_ rank: Int, capacity: Int) {
        if words.isEmpty { allocate(capacity) }
        let leaf = rank >> 6
        let bit: UInt64 = 1 << UInt64(rank & 63)
        precondition(words[leaf] & bit == 0, "rank \(rank) is in the set already")
        words[leaf] |= bit
        words[middle + leaf >> 6] |= 1 << UInt64(leaf & 63)
        words[top + leaf >> 12] |= 1 << UInt64((leaf >> 6) & 63)
        count += 1
    }

    mutating func remove(_ rank: Int) {
        let leaf = rank >> 6
        let bit: UInt64 = 1 << UInt64(rank & 63)
        precondition(!words.isEmpty && words[leaf] & bit != 0, "rank \(rank) is not in the set")
        words[leaf] &= ~bit
        count -= 1
        guard words[leaf] == 0 else { return }
        words[middle + leaf >> 6] &= ~(1 << UInt64(leaf & 63))
        guard words[middle + leaf >> 6] == 0 else { return }
        words[top + leaf >> 12] &= ~(1 << UInt64((leaf >> 6) & 63))
    }

    /// The lowest rank; nil where there is none.
    var first: Int? {
        guard count > 0 else { return nil }
        var index = top
        while words[index] == 0 { index += 1 }
        let inMiddle = (index - top) << 6 | words[index].trailingZeroBitCount
        let leaf = inMiddle << 6 | words[middle + inMiddle].trailingZeroBitCount
        return leaf << 6 | words[leaf].trailingZeroBitCount
    }

    private mutating func allocate(_ capacity: Int) {
        let leaves = (capacity + 63) >> 6
        let middles = (leaves + 63) >> 6
        middle = leaves
        top = leaves + middles
        words = [UInt64](repeating: 0, count: top + (middles + 63) >> 6)
    }
}
