import Basics
import Domain
import Testing

@testable import EventLog

@Suite("Ids as they are stored")
struct StoredIDTests {
    @Test(
        "each form gives back the text it was made from",
        arguments: [
            ("0", StoredID.Form.integer), ("42", .integer), ("9223372036854775807", .integer), ("9223372036854775808", .text),
            ("00", .text), ("-1", .text),
            ("1e3", .text), ("99999999999999999999", .text), ("01234567-89ab-cdef-0123-456789abcdef", .uuid),
            ("01234567-89AB-cdef-0123-456789abcdef", .text),
            ("01234567-89ab-cdef-0123-456789abcdeg", .text), ("0123456789abcdef0123456789abcdef", .text), ("x", .text), ("日本", .text),
        ])
    func forms(text: String, form: StoredID.Form) {
        let bytes = Array(text.utf8)
        bytes.withUnsafeBufferPointer { buffer in
            let id = StoredID(buffer, ByteRange(start: 0, count: bytes.count))
            #expect(id.form == form)
            var out: [UInt8] = []
            id.appendText(from: buffer, to: &out)
            #expect(out == bytes)
            #expect(id.hash(source: NameID(1), key: 7, buffer) == id.hash(source: NameID(1), key: 7, buffer))
            #expect(id.hash(source: NameID(1), key: 7, buffer) != id.hash(source: NameID(2), key: 7, buffer))
            #expect(id.hash(source: NameID(1), key: 7, buffer) != id.hash(source: NameID(1), key: 8, buffer))
        }
    }
}

@Suite("The parts of dedupe")
struct DedupePartsTests {
    @Test("an entry keeps its offset and as much of the hash as it has room for", arguments: [1, 2, 3, 16, 17, 1_000, 262_144, 1 << 27])
    func entries(events: Int) {
        let bits = DedupeEntry.offsetBits(forEvents: events)
        #expect(1 << bits >= events)
        var random = SplitMix64(seed: UInt64(events))
        for offset in [0, events / 2, events - 1] {
            let hash = min(random.next(), DedupeEntry.highestHash)
            let entry = DedupeEntry.make(hash: hash, offset: offset, offsetBits: bits)
            #expect(entry != DedupeEntry.empty)
            #expect(DedupeEntry.offset(of: entry, offsetBits: bits) == offset)
            #expect(DedupeEntry.matches(entry, hash: hash, offsetBits: bits))
            #expect(!DedupeEntry.matches(entry, hash: hash ^ 1 << 40, offsetBits: bits))
        }
    }

    @Test("buckets divide the hashes in order and without gaps", arguments: [1, 2, 3, 7, 580, 4_640])
    func buckets(count: Int) {
        #expect(DedupeEntry.lowestHash(ofBucket: 0, buckets: count) == 0)
        for bucket in 1..<max(count, 2) where bucket < count {
            let lowest = DedupeEntry.lowestHash(ofBucket: bucket, buckets: count) ?? 0
            #expect(DedupeEntry.bucket(ofHash: lowest, buckets: count) == bucket)
            #expect(DedupeEntry.bucket(ofHash: lowest - 1, buckets: count) == bucket - 1)
        }
        #expect(DedupeEntry.bucket(ofHash: .max, buckets: count) == count - 1)
        #expect(DedupeEntry.lowestHash(ofBucket: count, buckets: count) == nil)
    }

    @Test("a table finds what it holds, gives it out sorted, and forgets what is taken back", arguments: [16, 100, 4_000])
    func table(capacity: Int) {
        let table = DedupeTable(firstSeq: 101, capacity: capacity)
        var random = SplitMix64(seed: 9)
        // Half of them crowd at the top, where probing runs over the end.
        let hashes = (0..<capacity).map {
            $0 % 2 == 0 ? min(random.next(), DedupeEntry.highestHash) : DedupeEntry.highestHash - random.next() >> 24
        }
        let kept = capacity / 2
        var slots: [Int] = []
        for (k, hash) in hashes.enumerated() {
            let slot = table.append(hash)
            if k >= kept { slots.append(slot) }
        }
        #expect(table.sortedEntries() == table.sortedEntries().sorted() && table.sortedEntries().count == capacity)
        table.remove(slots)
        #expect(table.count == kept)
        for (k, hash) in hashes.enumerated() {
            let found = table.find(hash) { $0 == 101 + Int64(k) }
            #expect(found == (k < kept ? 101 + Int64(k) : nil))
        }
    }

    @Test("a filter never says no to what it holds, and seldom yes to what it doesn't", arguments: [1, 100, 50_000])
    func filter(events: Int) throws {
        let filter = DedupeFilter(events: events)
        var random = SplitMix64(seed: 3)
        let held = (0..<events).map { _ in random.next() }
        for hash in held { filter.insert(hash) }
        let copy = try #require(DedupeFilter(bytes: filter.slice(from: 0, upTo: filter.bytes)))
        #expect(held.allSatisfy { filter.mayContain($0) && copy.mayContain($0) })
        let strangers = (0..<50_000).filter { _ in filter.mayContain(random.next()) }.count
        #expect(strangers < 250)
    }
}
