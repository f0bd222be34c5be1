import Basics
import Domain
import Testing

@testable import Placement

@Suite struct SnapshotCacheTests {
    private let node = NameID(1)
    private func id(_ number: UInt64) -> SnapshotID { SnapshotID(rawValue: number) }
    private func at(_ seconds: Int) -> LogTime { LogTime.zero.adding(seconds: seconds) }

    private func cache(holding count: UInt64, of bytes: Int64, capacity: Int64) -> SnapshotCache {
        var cache = SnapshotCache()
        cache.setCapacity(capacity, of: node, at: at(0))
        for number in 0..<count { cache.note(id(number), bytes: bytes, on: node, at: at(Int(number))) }
        return cache
    }

    private func held(_ cache: SnapshotCache, _ numbers: Range<UInt64>) -> [UInt64] { numbers.filter { cache.isCached(id($0), on: node) } }

    @Test("a full cache evicts what was used least recently; using it again keeps it")
    func leastRecentlyUsed() {
        var cache = cache(holding: 4, of: 100, capacity: 400)
        cache.note(id(0), bytes: 100, on: node, at: at(10))
        cache.note(id(4), bytes: 100, on: node, at: at(11))
        #expect(held(cache, 0..<5) == [0, 2, 3, 4])
    }

    @Test("a paused actor's snapshot is never evicted, and takes room from the others")
    func paused() {
        var cache = cache(holding: 2, of: 100, capacity: 300)
        cache.keepPaused(id(10), bytes: 250, on: node, at: at(5))
        cache.note(id(2), bytes: 40, on: node, at: at(6))
        #expect(held(cache, 0..<11) == [2, 10])
        cache.drop(id(10), on: node)
        #expect(held(cache, 0..<11) == [2])
    }

    @Test(
        "what a node reports puts the model right",
        arguments: [
            // It evicted one while the model thought 400 of 1,000 bytes used: it holds 400.
            (UInt64(1), 1_000, 400),
            // It evicted one that the model had dropped as beyond 400: it held 500.
            (UInt64(77), 400, 500),
        ])
    func reports(_ snapshot: UInt64, _ before: Int64, _ after: Int64) {
        var cache = cache(holding: 4, of: 100, capacity: before)
        cache.reportEvicted(id(snapshot), bytes: 100, on: node)
        #expect(cache.capacityBytes(of: node) == after)
        #expect(!cache.isCached(id(snapshot), on: node))
        cache.note(id(snapshot), bytes: 100, on: node, at: at(20))
        #expect(cache.isCached(id(snapshot), on: node), "the node says it has it again")
    }

    @Test("value halves with each quarter of an hour, and an outdated snapshot has none")
    func value() {
        var cache = cache(holding: 1, of: 1_000, capacity: 10_000)
        #expect([0, 899, 900, 1_800, 900 * 15, 900 * 16].map { cache.valueBytes(on: node, at: at($0)) } == [1_000, 1_000, 500, 250, 0, 0])
        cache.keepPaused(id(9), bytes: 300, on: node, at: at(0))
        #expect(cache.valueBytes(on: node, at: at(900 * 16)) == 300)
        cache.outdate(id(0))
        #expect(cache.valueBytes(on: node, at: at(0)) == 300)
        #expect(cache.usedBytes(on: node) == 1_300, "it takes its room all the same")
    }

    @Test("every limit holds: entries of a node, copies of a snapshot, nodes, entries in all")
    func limits() {
        var limits = SnapshotCache.Limits()
        (limits.nodes, limits.entriesPerNode, limits.copies, limits.entries) = (5, 4, 2, 12)
        var cache = SnapshotCache(limits: limits)
        var generator = SplitMix64(seed: 1)
        for step in 0..<2_000 {
            cache.note(id(UInt64(generator.below(40))), bytes: 1, on: NameID(UInt32(generator.below(12) + 1)), at: at(step))
            #expect(cache.entryCount <= 12)
        }
        #expect(cache.knownNodes.count <= 5)
        #expect(cache.entries.count <= 12)
        for number in 0..<40 {
            var copies = 0
            cache.forEachNode(with: id(UInt64(number))) { _ in copies += 1 }
            #expect(copies <= 2)
        }
    }

    @Test("sizes that nobody can mean do no harm")
    func absurdSizes() {
        var cache = SnapshotCache()
        for number in 0..<5_000 { cache.keepPaused(id(UInt64(number)), bytes: .max, on: node, at: at(0)) }
        cache.note(id(9_999), bytes: -5, on: node, at: at(0))
        cache.reportEvicted(id(8_888), bytes: .max, on: node)
        #expect(cache.usedBytes(on: node) > 0)
    }
}

@Suite struct RestoreBandwidthTests {
    @Test("the rate is bytes by time, over the restores of a source; a zone counts by itself once it has eight")
    func rates() {
        var bandwidth = RestoreBandwidth()
        #expect(bandwidth.bytesPerSecond(.cold) == 400_000_000)
        for _ in 0..<7 { bandwidth.add(.cold, bytes: 100_000_000, millis: 1_000, zone: NameID(1)) }
        #expect(bandwidth.bytesPerSecond(.cold, zone: NameID(1)) == 100_000_000)
        for _ in 0..<9 { bandwidth.add(.cold, bytes: 300_000_000, millis: 1_000, zone: NameID(2)) }
        #expect(bandwidth.bytesPerSecond(.cold, zone: NameID(2)) == 300_000_000)
        #expect(bandwidth.bytesPerSecond(.cold, zone: NameID(1)) == 212_500_000)
        #expect(bandwidth.bytesPerSecond(.local) == 1_000_000_000)
    }

    @Test("what was measured long ago fades")
    func fades() {
        var bandwidth = RestoreBandwidth()
        for _ in 0..<1_000 { bandwidth.add(.warm, bytes: 1_000_000, millis: 1_000) }
        for _ in 0..<500 { bandwidth.add(.warm, bytes: 1_000_000_000, millis: 1_000) }
        #expect(bandwidth.bytesPerSecond(.warm) > 990_000_000)
    }

    @Test("numbers at the ends do no harm", arguments: [(Int64.max, Int64(1)), (0, 5), (5, 0), (-1, -1), (1, 86_400_000)])
    func ends(_ bytes: Int64, _ millis: Int64) {
        var bandwidth = RestoreBandwidth()
        bandwidth.add(.cold, bytes: bytes, millis: millis)
        #expect(bandwidth.bytesPerSecond(.cold) >= 1)
        #expect(bandwidth.microseconds(.cold, bytes: .max) > 0)
    }
}
