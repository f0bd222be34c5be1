// How do 64 bits say "this id is at that position"?
//
// A run covers positions without a gap, so a position is a small offset from the run's first. An entry is the upper bits of
// the id's hash followed by that offset: entries sort by hash, merge by sorting, and cost 8 bytes. Runs stay below 2^27
// events, so at least 37 bits of hash are left; a false match costs one look at the event's row, never a wrong answer.

enum DedupeEntry {
    static let offsetBitsLimit = 27
    /// Events of the largest run.
    static let runEventsLimit = 1 << offsetBitsLimit
    /// Marks an empty slot. No entry looks like it, for no hash is above `highestHash`.
    static let empty = UInt64.max
    static let highestHash = UInt64.max - (1 << UInt64(offsetBitsLimit))

    /// The bits that offsets below `events` need.
    static func offsetBits(forEvents events: Int) -> Int {
        precondition(events >= 1 && events <= runEventsLimit, "a dedupe run of \(events) events")
        return max(1, Int.bitWidth - (events - 1).leadingZeroBitCount)
    }

    @inline(__always)
    static func make(hash: UInt64, offset: Int, offsetBits: Int) -> UInt64 {
        let shift = UInt64(offsetBits)
        return (hash >> shift) << shift | UInt64(offset)
    }

    @inline(__always)
    static func offset(of entry: UInt64, offsetBits: Int) -> Int { Int(entry & (1 << UInt64(offsetBits) - 1)) }

    /// Whether both are entries of ids that may be the same.
    @inline(__always)
    static func matches(_ entry: UInt64, hash: UInt64, offsetBits: Int) -> Bool { (entry ^ hash) >> UInt64(offsetBits) == 0 }

    /// The entry of a run that becomes part of a larger one: its offset counts from further back, its hash loses bits.
    @inline(__always)
    static func moved(_ entry: UInt64, from offsetBits: Int, to newOffsetBits: Int, offsetBy shift: Int) -> UInt64 {
        make(hash: entry, offset: offset(of: entry, offsetBits: offsetBits) + shift, offsetBits: newOffsetBits)
    }

    // MARK: - Buckets

    /// A run is stored in buckets of about this many entries: one database page each.
    static let entriesPerBucket = 452

    static func buckets(forEvents events: Int) -> Int { max(1, (events + entriesPerBucket - 1) / entriesPerBucket) }

    /// Buckets divide the hashes evenly and in order, so a hash leads to its bucket without any index.
    @inline(__always)
    static func bucket(ofHash hash: UInt64, buckets: Int) -> Int { Int(((hash >> 32) &* UInt64(buckets)) >> 32) }

    /// The lowest hash of a bucket; nil past the last one.
    static func lowestHash(ofBucket bucket: Int, buckets: Int) -> UInt64? {
        guard bucket < buckets else { return nil }
        return (((UInt64(bucket) << 32) + UInt64(buckets) - 1) / UInt64(buckets)) << 32
    }
}
