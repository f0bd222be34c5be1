// Can this run be passed over?
//
// A blocked Bloom filter: an id's six bits all lie in one block of 64 bytes, so a question costs one cache line. It never
// says no to an id that is there. Small runs get 16 bits an id (about 0.15 % false yes), the largest 12 (about 0.5 %):
// there are few of those, and they hold most of the memory.

import Domain

struct DedupeFilter: Sendable {
    private static let wordsPerBlock = 8
    /// Only these upper bits of a hash survive in the largest runs, so only they may decide.
    private static let unusedBits = UInt64(DedupeEntry.offsetBitsLimit)
    private static let largeRunEvents = 8 << 20

    private var words: [UInt64]
    private let blocks: UInt64

    init(events: Int) {
        words = [UInt64](repeating: 0, count: Self.bytes(forEvents: events) / 8)
        blocks = UInt64(words.count / Self.wordsPerBlock)
    }

    static func bytes(forEvents events: Int) -> Int {
        let bits = events * (events >= largeRunEvents ? 12 : 16)
        return max(1, (bits + 511) / 512) * wordsPerBlock * 8
    }

    /// A filter read back; nil where the bytes can't be one.
    init?(bytes: [UInt8]) {
        guard !bytes.isEmpty, bytes.count % (Self.wordsPerBlock * 8) == 0 else { return nil }
        blocks = UInt64(bytes.count / (Self.wordsPerBlock * 8))
        words = bytes.withUnsafeBytes { raw in
            (0..<(raw.count / 8)).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
        }
    }

    var bytes: Int { words.count * 8 }

    /// `bytes` from `start` on, as they are stored.
    func slice(from start: Int, upTo end: Int) -> [UInt8] {
        words[(start / 8)..<(end / 8)].withUnsafeBytes { Array($0) }
    }

    mutating func insert(_ hash: UInt64) {
        let base = base(hash)
        var bits = pattern(hash)
        for _ in 0..<6 {
            words[base + Int(bits & 7)] |= 1 << (bits >> 3 & 63)
            bits >>= 9
        }
    }

    /// False: no such id in the run.
    @inline(__always)
    func mayContain(_ hash: UInt64) -> Bool {
        let base = base(hash)
        let bits = pattern(hash)
        return words.withUnsafeBufferPointer { words in
            @inline(__always) func has(_ k: UInt64) -> UInt64 {
                words[base + Int(bits >> (9 * k) & 7)] >> (bits >> (9 * k + 3) & 63)
            }
            // Two at a time: most absent ids are gone after the first pair.
            guard has(0) & has(1) & 1 != 0 else { return false }
            guard has(2) & has(3) & 1 != 0 else { return false }
            return has(4) & has(5) & 1 != 0
        }
    }

    /// Blocks divide the hashes in order: building from sorted entries writes memory from front to back.
    @inline(__always)
    private func base(_ hash: UInt64) -> Int { Int(((hash >> 32) &* blocks) >> 32) * Self.wordsPerBlock }

    @inline(__always)
    private func pattern(_ hash: UInt64) -> UInt64 { ByteHash.mix(hash >> Self.unusedBits) }
}
