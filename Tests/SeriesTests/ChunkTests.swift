import Domain
import State
import Testing

@testable import Series

@Suite("Chunks of buckets")
struct ChunkTests {
    private static func buckets(_ seed: UInt64, level: SeriesLevel) -> [SeriesBucket] {
        var random = SeededRandom(seed)
        var sample = PoolSample.none
        var buckets: [SeriesBucket] = []
        var number = 13_398_912 * SeriesChunk.buckets
        for _ in 0..<60 {
            number += Int64(random.below(3)) + (buckets.isEmpty ? 0 : 1)
            var bucket = SeriesBucket(number, startingAt: level.start(of: number), with: sample)
            for _ in 0...random.below(4) {
                let at = level.start(of: number).adding(microseconds: Int64(random.below(Int(level.width))))
                sample.counts[random.below(8)] = Int32(truncatingIfNeeded: random.next() >> UInt64(random.below(63)))
                sample.oldestRequestedAt = random.below(2) == 0 ? nil : at.adding(microseconds: -Int64(random.below(100_000_000)))
                sample.bands = PoolBands(rawValue: UInt8(random.below(128)))
                bucket.apply(sample, at: at)
            }
            buckets.append(bucket)
        }
        return buckets
    }

    @Test(arguments: SeriesLevel.allCases)
    func whatWasWrittenIsRead(_ level: SeriesLevel) throws {
        for seed in 1...50 {
            let buckets = Self.buckets(UInt64(seed), level: level)
            let number = SeriesChunk.number(ofBucket: buckets[0].number)
            var chunk = SeriesChunk(number: number)
            for bucket in buckets { chunk.append(bucket, level) }
            #expect(try ChunkReader.all(chunk.bytes, number: number, level) == buckets)
        }
    }

    @Test func halfAChunkIsAnError() throws {
        let buckets = Self.buckets(7, level: .minute)
        let number = SeriesChunk.number(ofBucket: buckets[0].number)
        var chunk = SeriesChunk(number: number)
        for bucket in buckets.prefix(3) { chunk.append(bucket, .minute) }
        let whole = chunk.bytes.count
        var shorter = SeriesChunk(number: number)
        for bucket in buckets.prefix(2) { shorter.append(bucket, .minute) }
        // Every cut within the third bucket is noticed.
        for count in (shorter.bytes.count + 1)..<whole {
            #expect(throws: ChunkFault.self) { try ChunkReader.all(Array(chunk.bytes.prefix(count)), number: number, .minute) }
        }
    }

    @Test func anyBytesAreReadOrRefusedAndNeverTrap() {
        var random = SeededRandom(3)
        for _ in 0..<20_000 {
            let bytes = (0..<random.below(60)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = try? ChunkReader.all(bytes, number: Int64(bitPattern: random.next()), .second)
        }
    }
}

/// Numbers that follow from a seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }
}
