// What is a sorted run of ids, and where do its rows lie?
//
// A run covers positions without a gap; all its entries lie in `dedupe_chunks`, one row a bucket, its filter in
// `dedupe_filters`. A run never changes: it is written, lives, is merged into a larger one, and is removed.

struct DedupeRun: Sendable {
    enum State: Int64 { case building = 0, live = 1, removing = 2 }

    var id: Int64
    var level: Int
    var firstSeq: Int64
    var lastSeq: Int64
    var offsetBits: Int
    var buckets: Int
    var filterBytes: Int

    static let filterPartBytes = 32 << 10
    /// Rows of run n are numbered n << 24 and up.
    private static let rowBits = 24

    var events: Int { Int(lastSeq - firstSeq + 1) }
    var filterParts: Int { (filterBytes + Self.filterPartBytes - 1) / Self.filterPartBytes }

    static func row(run: Int64, _ index: Int) -> Int64 { run << Int64(rowBits) | Int64(index) }
    func row(_ index: Int) -> Int64 { Self.row(run: id, index) }
}

/// A run that answers questions: with its filter in memory.
struct DedupeLiveRun: Sendable {
    var run: DedupeRun
    var filter: DedupeFilter
}

/// Entries as rows hold them: little-endian, in order.
enum DedupeChunk {
    static func bytes(_ entries: ArraySlice<UInt64>) -> [UInt8] { entries.withUnsafeBytes { Array($0) } }

    static func entries(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt64] {
        let raw = UnsafeRawBufferPointer(bytes)
        return (0..<(raw.count / 8)).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    }

    /// The offsets of entries that match `hash`, most often none.
    static func offsets(in bytes: UnsafeBufferPointer<UInt8>, hash: UInt64, offsetBits: Int) -> [Int] {
        let raw = UnsafeRawBufferPointer(bytes)
        let count = raw.count / 8
        func entry(_ k: Int) -> UInt64 { raw.loadUnaligned(fromByteOffset: k * 8, as: UInt64.self) }
        let lowest = DedupeEntry.make(hash: hash, offset: 0, offsetBits: offsetBits)
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if entry(middle) < lowest { low = middle + 1 } else { high = middle }
        }
        var offsets: [Int] = []
        while low < count, DedupeEntry.matches(entry(low), hash: hash, offsetBits: offsetBits) {
            offsets.append(DedupeEntry.offset(of: entry(low), offsetBits: offsetBits))
            low += 1
        }
        return offsets
    }
}
