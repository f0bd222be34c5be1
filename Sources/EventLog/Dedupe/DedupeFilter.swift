// Can this run be passed over?
//
// A blocked Bloom filter: an id's six bits all lie in one block of 64 bytes, so a question costs one cache line. It never
// says no to an id that is there. Small runs get 16 bits an id (about 0.15 % false yes), the largest 12 (about 0.5 %):
// there are few of those, and they hold most of the memory. Whoever builds it is alone with it; after that it is constant.

import Basics
import Domain

final class DedupeFilter: Sendable {
    private static let wordsPerBlock = 8
    /// Only these upper bits of a hash survive in the largest runs, so only they may decide.
    private static let unusedBits = UInt64(DedupeEntry.offsetBitsLimit)
    private static let largeRunEvents = 8 << 20

    private let memory: LargeMemory
    private let blocks: UInt64

    init(events: Int) {
        memory = LargeMemory(words: Self.bytes(forEvents: events) / 8, filledWith: 0)
        blocks = UInt64(memory.words.count / Self.wordsPerBlock)
    }

    static func bytes(forEvents events: Int) -> Int {
        let bits = events * (events >= largeRunEvents ? 12 : 16)
        return max(1, (bits + 511) / 512) * wordsPerBlock * 8
    }

    /// A filter read back; nil where the bytes can't be one.
    init?(bytes: [UInt8]) {
        guard !bytes.isEmpty, bytes.count % (Self.wordsPerBlock * 8) == 0 else { return nil }
        memory = LargeMemory(words: bytes.count / 8, filledWith: 0)
        blocks = UInt64(memory.words.count / Self.wordsPerBlock)
        UnsafeMutableRawBufferPointer(memory.words).copyBytes(from: bytes)
    }

    var bytes: Int { memory.words.count * 8 }

    /// `bytes` from `start` on, as they are stored: little-endian words.
    func slice(from start: Int, upTo end: Int) -> [UInt8] { Array(UnsafeRawBufferPointer(memory.words)[start..<end]) }

    func insert(_ hash: UInt64) {
        let base = base(hash)
        var bits = Self.pattern(hash)
        for _ in 0..<6 {
            memory.words[base + Int(bits & 7)] |= 1 << (bits >> 3 & 63)
            bits >>= 9
        }
    }

    /// False: no such id in the run.
    func mayContain(_ hash: UInt64) -> Bool { has(hash, Self.pattern(hash)) != 0 }

    /// Asks for many at once: `answers[k]` becomes 0 where hash k isn't in the run. Without a branch that waits for memory, the
    /// processor looks up a dozen at a time.
    func query(_ hashes: UnsafeBufferPointer<UInt64>, _ patterns: UnsafeBufferPointer<UInt64>, _ answers: UnsafeMutableBufferPointer<UInt8>)
    {
        for k in 0..<hashes.count { answers[k] = UInt8(truncatingIfNeeded: has(hashes[k], patterns[k])) }
    }

    /// Which six bits of a block stand for a hash; the same in every filter.
    @inline(__always)
    static func pattern(_ hash: UInt64) -> UInt64 { ByteHash.mix(hash >> unusedBits) }

    /// 1 or 0.
    @inline(__always)
    private func has(_ hash: UInt64, _ bits: UInt64) -> UInt64 {
        let block = memory.words.baseAddress.unsafelyUnwrapped + base(hash)
        @inline(__always) func bit(_ k: UInt64) -> UInt64 { block[Int(bits >> (9 * k) & 7)] &>> (bits >> (9 * k + 3)) }
        return bit(0) & bit(1) & bit(2) & bit(3) & bit(4) & bit(5) & 1
    }

    /// Blocks divide the hashes in order: building from sorted entries writes memory from front to back.
    @inline(__always)
    private func base(_ hash: UInt64) -> Int { Int(((hash >> 32) &* blocks) >> 32) * Self.wordsPerBlock }
}
